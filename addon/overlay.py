# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the prompts over their photo in the image editor: green for the object, red for what is not."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import bpy

from .marking import FRAME, SIZE

_OBJECT, _OTHER, _RIM = (0.25, 0.85, 0.35, 1.0), (0.95, 0.25, 0.2, 1.0), (0.0, 0.0, 0.0, 0.9)
_RADIUS = 6.0
_CORNERS = 20
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
    """Draw the prompts of the photo that this editor shows."""
    context: Any = bpy.context
    image = context.space_data.image
    frame = image.get(FRAME) if image else None
    if frame is None:
        return
    width, height = image[SIZE]
    to_region = context.region.view2d.view_to_region
    for prompt in context.scene.turnaround.prompts:
        if prompt.frame != frame:
            continue
        x0, y0, x1, y1 = prompt.area
        start = to_region(x0 / width, 1 - y0 / height, clip=False)
        if prompt.kind == "box":
            end = to_region(x1 / width, 1 - y1 / height, clip=False)
            outline = [start, (end[0], start[1]), end, (start[0], end[1])]
            _shape("LINE_LOOP", outline, _OBJECT, 2.0)
        else:
            _shape("TRI_FAN", _circle(start, _RADIUS + 1.5), _RIM)
            _shape("TRI_FAN", _circle(start, _RADIUS), _OBJECT if prompt.is_object else _OTHER)


def _circle(centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """Corners of a round shape, region pixels."""
    step = 2 * math.pi / _CORNERS
    return [(centre[0] + radius * math.cos(i * step), centre[1] + radius * math.sin(i * step)) for i in range(_CORNERS)]


def _shape(kind: str, corners: list[Any], colour: tuple[float, float, float, float], line: float = 1.0) -> None:
    """Draw one shape of one colour, region pixels."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    if kind == "LINE_LOOP":
        kind, corners = "LINE_STRIP", [*corners, corners[0]]
    if kind == "TRI_FAN":
        # Metal and Vulkan have no fans.
        kind, corners = "TRIS", [c for a, b in pairwise(corners[1:]) for c in (corners[0], a, b)]
    shaders: Any = gpu.shader
    shader = shaders.from_builtin("UNIFORM_COLOR")
    gpu.state.line_width_set(line)
    shader.uniform_float("color", colour)
    make_batch: Any = batch_for_shader
    make_batch(shader, kind, {"pos": corners}).draw(shader)
    gpu.state.line_width_set(1.0)
