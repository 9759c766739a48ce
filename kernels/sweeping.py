# SPDX-License-Identifier: GPL-3.0-or-later
"""How well photos agree on places before and behind a surface: a plane sweep whose plane is the surface itself.

Every pixel of a reference photo has a depth on a base surface. For each of ``shifts`` the photo of a neighbouring
camera is warped as if the surface lay that much deeper, and compared with the reference by normalised correlation over
a window (Collins 1996; sweeping along a known surface instead of a plane slants the windows as that surface is
slanted). Windows are summed by running sums, so that their size costs nothing.

Notation: ``reference`` (H, W) float32 grey 0 to 255; ``depth`` (H, W) float32 along the optical axis, 0 where the base
has none; ``lens`` (4,) = fx, fy, cx, cy of the reference; ``images`` all neighbours' grey values in one (T,) float32
array, image v from ``starts[v]`` on and of ``sizes[v]`` = (height, width); ``projections`` (V, 3, 4) a neighbour's
pixels from the reference camera's axes; ``seen`` (V, H, W) uint8, whether neighbour v sees the base there.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial

UNKNOWN = -2.0
"""Agreement where fewer than two neighbours can be asked."""

_NOISE = 4.0
"""Variance in grey levels squared that is taken for noise: flat patches then agree with nothing, not by chance."""

_LEAST_FILLED = 0.5
"""Share of a window that must lie on the surface and in the neighbour's photo."""


@serial
def _bilinear(images: np.ndarray, start: int, height: int, width: int, u: float, v: float) -> float:
    """Grey at pixel (u, v), -1 outside the centres of the border's pixels."""
    x, y = u - 0.5, v - 0.5
    if not (x >= 0.0 and y >= 0.0 and x <= width - 1.0 and y <= height - 1.0):
        return -1.0
    column, row = min(int(x), width - 2), min(int(y), height - 2)
    a, b = x - column, y - row
    at = start + row * width + column
    upper = images[at] * (1.0 - a) + images[at + 1] * a
    lower = images[at + width] * (1.0 - a) + images[at + width + 1] * a
    return upper * (1.0 - b) + lower * b


@serial
def _warp(
    depth: np.ndarray,
    shift: float,
    lens: np.ndarray,
    matrix: np.ndarray,
    images: np.ndarray,
    start: int,
    height: int,
    width: int,
    seen: np.ndarray,
    out: np.ndarray,
) -> None:
    """The neighbour's photo as the reference would see it on the shifted surface, -1 where it shows nothing."""
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            out[row, column] = -1.0
            z = depth[row, column] + shift
            if depth[row, column] <= 0.0 or z <= 0.0 or seen[row, column] == 0:
                continue
            x = (column + 0.5 - lens[2]) / lens[0] * z
            y = (row + 0.5 - lens[3]) / lens[1] * z
            w = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
            if w <= 0.0:
                continue
            u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]) / w
            v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]) / w
            out[row, column] = _bilinear(images, start, height, width, u, v)


@serial
def _count_row(reference: np.ndarray, warped: np.ndarray, row: int, sign: float, sums: np.ndarray) -> None:
    """Add (or take away) one row's values to the six sums (W, 6) of every column."""
    for column in range(warped.shape[1]):
        b = warped[row, column]
        if b < 0.0:
            continue
        a = reference[row, column]
        sums[column, 0] += sign
        sums[column, 1] += sign * a
        sums[column, 2] += sign * b
        sums[column, 3] += sign * a * a
        sums[column, 4] += sign * b * b
        sums[column, 5] += sign * a * b


@serial
def _correlate(reference: np.ndarray, warped: np.ndarray, radius: int, sums: np.ndarray, out: np.ndarray) -> None:
    """Correlation (H, W) of the windows around every pixel that has a warped value, ``UNKNOWN`` elsewhere."""
    height, width = warped.shape
    full = (2 * radius + 1) ** 2
    sums[:] = 0.0
    window = np.zeros(6)
    for row in range(min(radius, height)):
        _count_row(reference, warped, row, 1.0, sums)
    for row in range(height):
        if row + radius < height:
            _count_row(reference, warped, row + radius, 1.0, sums)
        if row - radius - 1 >= 0:
            _count_row(reference, warped, row - radius - 1, -1.0, sums)
        window[:] = 0.0
        for column in range(min(radius, width)):
            for k in range(6):
                window[k] += sums[column, k]
        for column in range(width):
            for k in range(6):
                if column + radius < width:
                    window[k] += sums[column + radius, k]
                if column - radius - 1 >= 0:
                    window[k] -= sums[column - radius - 1, k]
            n = window[0]
            if warped[row, column] < 0.0 or n < _LEAST_FILLED * full:
                out[row, column] = UNKNOWN
                continue
            aa = window[3] / n - (window[1] / n) ** 2
            bb = window[4] / n - (window[2] / n) ** 2
            ab = window[5] / n - window[1] * window[2] / (n * n)
            out[row, column] = ab / math.sqrt((max(aa, 0.0) + _NOISE) * (max(bb, 0.0) + _NOISE))


@serial
def _best_mean(scores: np.ndarray, row: int, column: int, best: int, kept: np.ndarray) -> float:
    """Mean of the ``best`` highest known scores (V, H, W) at a pixel, ``UNKNOWN`` when fewer than two are known.

    Half of those known, rounded up, count at most: a view that something hides must not be needed.
    """
    count = 0
    for v in range(scores.shape[0]):
        value = scores[v, row, column]
        if value <= -1.5:
            continue
        k = count
        count += 1
        while k > 0 and kept[k - 1] < value:
            kept[k] = kept[k - 1]
            k -= 1
        kept[k] = value
    if count < 2:
        return UNKNOWN
    used = min(best, max((count + 1) // 2, 2))
    total = 0.0
    for k in range(used):
        total += kept[k]
    return total / used


@serial
def _sweep_one(
    reference: np.ndarray,
    depth: np.ndarray,
    lens: np.ndarray,
    shift: float,
    images: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    projections: np.ndarray,
    seen: np.ndarray,
    radius: int,
    best: int,
    index: int,
    out: np.ndarray,
) -> None:
    """One shift of ``sweep``."""
    views = starts.shape[0]
    warped = np.zeros(depth.shape, np.float32)
    sums = np.zeros((depth.shape[1], 6))
    scores = np.zeros((views, depth.shape[0], depth.shape[1]), np.float32)
    for v in range(views):
        _warp(depth, shift, lens, projections[v], images, starts[v], sizes[v, 0], sizes[v, 1], seen[v], warped)
        _correlate(reference, warped, radius, sums, scores[v])
    kept = np.zeros(max(views, 1))
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            out[row, column, index] = _best_mean(scores, row, column, best, kept)


@parallel
def sweep(
    reference: np.ndarray,
    depth: np.ndarray,
    lens: np.ndarray,
    shifts: np.ndarray,
    images: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    projections: np.ndarray,
    seen: np.ndarray,
    radius: int,
    best: int,
    out: np.ndarray,
) -> None:
    """Write the agreement (H, W, K) float32 in [-1, 1], or ``UNKNOWN``, at every pixel for every one of K shifts.

    ``shifts`` (K,) float64, added to the depth; windows are of 2 ``radius`` + 1 pixels a side; the ``best`` neighbours
    count (at most half of those that can be asked, two at least). Neighbours' photos have two pixels a side at least.
    """
    for k in numba.prange(shifts.shape[0]):
        _sweep_one(
            reference, depth, lens, shifts[k], images, starts, sizes, projections, seen, radius, best, k, out
        )  # fmt: skip
