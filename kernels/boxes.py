# SPDX-License-Identifier: GPL-3.0-or-later
"""The box around what is not transparent, and a part of a picture.

Notation: boxes are half open, (x0, y0, x1, y1) in pixels with x0 <= x < x1 and y0 <= y < y1.
"""

from __future__ import annotations

import numba
import numpy as np

from ._jit import parallel


@parallel
def alpha_box(alpha: np.ndarray, threshold: int, out: np.ndarray) -> None:
    """Smallest box of pixels of ``alpha`` (H, W) uint8 above ``threshold``, into ``out`` (4,) int64; zeros: none."""
    height, width = alpha.shape
    firsts = np.full(height, width, np.int64)
    lasts = np.full(height, -1, np.int64)
    for y in numba.prange(height):
        for x in range(width):
            if alpha[y, x] > threshold:
                firsts[y] = x
                break
        for x in range(width - 1, -1, -1):
            if alpha[y, x] > threshold:
                lasts[y] = x
                break
    x0, y0, x1, y1 = width, height, 0, 0
    for y in range(height):
        if lasts[y] >= 0:
            x0, x1 = min(x0, firsts[y]), max(x1, lasts[y] + 1)
            y0, y1 = min(y0, y), y + 1
    if x1 == 0:
        x0, y0 = 0, 0
    out[0], out[1], out[2], out[3] = x0, y0, x1, y1


@parallel
def crop(image: np.ndarray, x0: int, y0: int, out: np.ndarray) -> None:
    """The part of ``image`` (H, W, C) uint8 that begins at (x0, y0), of the size of ``out`` (h, w, C); 0 beyond it."""
    height, width, channels = image.shape
    for y in numba.prange(out.shape[0]):
        for x in range(out.shape[1]):
            inside = 0 <= y + y0 < height and 0 <= x + x0 < width
            for c in range(channels):
                out[y, x, c] = image[y + y0, x + x0, c] if inside else 0
