# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``carving.py``: every view's distance at every point, sorted, then overruled from below."""

from __future__ import annotations

import numpy as np

OUTSIDE = -1e3
KEPT = 8


def _bilinear(image: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Bilinear values (N,) of ``image`` (H, W) at pixels (u, v), clamped to the border."""
    height, width = image.shape
    u, v = np.clip(u - 0.5, 0, width - 1), np.clip(v - 0.5, 0, height - 1)
    column, row = np.floor(u).astype(int), np.floor(v).astype(int)
    right, below = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    a, b = u - column, v - row
    upper = image[row, column] * (1 - a) + image[row, right] * a
    lower = image[below, column] * (1 - a) + image[below, right] * a
    return upper * (1 - b) + lower * b


def _view_distances(
    points: np.ndarray,
    projections: np.ndarray,
    distances: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    focals: np.ndarray,
) -> np.ndarray:
    """Signed distances (V, N) in world units, inf where the point lies outside the image."""
    result = np.full((len(projections), len(points)), np.inf)
    for i, (projection, (height, width)) in enumerate(zip(projections, sizes, strict=True)):
        image = distances[starts[i] : starts[i] + height * width].reshape(height, width)
        x = points @ projection[:, :3].T + projection[:, 3]
        front = x[:, 2] > 1e-9
        depth = np.where(front, x[:, 2], 1.0)
        u, v = x[:, 0] / depth, x[:, 1] / depth
        inside = front & (u >= 0) & (v >= 0) & (u <= width) & (v <= height)
        result[i, inside] = _bilinear(image, u[inside], v[inside]) * depth[inside] / focals[i]
    return result


def carve_points(
    points: np.ndarray,
    projections: np.ndarray,
    distances: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    focals: np.ndarray,
    weights: np.ndarray,
    margin: float,
    budget: float,
    least_seen: float,
    out: np.ndarray,
) -> None:
    """The field at points; arguments as ``carving.carve_points``."""
    used = weights > 0
    everything = _view_distances(points, projections, distances, starts, sizes, focals)[used]
    for n, column in enumerate(everything.T):
        order = np.argsort(column, kind="stable")
        order = order[np.isfinite(column[order])]
        d, w = column[order], weights[used][order]
        if not len(d) or w.sum() < least_seen:
            out[n] = OUTSIDE
            continue
        free = min(int((np.cumsum(w) <= budget).cumprod().sum()), len(d) - 1, KEPT - 1)
        value = d[free]
        for k in range(free - 1, -1, -1):
            t = np.clip((value - d[k]) / margin - 1.0, 0.0, 1.0)
            value = d[k] + t * t * (3 - 2 * t) * (value - d[k])
        out[n] = value
