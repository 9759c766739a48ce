# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour from direction, as geometry nodes: real spherical harmonics to degree 3 in the order and signs of 3DGS.

Colour = 0.5 + sum over k of Y_k(d) sh_k, held at 0 from below, d the unit direction from the eye to the splat. Photos'
colours are sRGB; what leaves here is scene-linear.
"""

from __future__ import annotations

import math
from typing import Any

from .eye import Seen
from .fields import Field, in_a_group, named, vector_of

HARMONICS = tuple(f"sh_{k:02d}" for k in range(16))
"""Attributes of three numbers each, red, green and blue; a file of a lower degree has the first 1, 4 or 9."""
_C0 = 0.5 / math.sqrt(math.pi)
_C1 = math.sqrt(3.0 / (4.0 * math.pi))
_C20 = 0.5 * math.sqrt(15.0 / math.pi)
_C22 = 0.25 * math.sqrt(5.0 / math.pi)
_C30 = 0.25 * math.sqrt(35.0 / (2.0 * math.pi))
_C31 = 0.5 * math.sqrt(105.0 / math.pi)
_C32 = 0.25 * math.sqrt(21.0 / (2.0 * math.pi))
_C33 = 0.25 * math.sqrt(7.0 / math.pi)


def colour(group: Any, source: Any, seen: Seen, dependent: str) -> Field:
    """The scene-linear colour of each splat; where the group's input ``dependent`` is off, that of no direction."""
    given = {"direction": seen.direction, "dependent": Field(group, source.outputs[dependent])}
    return in_a_group(group, "Turnaround Colour", given, _colour)["colour"]


def _colour(group: Any, given: dict[str, Field]) -> dict[str, Field]:
    """The nodes of ``colour``."""
    flat = named(group, HARMONICS[0], "FLOAT_VECTOR") * _C0 + 0.5
    full = flat
    for name, weight in zip(HARMONICS[1:], basis(given["direction"]), strict=True):
        # A number fed to a vector's socket counts for all three.
        full = named(group, name, "FLOAT_VECTOR").apply("MULTIPLY_ADD", weight, full)
    switch = group.nodes.new("GeometryNodeSwitch")
    switch.input_type = "VECTOR"
    group.links.new(given["dependent"].socket, switch.inputs[0])
    group.links.new(flat.socket, switch.inputs[1])
    group.links.new(full.socket, switch.inputs[2])
    return {"colour": _linear(group, Field(group, switch.outputs[0], True).apply("MAXIMUM", 0.0))}


def basis(direction: Field) -> list[Field]:
    """Harmonics 1 to 15 of a unit ``direction``."""
    x, y, z = direction.parts()
    xx, yy, zz = x * x, y * y, z * z
    return [
        y * -_C1,
        z * _C1,
        x * -_C1,
        x * y * _C20,
        y * z * -_C20,
        (zz * 2.0 - xx - yy) * _C22,
        x * z * -_C20,
        (xx - yy) * (0.5 * _C20),
        y * (xx * 3.0 - yy) * -_C30,
        x * y * z * _C31,
        y * (zz * 4.0 - xx - yy) * -_C32,
        z * (zz * 2.0 - xx * 3.0 - yy * 3.0) * _C33,
        x * (zz * 4.0 - xx - yy) * -_C32,
        z * (xx - yy) * (0.5 * _C31),
        x * (xx - yy * 3.0) * -_C30,
    ]


def _linear(group: Any, srgb: Field) -> Field:
    """Scene-linear values of sRGB ones (IEC 61966-2-1), continued above 1."""
    parts = []
    for value in srgb.parts():
        high = ((value + 0.055) / 1.055).apply("POWER", 2.4)
        is_high = value.apply("GREATER_THAN", 0.04045)
        low = value / 12.92
        parts.append(low + (high - low) * is_high)
    return vector_of(group, *parts)
