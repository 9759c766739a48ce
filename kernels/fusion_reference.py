# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``fusion.py``."""

from __future__ import annotations

import numpy as np


def fuse(points, projections, views, reach, trust, prior):
    """Field and joint weight (N,) at ``points`` (N, 3); ``views`` are (depth, weight, slope) images, one a camera."""
    total, heard = trust * np.clip(prior, -reach, reach), np.zeros(len(points))
    for matrix, (depth, weight, slope) in zip(projections, views, strict=True):
        row, column, z = _pixels(points, matrix, depth.shape)
        usable = row >= 0
        inside = (z - depth[row, column]) * slope[row, column]
        w = np.where(usable & (inside <= reach), weight[row, column], 0.0)
        total = total + w * np.maximum(inside, -reach)
        heard = heard + w
    return total / (trust + heard), heard


def agreeing(depth, lens, others, projections, tolerance):
    """How many (H, W) of ``others``, depth images, agree with ``depth`` where its places project."""
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]] + 0.5
    z = depth.astype(np.float64)
    points = np.stack([(columns - lens[2]) / lens[0] * z, (rows - lens[3]) / lens[1] * z, z], axis=2).reshape(-1, 3)
    counts = np.zeros(depth.size, int)
    for matrix, other in zip(projections, others, strict=True):
        row, column, there = _pixels(points, matrix, other.shape)
        found = other[row, column]
        counts += (row >= 0) & (found > 0) & (np.abs(found - there) <= tolerance)
    return np.where(depth > 0, counts.reshape(depth.shape), 0)


def _pixels(points, matrix, shape):
    """Row and column (N,) that points fall on, -1 beside the image, and their depth."""
    u, v, z = matrix[:, :3] @ points.T + matrix[:, 3:]
    safe = np.where(z > 0, z, 1.0)
    u, v = u / safe, v / safe
    usable = (z > 0) & (u >= 0) & (v >= 0) & (u < shape[1]) & (v < shape[0])
    return np.where(usable, v, -1).astype(int), np.where(usable, u, -1).astype(int), z
