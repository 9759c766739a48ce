# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the 3D views of a window show what was just imported: in its colours, and filling the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from mathutils import Vector

if TYPE_CHECKING:
    from collections.abc import Iterator


def show(context: Any, item: bpy.types.Object) -> None:
    """Colour solid views by vertex colours where they still have Blender's default, and frame ``item`` in them.

    A view through a camera is left as it is. Without a window (background mode) there is nothing to do.
    """
    for area, region in _views(context):
        space: Any = area.spaces.active
        shading = space.shading
        if shading.type == "SOLID" and shading.color_type == "MATERIAL":
            shading.color_type = "VERTEX"
        # A dashed line from the root to each of a hundred cameras hides the object.
        space.overlay.show_relationship_lines = False
        if space.region_3d.view_perspective == "CAMERA":
            continue
        selected = list(context.selected_objects)
        for other in selected:
            other.select_set(False)
        item.select_set(True)
        with context.temp_override(area=area, region=region):
            bpy.ops.view3d.view_selected()
            _clear_of_sidebar(space.region_3d, area, region)
        item.select_set(False)
        for other in selected:
            other.select_set(True)


def _clear_of_sidebar(view: Any, area: Any, region: Any) -> None:
    """Move what fills the view to the middle of what the sidebar leaves of it, and make it fit there."""
    side = next((r for r in area.regions if r.type == "UI" and r.width > 1), None)
    covered = region.x + region.width - side.x if side is not None and side.x > region.x else 0
    if not 0 < covered < region.width:
        return
    view.view_distance *= region.width / (region.width - covered)
    view.update()
    # Half of the view's width is 1 / m00 at distance 1, or anywhere without perspective.
    depth = view.view_distance if view.is_perspective else 1.0
    shift = covered / region.width * depth / view.window_matrix[0][0]
    view.view_location += view.view_rotation @ Vector((shift, 0.0, 0.0))


def _views(context: Any) -> Iterator[tuple[Any, Any]]:
    """The 3D views of the context's window, each with its main region."""
    if context.window is None:
        return
    for area in context.window.screen.areas:
        if area.type == "VIEW_3D":
            for region in area.regions:
                if region.type == "WINDOW":
                    yield area, region
