# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the two points of the known length on their photo: a line between rings, and the length beside it."""

from __future__ import annotations

import math
from typing import Any

import bpy

from .drawing import RIM, circle, shape, text
from .segment_operators import previewed
from .segments import POINTS, ends_on

Place = tuple[float, float]

_USED, _KEPT = (1.0, 0.65, 0.1, 1.0), (0.65, 0.65, 0.65, 1.0)
_RING, _CROSS = 8.0, 3.0
_AWAY = 18.0
"""Pixels of the screen from the line to the middle of its text."""


def draw_segment(scene: Any, frame: str, to_region: Any) -> None:
    """What is marked on ``frame``, and what the mouse is about to mark; ``to_region``: the photo's to region pixels."""
    settings = scene.turnaround
    places = [to_region(*end) for end in previewed(frame, ends_on(settings, frame))]
    used = settings.use_length and settings.length_of == POINTS
    colour = _USED if used else _KEPT
    if len(places) == 2:
        for line, shade in ((4.0, RIM), (2.0, colour)):
            shape("LINE_STRIP", places, shade, line)
    for x, y in places:
        for line, shade in ((3.5, RIM), (1.5, colour)):
            shape("LINE_LOOP", circle((x, y), _RING), shade, line)
            shape("LINE_STRIP", [(x - _CROSS, y), (x + _CROSS, y)], shade, line)
            shape("LINE_STRIP", [(x, y - _CROSS), (x, y + _CROSS)], shade, line)
    if len(places) == 2 and used:
        text(beside(*places), said(scene), colour, 14.0 * interface_scale())


def said(scene: Any) -> str:
    """The length in the scene's system of units."""
    units, length = scene.unit_settings, scene.turnaround.length
    value: str = bpy.utils.units.to_string(units.system, "LENGTH", length * units.scale_length, precision=4)
    return value.strip()  # without a system, there is a space for the unit that is not named


def beside(first: Place, second: Place) -> Place:
    """Where the text goes: beside the middle of the line from ``first`` to ``second``, above it rather than below."""
    x, y = second[0] - first[0], second[1] - first[1]
    length = math.hypot(x, y) or 1.0
    side = 1.0 if x >= 0 else -1.0
    # A line of text is wider than high, so it needs more room beside an upright line.
    room = _AWAY * interface_scale() * (1.0 + abs(y) / length)
    middle = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)
    return middle[0] - side * room * y / length, middle[1] + side * room * x / length


def interface_scale() -> float:
    """How large Blender draws its texts; 1 without a window, where it knows none."""
    preferences: Any = bpy.context.preferences
    return float(preferences.system.ui_scale) or 1.0
