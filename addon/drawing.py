# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain shapes and texts over a region of Blender, in its pixels; only inside a draw handler."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

RIM = (0.0, 0.0, 0.0, 0.9)
_RADIUS = 6.0
_CORNERS = 20
_PADDING = 5.0
_FONT = 0


def dot(place: tuple[float, float], colour: tuple[float, float, float, float]) -> None:
    """A dot with a dark rim, region pixels."""
    shape("TRI_FAN", circle(place, _RADIUS + 1.5), RIM)
    shape("TRI_FAN", circle(place, _RADIUS), colour)


def circle(centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """Corners of a round shape, region pixels."""
    step = 2 * math.pi / _CORNERS
    return [(centre[0] + radius * math.cos(i * step), centre[1] + radius * math.sin(i * step)) for i in range(_CORNERS)]


def shape(kind: str, corners: list[Any], colour: tuple[float, float, float, float], line: float = 1.0) -> None:
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


def text(middle: tuple[float, float], line: str, colour: tuple[float, float, float, float], size: float) -> None:
    """A line of text around ``middle`` on a dark ground; ``size`` is of its letters, pixels."""
    import blf

    font: Any = blf
    font.size(_FONT, size)
    width, height = font.dimensions(_FONT, line)
    left, low = middle[0] - width / 2, middle[1] - height / 2
    x0, x1, y0, y1 = left - _PADDING, left + width + _PADDING, low - _PADDING, low + height + _PADDING
    shape("TRI_FAN", [middle, (x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], RIM)
    font.position(_FONT, left, low, 0.0)
    font.color(_FONT, *colour)
    font.draw(_FONT, line)
