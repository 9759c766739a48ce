# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse visual hull (Laurentini 1994) from the masks: enough to know where the object is and how large.

Each voxel is kept when nearly all belief in the masks that see it says "object"; a strict hull would lose whatever one
bad mask leaves out. Only its bounds are used, so some 50 voxels a side are enough.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .silhouettes import Silhouettes

_SHARES = (0.85, 0.7, 0.55)
"""Shares of belief tried in turn. On the four sets with a known box, 0.85 bounds the sides within 1 per cent of the
diagonal (5 for a single ring); at 0.93 the arm of the toy digger, thinner than a voxel, is lost, and 10 with it.
"""
_KEPT = 0.4
"""Least share of the next looser hull's volume that a hull must keep to be believed."""
_LEAST_SEEN = 0.5
_TRIM = 0.02
"""Per cent of the voxels cut off at each end of each axis: spikes where few views cut."""


def hull_box(
    silhouettes: Silhouettes, axes: np.ndarray, centre: np.ndarray, half: np.ndarray, side: int = 56
) -> np.ndarray | None:
    """Bounds (2, 3) of the hull along ``axes``, or None where nothing is left.

    ``axes`` (3, 3): rotation aligned_from_world; the bounds are in the aligned frame, as are ``centre`` (3,) and
    ``half`` (3,), the middle and the half sizes of the region searched. Voxels are cubes of ``2 max(half) / side``.
    """
    step = 2.0 * float(np.max(half)) / side
    counts = np.maximum(np.ceil(2.0 * half / step).astype(int), 2)
    lines = [c + step * (np.arange(n) - (n - 1) / 2) for c, n in zip(centre, counts, strict=True)]
    a, b, c = np.meshgrid(*lines, indexing="ij")
    in_world = [axes[0, i] * a + axes[1, i] * b + axes[2, i] * c for i in range(3)]
    share, seen = silhouettes.share_inside(np.stack(in_world, axis=-1).reshape(-1, 3))
    share = np.where(seen >= _LEAST_SEEN, share, 0.0).reshape(counts)
    hulls = [_largest_part(share >= least) for least in _SHARES]
    for tight, loose in zip(hulls, [*hulls[1:], hulls[-1]], strict=True):
        if len(tight) >= max(8, _KEPT * len(loose)):
            low, high = np.percentile(tight, [_TRIM, 100 - _TRIM], axis=0)
            origin = np.array([line[0] for line in lines])
            return np.stack([origin + (low - 0.5) * step, origin + (high + 0.5) * step])
    return None


def _largest_part(inside: np.ndarray) -> np.ndarray:
    """Indices (N, 3) of the largest connected part of a grid of bool."""
    labels, number = ndimage.label(inside)
    if not number:
        return np.zeros((0, 3), np.int64)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.argwhere(labels == np.argmax(sizes))
