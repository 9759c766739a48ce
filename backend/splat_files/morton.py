# SPDX-License-Identifier: GPL-3.0-or-later
"""Z-order: neighbours in space become neighbours in a list, so that chunks of a list are small in space."""

from __future__ import annotations

import numpy as np


def order(points: np.ndarray) -> np.ndarray:
    """Indices (N,) that sort ``points`` (N, 3) along Morton's curve over 1024 cells a side; ties keep their order."""
    if len(points) == 0:
        return np.zeros(0, np.int64)
    low = points.min(axis=0).astype(np.float64)
    extent = np.maximum(points.max(axis=0) - low, np.finfo(np.float32).tiny)
    cells = np.minimum((points - low) / extent * 1024, 1023).astype(np.uint32)
    x, y, z = (_spread(cells[:, axis]) for axis in range(3))
    return np.argsort(x | (y << np.uint32(1)) | (z << np.uint32(2)), kind="stable")


def _spread(values: np.ndarray) -> np.ndarray:
    """Two zero bits between any two of the lowest ten bits (the usual magic masks)."""
    values = (values | (values << np.uint32(16))) & np.uint32(0x030000FF)
    values = (values | (values << np.uint32(8))) & np.uint32(0x0300F00F)
    values = (values | (values << np.uint32(4))) & np.uint32(0x030C30C3)
    return (values | (values << np.uint32(2))) & np.uint32(0x09249249)
