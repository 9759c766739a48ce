# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``mattes.py``, by comparing every pixel with every other: for small masks. Results returned."""

from __future__ import annotations

import numpy as np


def _squares(to: np.ndarray) -> np.ndarray:
    """Squared distances (H * W, N) of all pixels to the N pixels where ``to`` (H, W) is true."""
    y, x = np.indices(to.shape).reshape(2, -1)
    rows, columns = np.nonzero(to)
    return (y[:, None] - rows) ** 2 + (x[:, None] - columns) ** 2


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Signed distance to the edge of ``mask`` (H, W) uint8; (H, W) float32."""
    inside = mask > 127
    result = np.where(inside, np.inf, -np.inf).astype(np.float32)
    if inside.any() and not inside.all():
        to_outside = np.sqrt(_squares(~inside).min(1)).reshape(mask.shape) - 0.5
        to_inside = np.sqrt(_squares(inside).min(1)).reshape(mask.shape) - 0.5
        result = np.where(inside, to_outside, -to_inside).astype(np.float32)
    return result


def nearest_inside(mask: np.ndarray) -> np.ndarray:
    """Flat index of the nearest pixel of the object, of several the first; (H, W) int32, -1 where there is none."""
    inside = mask > 127
    if not inside.any():
        return np.full(mask.shape, -1, np.int32)
    return np.flatnonzero(inside)[_squares(inside).argmin(1)].reshape(mask.shape).astype(np.int32)


def feather(mask: np.ndarray, width: float, offset: float) -> np.ndarray:
    """Matte that rises over ``width`` pixels across the edge, moved outwards by ``offset``; (H, W) uint8."""
    depth = signed_distance(mask) + np.float32(offset)
    share = np.clip(depth / width + 0.5, 0, 1) if width > 0 else (depth > 0).astype(np.float32)
    return (share * 255 + 0.5).astype(np.uint8)
