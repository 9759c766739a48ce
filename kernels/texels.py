# SPDX-License-Identifier: GPL-3.0-or-later
"""What one photo says about the texels of a surface: its colours in three bands of detail, and how much they count.

Notation: N texels at ``points`` (N, 3) float32 with unit ``normals`` (N, 3) float32, world; ``projection`` (3, 4)
float64, world to homogeneous pixels; ``centre`` (3,) float64 the camera's. ``levels`` (3, H, W, 3) uint8: the photo,
the photo blurred, and blurred more; the bands are their differences and the last itself, so that they add up to the
photo (Burt and Adelson 1983). Broad bands are averaged over many photos, which hides seams; the finest comes almost
from the best photo alone, which keeps it sharp (Baumberg 2002).
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial

LEAST_COSINE = 0.1
"""Between a normal and the line of sight: a photo that grazes the surface more says nothing."""


@serial
def _hidden(depth: np.ndarray, column: int, row: int, limit: float) -> bool:
    """Whether all four pixels from (column, row) show a surface nearer than ``limit``; infinite ones show none."""
    for r in range(row, row + 2):
        for c in range(column, column + 2):
            if depth[r, c] >= limit:
                return False
    return True


@serial
def _sample(image: np.ndarray, column: int, row: int, a: float, b: float, channel: int) -> float:
    upper = image[row, column, channel] * (1 - a) + image[row, column + 1, channel] * a
    lower = image[row + 1, column, channel] * (1 - a) + image[row + 1, column + 1, channel] * a
    return upper * (1 - b) + lower * b


@serial
def _look(
    point: np.ndarray, normal: np.ndarray, projection: np.ndarray, centre: np.ndarray, depth: np.ndarray,
    tolerance: float, scale: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Pixel coordinates of a point and how well the camera sees it: cosine times resolution, 0 where it does not."""
    x = projection[0, 0] * point[0] + projection[0, 1] * point[1] + projection[0, 2] * point[2] + projection[0, 3]
    y = projection[1, 0] * point[0] + projection[1, 1] * point[1] + projection[1, 2] * point[2] + projection[1, 3]
    z = projection[2, 0] * point[0] + projection[2, 1] * point[1] + projection[2, 2] * point[2] + projection[2, 3]
    height, width = depth.shape
    if z <= 0.0:
        return 0.0, 0.0, 0.0
    x, y = x / z - 0.5, y / z - 0.5
    if not (0.0 <= x < width - 1 and 0.0 <= y < height - 1):
        return 0.0, 0.0, 0.0
    vx, vy, vz = centre[0] - point[0], centre[1] - point[1], centre[2] - point[2]
    distance = math.sqrt(vx * vx + vy * vy + vz * vz)
    cosine = (vx * normal[0] + vy * normal[1] + vz * normal[2]) / distance
    if cosine < LEAST_COSINE or _hidden(depth, int(x), int(y), z - tolerance):
        return 0.0, 0.0, 0.0
    return x, y, cosine * min(scale / distance, 1.0)


@parallel
def gather(
    points: np.ndarray,
    normals: np.ndarray,
    projection: np.ndarray,
    centre: np.ndarray,
    levels: np.ndarray,
    trust: np.ndarray,
    depth: np.ndarray,
    tolerance: float,
    scale: float,
    gain: np.ndarray,
    powers: np.ndarray,
    expected: np.ndarray,
    spread: float,
    sums: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Add one photo's say to ``sums`` (N, 3, 3) float32, band by channel, and ``weights`` (N, 3) float32, by band.

    ``trust`` (H, W) float32 in [0, 1] is how far a pixel is to be believed; ``depth`` (H, W) float32 is the surface's
    own depth buffer, inf where it is not, ``tolerance`` how far behind it a point is still seen. A photo's weight is
    the cosine of the view times min(``scale`` / distance, 1) times trust, to the power ``powers`` (3,) of the band.
    ``gain`` (3,) multiplies the photo's channels. With ``spread`` > 0 a photo whose broadest band is far from
    ``expected`` (N, 3) float32 counts less: 1 / (1 + (difference / spread)^2).
    """
    for i in numba.prange(points.shape[0]):
        x, y, seen = _look(points[i], normals[i], projection, centre, depth, tolerance, scale)
        if seen <= 0.0:
            continue
        column, row = int(x), int(y)
        a, b = x - column, y - row
        believed = trust[row, column] * (1 - a) + trust[row, column + 1] * a
        believed = believed * (1 - b) + (trust[row + 1, column] * (1 - a) + trust[row + 1, column + 1] * a) * b
        weight = seen * believed
        if weight <= 0.0:
            continue
        agreement = 1.0
        if spread > 0.0:
            off = 0.0
            for k in range(3):
                difference = gain[k] * _sample(levels[2], column, row, a, b, k) - expected[i, k]
                off += difference * difference
            agreement = 1.0 / (1.0 + off / (spread * spread))
        first, second, third = (
            agreement * weight ** powers[0],
            agreement * weight ** powers[1],
            agreement * weight ** powers[2],
        )
        weights[i, 0] += first
        weights[i, 1] += second
        weights[i, 2] += third
        for k in range(3):
            fine = gain[k] * _sample(levels[0], column, row, a, b, k)
            middle = gain[k] * _sample(levels[1], column, row, a, b, k)
            broad = gain[k] * _sample(levels[2], column, row, a, b, k)
            sums[i, 0, k] += first * (fine - middle)
            sums[i, 1, k] += second * (middle - broad)
            sums[i, 2, k] += third * broad
