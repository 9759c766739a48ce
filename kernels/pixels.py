# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic on one packed pixel, for loops over rows to inline: no branches, no bytes apart, so that they vectorise.

Notation: a pixel is a uint32 of RGBA bytes in memory order on a little-endian machine: red + 256 green + 65536 blue
+ 2^24 alpha. Two channels are worked on at once in lanes of 16 bits. Division by 255 is exact and rounded:
t = v + 128, (t + t / 256) / 256 (Blinn 1995, "Three wrongs make a right").
"""

from __future__ import annotations

import numpy as np

from ._jit import serial

LANES = np.uint32(0x00FF00FF)
HALVES = np.uint32(0x00800080)
LANE = np.uint32(0xFF)
HALF = np.uint32(0x80)
ALPHA = np.uint32(0xFF000000)
EIGHT = np.uint32(8)
SIXTEEN = np.uint32(16)
TOP = np.uint32(24)


@serial
def premultiplied(pixel: np.uint32) -> np.uint32:
    """Straight to premultiplied alpha."""
    alpha = pixel >> TOP
    outer = np.uint32(np.uint32((pixel & LANES) * alpha) + HALVES)
    green = np.uint32(np.uint32(((pixel >> EIGHT) & LANE) * alpha) + HALF)
    return np.uint32(_lanes(outer) | _green(green) | (pixel & ALPHA))


@serial
def straight(pixel: np.uint32) -> np.uint32:
    """Premultiplied to straight alpha, rounded; colours beyond alpha become 255, and all is 0 where alpha is 0.

    In 32-bit floating point: (255 c + a / 2 + 1 / 2) / a is never nearer to a whole number than 1 / 2a, which is
    thirty times the rounding error, and so its whole part is exact.
    """
    alpha = np.int32(pixel >> TOP)
    scale = np.float32(1) / np.float32(max(alpha, np.int32(1)))
    half = np.float32(alpha >> np.int32(1)) + np.float32(0.5)
    red = _divided(pixel & LANE, half, scale)
    green = _divided((pixel >> EIGHT) & LANE, half, scale)
    blue = _divided((pixel >> SIXTEEN) & LANE, half, scale)
    colour = np.uint32(red | np.uint32(green << EIGHT) | np.uint32(blue << SIXTEEN) | (pixel & ALPHA))
    return np.uint32(colour if alpha > 0 else np.uint32(0))


@serial
def over(pixel: np.uint32, below: np.uint32) -> np.uint32:
    """A straight pixel over an opaque one, opaque: a c + (255 - a) b, as a (c - b) + 255 b modulo 2^32."""
    alpha = pixel >> TOP
    outer = below & LANES
    green = (below >> EIGHT) & LANE
    outer = np.uint32(_scaled(pixel & LANES, outer, alpha) + HALVES)
    green = np.uint32(_scaled((pixel >> EIGHT) & LANE, green, alpha) + HALF)
    return np.uint32(_lanes(outer) | _green(green) | ALPHA)


@serial
def _scaled(above: np.uint32, below: np.uint32, alpha: np.uint32) -> np.uint32:
    """Sum of alpha (above - below) and 255 below, modulo 2^32."""
    # Numba makes sums of 32-bit numbers 64 bits wide, and vectors of those hold half as many: each is cut back.
    difference = np.uint32(np.uint32(above - below) * alpha)
    return np.uint32(difference + np.uint32(np.uint32(below << EIGHT) - below))


@serial
def joined(red: np.uint8, green: np.uint8, blue: np.uint8, alpha: np.uint8) -> np.uint32:
    """Pack four bytes."""
    outer = np.uint32(red) | np.uint32(np.uint32(blue) << SIXTEEN)
    inner = np.uint32(np.uint32(green) << EIGHT) | np.uint32(np.uint32(alpha) << TOP)
    return np.uint32(outer | inner)


@serial
def _lanes(values: np.uint32) -> np.uint32:
    return np.uint32((np.uint32(values + ((values >> EIGHT) & LANES)) >> EIGHT) & LANES)


@serial
def _green(value: np.uint32) -> np.uint32:
    return np.uint32(np.uint32(value + (value >> EIGHT)) & np.uint32(0xFF00))


@serial
def _divided(level: np.uint32, half: np.float32, scale: np.float32) -> np.uint32:
    value = (np.float32(np.int32(level)) * np.float32(255) + half) * scale
    return np.uint32(min(np.int32(value), np.int32(255)))
