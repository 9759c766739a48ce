# SPDX-License-Identifier: GPL-3.0-or-later
"""Features at points: the sum of bilinear samples of three planes.

Notation: ``planes`` (3, S, S, W) float32, channels last, are (x, y), (x, z) and (y, z) of the box [-r, r]^3; their
columns run along the first axis named, rows along the second. Texels' centres are at half integers, and beyond the
outermost ones a plane fades to zero over half a texel, as PyTorch's ``grid_sample`` without ``align_corners`` has it.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import serial


@serial
def _neighbours(at: np.float32, side: int) -> tuple[int, int, np.float32, np.float32]:
    """The two texels next to ``at`` in [-1, 1], and their weights: 0 where they lie beyond the plane."""
    texel = (at + np.float32(1.0)) * np.float32(0.5 * side) - np.float32(0.5)
    low = math.floor(texel)
    first = int(low)
    after = np.float32(texel - low)
    before = np.float32(1.0) - after
    if first < 0 or first >= side:
        before = np.float32(0.0)
    if first < -1 or first >= side - 1:
        after = np.float32(0.0)
    return min(max(first, 0), side - 1), min(max(first + 1, 0), side - 1), before, after


@serial
def sample(planes: np.ndarray, points: np.ndarray, scale: float, bias: np.ndarray, out: np.ndarray) -> None:
    """Write ``bias`` (W,) and the planes' samples at ``points`` (N, 3) float32 to ``out`` (N, W) float32.

    ``scale`` is 1 / r. For one core: what is done with the samples is shared out together with them.
    """
    side, width = planes.shape[1], planes.shape[3]
    xy, xz, yz = planes[0], planes[1], planes[2]
    by = np.float32(scale)
    for i in range(points.shape[0]):
        x0, x1, xa, xb = _neighbours(points[i, 0] * by, side)
        y0, y1, ya, yb = _neighbours(points[i, 1] * by, side)
        z0, z1, za, zb = _neighbours(points[i, 2] * by, side)
        a0, a1, a2, a3 = xy[y0, x0], xy[y0, x1], xy[y1, x0], xy[y1, x1]
        b0, b1, b2, b3 = xz[z0, x0], xz[z0, x1], xz[z1, x0], xz[z1, x1]
        c0, c1, c2, c3 = yz[z0, y0], yz[z0, y1], yz[z1, y0], yz[z1, y1]
        row = out[i]
        for k in range(width):  # one pass: the twelve texels' channels lie side by side in memory
            row[k] = (
                bias[k]
                + (xa * ya * a0[k] + xb * ya * a1[k] + xa * yb * a2[k] + xb * yb * a3[k])
                + (xa * za * b0[k] + xb * za * b1[k] + xa * zb * b2[k] + xb * zb * b3[k])
                + (ya * za * c0[k] + yb * za * c1[k] + ya * zb * c2[k] + yb * zb * c3[k])
            )
