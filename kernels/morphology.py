# SPDX-License-Identifier: GPL-3.0-or-later
"""Grow and shrink masks by a disc. Soft masks stay soft: these are the grey-level operators.

Notation: ``mask`` (H, W) uint8; ``radius`` in pixels, the disc holds offsets with dx^2 + dy^2 <= radius^2. Pixels
beyond the border do not count. Method: the disc is a pile of rows. Widening a maximum by a pixel at either end turns
that over a row into that over a longer one, and so the pile is gone through from the middle outwards: take that row,
widen by what it is longer than the next, take the maximum with the two rows next to it, and so on. All steps are maxima
of whole rows, which run in vectors and in the first cache, and their number grows with the radius, not its square.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial

BANDS = 64
"""Parts the rows are shared out in."""


@serial
def dilate(mask: np.ndarray, radius: float, out: np.ndarray) -> None:
    """Maximum of ``mask`` over the disc around each pixel, into ``out`` (H, W) uint8, another array than ``mask``."""
    _greatest(mask, radius, np.uint8(0), out)


@serial
def erode(mask: np.ndarray, radius: float, out: np.ndarray) -> None:
    """Minimum of ``mask`` over the disc around each pixel, into ``out`` (H, W) uint8, another array than ``mask``."""
    _greatest(mask, radius, np.uint8(255), out)


@parallel
def _greatest(mask: np.ndarray, radius: float, flip: int, out: np.ndarray) -> None:
    """Maximum of ``mask ^ flip`` over the disc, flipped back: with 255 the maximum of the complement is the minimum."""
    height, width = mask.shape
    reach = min(int(radius), max(height - 1, 0))
    for band in numba.prange(BANDS):
        rows = np.zeros((2, width + 2), np.uint8)
        for y in range(band * height // BANDS, (band + 1) * height // BANDS):
            now = 0
            rows[0] = np.uint8(0)
            for away in range(reach + 1):
                _join(mask, y - away, flip, rows[now])
                if away > 0:
                    _join(mask, y + away, flip, rows[now])
                longer = min(_half_length(radius, away), width)
                longer -= min(_half_length(radius, away + 1), width) if away < reach else 0
                for _ in range(longer):
                    _widen(rows[now], rows[1 - now])
                    now = 1 - now
            line, result = rows[now, 1:], out[y]
            for x in range(width):
                result[x] = np.uint8(line[x] ^ np.uint8(flip))


@serial
def _half_length(radius: float, away: int) -> int:
    """Pixels to either side of the middle in the disc's row ``away`` from its own middle one."""
    return int(math.sqrt(radius * radius - away * away)) if away <= radius else 0


@serial
def _join(mask: np.ndarray, y: int, flip: int, out: np.ndarray) -> None:
    """Take the maximum of ``out`` (W + 2,) with row ``y`` of the mask, if there is one."""
    if y < 0 or y >= mask.shape[0]:
        return
    line, inner = mask[y], out[1:]
    for x in range(line.size):
        inner[x] = max(inner[x], np.uint8(line[x] ^ np.uint8(flip)))


@serial
def _widen(line: np.ndarray, out: np.ndarray) -> None:
    """Maximum of each pixel and its two neighbours; ``line`` and ``out`` (W + 2,) have a border of zeros."""
    after, middle = line[2:], out[1:]
    for x in range(line.size - 2):
        middle[x] = max(line[x], line[x + 1], after[x])
