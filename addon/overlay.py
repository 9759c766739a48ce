# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw over the photo in the image editor: its mask's outline, the prompts (green: object, red: not), the two points of
the known length, a filmstrip.
"""

from __future__ import annotations

from typing import Any

import bpy

from .drawing import RIM, circle, dot, shape
from .mask_operators import board
from .photo_tool import FRAME, SIZE
from .segment_overlay import draw_segment

_OBJECT, _OTHER = (0.25, 0.85, 0.35, 1.0), (0.95, 0.25, 0.2, 1.0)
_handle: Any = None


def add() -> None:
    """Draw from now on, where there is a window to draw in."""
    global _handle  # noqa: PLW0603 - Blender hands out a token that must be kept to remove the callback
    if _handle is None and not bpy.app.background:
        _handle = bpy.types.SpaceImageEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def remove() -> None:
    """Draw no more."""
    global _handle  # noqa: PLW0603 - see above
    if _handle is not None:
        bpy.types.SpaceImageEditor.draw_handler_remove(_handle, "WINDOW")
        _handle = None


def _draw() -> None:
    """Draw what belongs to the photo that this editor shows."""
    context: Any = bpy.context
    image = context.space_data.image
    frame = image.get(FRAME) if image else None
    if frame is None:
        return
    width, height = image[SIZE]
    view = context.region.view2d

    def to_region(x: float, y: float) -> tuple[float, float]:
        return view.view_to_region(x / width, 1 - y / height, clip=False)

    seen = board.shown.get(frame)
    if seen is not None:
        colour = _OBJECT if seen.prompted else sure_colour(seen.confidence)
        for polygon in seen.contour:
            corners = [to_region(x, y) for x, y in polygon]
            shape("LINE_LOOP", corners, RIM, 3.0)
            shape("LINE_LOOP", corners, colour, 1.5)
    # Over the whole width: places in a region are whole numbers.
    per_pixel = abs(to_region(width, 0)[0] - to_region(0, 0)[0]) / width
    for prompt in context.scene.turnaround.prompts:
        if prompt.frame == frame:
            _draw_prompt(prompt, to_region, per_pixel)
    draw_segment(context.scene, frame, to_region)
    if board.shown:
        _draw_filmstrip(context.region.width, frame)


def _draw_prompt(prompt: Any, to_region: Any, per_pixel: float) -> None:
    """One prompt; ``per_pixel`` is region pixels a photo's pixel."""
    x0, y0, x1, y1 = prompt.area
    colour = _OBJECT if prompt.is_object else _OTHER
    start = to_region(x0, y0)
    if prompt.kind == "box":
        end = to_region(x1, y1)
        shape("LINE_LOOP", [start, (end[0], start[1]), end, (start[0], end[1])], _OBJECT, 2.0)
    elif prompt.kind == "stroke":
        path = [to_region(x, y) for x, y in prompt.as_protocol()["points"]]
        shape("LINE_STRIP", path if len(path) > 1 else [path[0], path[0]], (*colour[:3], 0.45), 4.0)
        shape("LINE_LOOP", circle(path[-1], max(prompt.radius * per_pixel, 2.0)), colour, 1.0)
    else:
        dot(start, colour)


def _draw_filmstrip(width: float, frame: str) -> None:
    """A row of cells along the bottom, one a photo, as green as its mask is sure; the one shown stands out."""
    for name, (x0, x1) in film_cells(board.frames, width).items():
        seen = board.shown.get(name)
        high = 16.0 if name == frame else 10.0
        corners = [(x0, 6.0), (x1, 6.0), (x1, 6.0 + high), (x0, 6.0 + high)]
        colour = (0.3, 0.3, 0.3, 0.8) if seen is None else _OBJECT if seen.prompted else sure_colour(seen.confidence)
        shape("TRI_FAN", [((x0 + x1) / 2, 6.0 + high / 2), *corners, corners[0]], colour)


def film_cells(frames: list[str], width: float) -> dict[str, tuple[float, float]]:
    """Left and right end of every photo's cell in a region ``width`` pixels wide."""
    margin, step = 10.0, max((width - 20.0) / max(len(frames), 1), 1.0)
    gap = 1.0 if step > 3 else 0.0
    return {name: (margin + i * step, margin + (i + 1) * step - gap) for i, name in enumerate(frames)}


def sure_colour(confidence: float) -> tuple[float, float, float, float]:
    """From red over yellow to a bluish green; the marked photos' own green is another."""
    share = min(max((confidence - 0.3) / 0.6, 0.0), 1.0)
    return (0.95 - 0.75 * share, 0.25 + 0.55 * share, 0.15 + 0.45 * share, 1.0)
