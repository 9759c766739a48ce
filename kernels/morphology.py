# SPDX-License-Identifier: GPL-3.0-or-later
"""Grow and shrink masks by a disc. Soft masks stay soft: these are the grey-level operators.

Notation: ``mask`` (H, W) uint8; ``radius`` in pixels, the disc holds offsets with dx^2 + dy^2 <= radius^2. Pixels
beyond the border do not count. Method: the disc is cut into rows, and the maximum over a row of any length is the
maximum of two overlapping runs whose lengths are powers of two (Urbach and Wilkinson 2008), so that the cost a pixel
grows with the radius and not with its square.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial


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
    reach_y = min(int(radius), max(height - 1, 0))
    reach_x = min(int(radius), max(width - 1, 0))
    levels = _log2(2 * reach_x + 1) + 1
    # runs[k, y, x]: maximum over the 2^k pixels from x on, of rows padded by zeros on both sides.
    runs = np.zeros((levels, height, width + 2 * reach_x), np.uint8)
    for y in numba.prange(height):
        for x in range(width):
            runs[0, y, x + reach_x] = mask[y, x] ^ flip
        for k in range(1, levels):
            half = 1 << (k - 1)
            for x in range(width + 2 * reach_x - 2 * half + 1):
                runs[k, y, x] = max(runs[k - 1, y, x], runs[k - 1, y, x + half])
    for y in numba.prange(height):
        for x in range(width):
            out[y, x] = 0
        for row in range(max(y - reach_y, 0), min(y + reach_y + 1, height)):
            half_width = min(int(math.sqrt(radius * radius - (row - y) * (row - y))), reach_x)
            k = _log2(2 * half_width + 1)
            first = reach_x - half_width
            second = reach_x + half_width + 1 - (1 << k)
            for x in range(width):
                out[y, x] = max(out[y, x], runs[k, row, x + first], runs[k, row, x + second])
        for x in range(width):
            out[y, x] ^= flip


@serial
def _log2(value: int) -> int:
    """Largest k with 2^k <= value."""
    k = 0
    while (2 << k) <= value:
        k += 1
    return k
