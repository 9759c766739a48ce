# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``boxes.py``: the same arguments, the result returned."""

from __future__ import annotations

import numpy as np


def alpha_box(alpha: np.ndarray, threshold: int) -> np.ndarray:
    """Box (4,) int64 of the pixels of ``alpha`` (H, W) uint8 above ``threshold``; zeros where there is none."""
    rows, columns = np.nonzero(alpha > threshold)
    if rows.size == 0:
        return np.zeros(4, np.int64)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.int64)


def crop(image: np.ndarray, x0: int, y0: int, height: int, width: int) -> np.ndarray:
    """The (height, width, C) part of ``image`` (H, W, C) uint8 that begins at (x0, y0); 0 beyond it."""
    result = np.zeros((height, width, image.shape[2]), np.uint8)
    top, left = max(y0, 0), max(x0, 0)
    part = image[top : max(y0 + height, 0), left : max(x0 + width, 0)]
    result[top - y0 : top - y0 + part.shape[0], left - x0 : left - x0 + part.shape[1]] = part
    return result
