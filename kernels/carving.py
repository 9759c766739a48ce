# SPDX-License-Identifier: GPL-3.0-or-later
"""Space carving as a smooth field: how deep a point lies inside the silhouettes of all cameras.

Each view gives a point X the signed distance of its projection from the silhouette, in pixels, positive inside,
turned into world units at the point's depth: d_i = s_i(x) z / f. The strict visual hull (Laurentini 1994) is the set
where min d_i >= 0; a single bad mask ruins it. Here the views with the least d_i, as many as their weights allow
(``budget``), may be overruled by the next one, but only where they contradict it deeply: with d sorted upwards,

    F_n = d_n,   F_k = d_k + t (F_{k+1} - d_k),   t = smoothstep((F_{k+1} - d_k) / margin - 1),

n being the most views whose joint weight stays within ``budget``. Views that agree within ``margin`` give the strict
hull exactly; a mask that has lost a part of the object is overruled there. A view in which the point lies outside the
image has no say.

Notation: ``projections`` (V, 3, 4) float64, pixels of the distance images from the world; ``distances`` all images'
signed distances in one (T,) float32 array, image i beginning at ``starts[i]`` and of ``sizes[i]`` = (height, width);
``focals`` (V,) pixels; ``weights`` (V,) float64 in [0, 1].
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial

KEPT = 8
"""Lowest distances kept a point; no more than KEPT - 1 views can be overruled at once."""

BLOCK = 8
"""Edge in voxels of the blocks that are filled at once when the surface is far from them."""

OUTSIDE = -1e3
"""Value of a point that too few cameras see."""


@serial
def _sample(distances: np.ndarray, start: int, height: int, width: int, u: float, v: float) -> float:
    """Bilinear value of one distance image at pixel (u, v); the border's values go on outside."""
    u = min(max(u - 0.5, 0.0), width - 1.0)
    v = min(max(v - 0.5, 0.0), height - 1.0)
    column, row = min(int(u), max(width - 2, 0)), min(int(v), max(height - 2, 0))
    right, below = min(column + 1, width - 1), min(row + 1, height - 1)
    a, b = u - column, v - row
    upper = distances[start + row * width + column] * (1 - a) + distances[start + row * width + right] * a
    lower = distances[start + below * width + column] * (1 - a) + distances[start + below * width + right] * a
    return upper * (1 - b) + lower * b


@serial
def _smoothstep(t: float) -> float:
    """0 below 0, 1 above 1, smooth between."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@serial
def _field_at(
    x: float,
    y: float,
    z: float,
    projections: np.ndarray,
    distances: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    focals: np.ndarray,
    weights: np.ndarray,
    margin: float,
    budget: float,
    least_seen: float,
    lowest: np.ndarray,
) -> float:
    """The field at one point; ``lowest`` (KEPT, 2) is scratch for the least distances and their weights."""
    count, seen = 0, 0.0
    for i in range(projections.shape[0]):
        p = projections[i]
        depth = p[2, 0] * x + p[2, 1] * y + p[2, 2] * z + p[2, 3]
        if depth <= 1e-9 or weights[i] <= 0.0:
            continue
        u = (p[0, 0] * x + p[0, 1] * y + p[0, 2] * z + p[0, 3]) / depth
        v = (p[1, 0] * x + p[1, 1] * y + p[1, 2] * z + p[1, 3]) / depth
        height, width = sizes[i, 0], sizes[i, 1]
        if u < 0.0 or v < 0.0 or u > width or v > height:
            continue
        seen += weights[i]
        d = _sample(distances, starts[i], height, width, u, v) * depth / focals[i]
        k = count if count < KEPT else KEPT
        if k == KEPT:
            if d >= lowest[KEPT - 1, 0]:
                continue
            k = KEPT - 1
        else:
            count += 1
        while k > 0 and lowest[k - 1, 0] > d:
            lowest[k, 0], lowest[k, 1] = lowest[k - 1, 0], lowest[k - 1, 1]
            k -= 1
        lowest[k, 0], lowest[k, 1] = d, weights[i]
    if count == 0 or seen < least_seen:
        return OUTSIDE
    n, spent = 0, 0.0
    while n < count - 1 and spent + lowest[n, 1] <= budget:
        spent += lowest[n, 1]
        n += 1
    value = lowest[n, 0]
    for k in range(n - 1, -1, -1):
        gap = value - lowest[k, 0]
        value = lowest[k, 0] + _smoothstep(gap / margin - 1.0) * gap
    return value


@serial
def _carve_range(
    first: int,
    last: int,
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
    lowest: np.ndarray,
    out: np.ndarray,
) -> None:
    """The points from ``first`` up to ``last``."""
    for i in range(first, last):
        out[i] = _field_at(
            points[i, 0], points[i, 1], points[i, 2], projections, distances, starts, sizes, focals, weights,
            margin, budget, least_seen, lowest,
        )  # fmt: skip


@parallel
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
    """Write the field (N,) float32 at ``points`` (N, 3) float64, world; positive inside, world units.

    A point seen by less than ``least_seen`` of weight gets ``OUTSIDE``.
    """
    chunks = min(64, points.shape[0])
    scratch = np.zeros((max(chunks, 1), KEPT, 2))
    for chunk in numba.prange(chunks):
        _carve_range(
            points.shape[0] * chunk // chunks, points.shape[0] * (chunk + 1) // chunks, points, projections, distances,
            starts, sizes, focals, weights, margin, budget, least_seen, scratch[chunk], out,
        )  # fmt: skip


@serial
def _carve_tile(
    x0: int,
    y0: int,
    origin: np.ndarray,
    step: float,
    projections: np.ndarray,
    distances: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    focals: np.ndarray,
    weights: np.ndarray,
    margin: float,
    budget: float,
    least_seen: float,
    lowest: np.ndarray,
    out: np.ndarray,
) -> None:
    """The column of blocks that begins at voxel (x0, y0, 0). Apart from its caller because it compiles faster so."""
    nx, ny, nz = out.shape
    x1, y1 = min(x0 + BLOCK, nx), min(y0 + BLOCK, ny)
    reach = 2.0 * step * BLOCK * math.sqrt(3.0) / 2.0
    for z0 in range(0, nz, BLOCK):
        z1 = min(z0 + BLOCK, nz)
        far, centre = False, 0.0
        # Number -1 is the block's centre, the others are its voxels: one call, or the field is compiled in twice.
        for n in range(-1, (x1 - x0) * (y1 - y0) * (z1 - z0)):
            if n < 0:
                i, j, k = (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, (z0 + z1 - 1) / 2
            else:
                column = n // (z1 - z0)
                i, j, k = x0 + float(column // (y1 - y0)), y0 + float(column % (y1 - y0)), z0 + float(n % (z1 - z0))
            value = centre
            if not far:
                value = _field_at(
                    origin[0] + step * i, origin[1] + step * j, origin[2] + step * k, projections, distances, starts,
                    sizes, focals, weights, margin, budget, least_seen, lowest,
                )  # fmt: skip
            if n < 0:
                centre, far = value, abs(value) > reach
            else:
                out[int(i), int(j), int(k)] = value


@parallel
def carve_grid(
    origin: np.ndarray,
    step: float,
    projections: np.ndarray,
    distances: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    focals: np.ndarray,
    weights: np.ndarray,
    margin: float,
    budget: float,
    least_seen: float,
    first: int,
    last: int,
    out: np.ndarray,
) -> None:
    """Write the field at the voxel centres ``origin + step * (i, j, k)`` into slabs of ``out`` (X, Y, Z) float32.

    Slabs are ``BLOCK`` voxels along the first axis; those from ``first`` up to ``last`` are written, so that a caller
    can stop between calls. A block whose centre is farther from the surface than its own corners is filled with the
    centre's value: the sign stays right (the factor 2 allows for the steepness that overruling adds).
    """
    by = (out.shape[1] + BLOCK - 1) // BLOCK
    tiles = (last - first) * by
    scratch = np.zeros((max(tiles, 1), KEPT, 2))
    for tile in numba.prange(tiles):
        _carve_tile(
            (first + tile // by) * BLOCK, (tile % by) * BLOCK, origin, step, projections, distances, starts, sizes,
            focals, weights, margin, budget, least_seen, scratch[tile], out,
        )  # fmt: skip
