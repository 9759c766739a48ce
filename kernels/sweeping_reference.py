# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``sweeping.py``."""

from __future__ import annotations

import numpy as np

from .sweeping import _LEAST_FILLED, _NOISE, UNKNOWN


def warped(depth, shift, lens, matrix, image, seen):
    """``image`` (h, w) as the reference would see it on the surface ``shift`` deeper, -1 where it shows nothing."""
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]] + 0.5
    z = np.where(depth > 0, depth.astype(np.float64) + shift, -1.0)
    points = np.stack([(columns - lens[2]) / lens[0] * z, (rows - lens[3]) / lens[1] * z, z, np.ones_like(z)])
    u, v, w = np.tensordot(matrix, points, 1)
    usable = (z > 0) & (w > 0) & (seen > 0)
    x, y = u / np.where(usable, w, 1.0) - 0.5, v / np.where(usable, w, 1.0) - 0.5
    height, width = image.shape
    usable &= (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    x, y = np.where(usable, x, 0.0), np.where(usable, y, 0.0)
    column, row = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    a, b = x - column, y - row
    upper = image[row, column] * (1 - a) + image[row, column + 1] * a
    lower = image[row + 1, column] * (1 - a) + image[row + 1, column + 1] * a
    return np.where(usable, upper * (1 - b) + lower * b, -1.0).astype(np.float32)


def correlation(reference, other, radius):
    """Normalised correlation of the windows around each pixel, over those pixels that ``other`` has."""
    out = np.full(other.shape, UNKNOWN, np.float32)
    for row, column in np.argwhere(other >= 0):
        window = np.s_[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
        filled = other[window] >= 0
        if filled.sum() < _LEAST_FILLED * (2 * radius + 1) ** 2:
            continue
        a, b = reference[window][filled].astype(float), other[window][filled].astype(float)
        ab = ((a - a.mean()) * (b - b.mean())).mean()
        out[row, column] = ab / np.sqrt((a.var() + _NOISE) * (b.var() + _NOISE))
    return out


def sweep(reference, depth, lens, shifts, pictures, projections, seen, radius, best):
    """Agreement (H, W, K) float32; ``pictures`` is the list of the neighbours' photos."""
    out = np.full((*depth.shape, len(shifts)), UNKNOWN, np.float32)
    for k, shift in enumerate(shifts):
        scores = [
            correlation(reference, warped(depth, shift, lens, p, image, s), radius)
            for p, image, s in zip(projections, pictures, seen, strict=True)
        ]
        for row, column in np.ndindex(depth.shape):
            known = sorted((s[row, column] for s in scores if s[row, column] > -1.5), reverse=True)
            if len(known) >= 2:
                out[row, column, k] = np.mean(known[: min(best, max((len(known) + 1) // 2, 2))])
    return out
