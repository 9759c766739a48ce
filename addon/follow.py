# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell splats from where a viewport looks, a moment after it has come to rest.

Geometry nodes cannot ask a viewport. A draw callback notices that a view has changed; what it finds is written by a
timer, because Blender forbids changes while it draws. With several views the one that moved last counts.
"""

from __future__ import annotations

from typing import Any

import bpy

from .compat import custom

REST_SECONDS = 0.12
"""Splats of 200,000 take about as long to draw anew; sooner would make turning the view stutter."""
MARK = "turnaround_splats"
_handle: Any = None
_views: dict[int, tuple[float, ...]] = {}
_waiting: tuple[Any, float, bool, float] | None = None


def add() -> None:
    """Follow from now on, where there is a window."""
    global _handle  # noqa: PLW0603 - Blender hands out a token that must be kept to remove the callback
    if _handle is None and not bpy.app.background:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_drawn, (), "WINDOW", "POST_VIEW")


def remove() -> None:
    """Follow no more."""
    global _handle, _waiting  # noqa: PLW0603 - see above
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
    if bpy.app.timers.is_registered(_tell):
        bpy.app.timers.unregister(_tell)
    _waiting = None
    _views.clear()


def tell(item: Any, world_from_eye: Any, pixel: float, perspective: bool, reach: float = 1.0) -> None:
    """Draw the splats of ``item`` for the eye at ``world_from_eye`` (4, 4), Blender's camera axes.

    ``pixel`` is the width of a pixel at distance 1 (without perspective: anywhere), in the world's units; ``reach`` is
    less than 1 where the view shows plain squares.
    """
    from .compat import set_input
    from .importer import eye
    from .importer.splats import modifier_of

    modifier = modifier_of(item)
    if modifier is None:
        return
    place = item.matrix_world.inverted_safe() @ world_from_eye
    # A pixel's width is an angle with perspective, else a length, which the object's scale changes.
    size = 1.0 if perspective else 1.0 / max(item.matrix_world.median_scale, 1e-12)
    for name, value in (
        (eye.TOLD, True),
        (eye.PLACE, place.translation[:]),
        (eye.TURN, place.to_quaternion().to_euler()[:]),
        (eye.PIXEL, pixel * size),
        (eye.PERSPECTIVE, float(perspective)),
        (eye.REACH, reach),
    ):
        set_input(modifier, name, value)
    item.update_tag()


def _drawn() -> None:
    """After a view was drawn: if it has moved, wait until it rests."""
    global _waiting  # noqa: PLW0603 - the view that moved last
    context: Any = bpy.context
    view, region = context.region_data, context.region
    if view is None or region is None:
        return
    # Solid views draw no material: squares of a third of the reach look like dabs of paint instead of a heap of cards.
    reach = 1.0 if context.space_data.shading.type in {"MATERIAL", "RENDERED"} else 0.33
    matrix = (reach, *(round(v, 6) for row in view.perspective_matrix for v in row))
    key = view.as_pointer()
    if _views.get(key) == matrix:
        return
    _views[key] = matrix
    if not any(custom(item, MARK) for item in context.scene.objects):
        return
    pixel = 2.0 / max(abs(view.window_matrix[0][0]) * max(region.width, 1), 1e-12)
    _waiting = (view.view_matrix.inverted_safe(), pixel, bool(view.window_matrix[3][3] == 0.0), reach)
    if bpy.app.timers.is_registered(_tell):
        bpy.app.timers.unregister(_tell)
    bpy.app.timers.register(_tell, first_interval=REST_SECONDS)


def _tell() -> None:
    """The timer: write what the last moved view sees."""
    scene: Any = bpy.context.scene
    if _waiting is None or scene is None:
        return
    for item in scene.objects:
        if custom(item, MARK) and item.visible_get():
            tell(item, *_waiting)
