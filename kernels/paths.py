# SPDX-License-Identifier: GPL-3.0-or-later
"""A smooth choice among K alternatives at every pixel: semi-global matching along four directions (Hirschmüller 2008,
equation 13), and the choice itself to a fraction of a step.

Notation: ``costs`` (H, W, K) float32; ``depth`` (H, W) float32, 0 where there is no pixel to decide; a path begins
anew at a pixel whose depth differs from the one before by more than ``jump``.
"""

from __future__ import annotations

import numba
import numpy as np

from ._jit import parallel, serial


@serial
def _step(cost: np.ndarray, previous: np.ndarray, small: float, large: float, out: np.ndarray) -> None:
    """One pixel of a path: the path's costs (K,) from its own and those of the pixel before."""
    count = cost.shape[0]
    least = previous[0]
    for k in range(1, count):
        least = min(least, previous[k])
    for k in range(count):
        best = min(previous[k], least + large)
        if k > 0:
            best = min(best, previous[k - 1] + small)
        if k + 1 < count:
            best = min(best, previous[k + 1] + small)
        out[k] = cost[k] + best - least


@serial
def _walk(
    costs: np.ndarray,
    depth: np.ndarray,
    row: int,
    column: int,
    down: int,
    right: int,
    small: float,
    large: float,
    jump: float,
    total: np.ndarray,
) -> None:
    """One path from (row, column) to the border, added to ``total``."""
    count = costs.shape[2]
    here, before = np.zeros(count, np.float32), np.zeros(count, np.float32)
    last = 0.0
    # A parallel loop's index is unsigned, and unsigned plus signed would be a float.
    y, x = np.int64(row), np.int64(column)
    while 0 <= y < costs.shape[0] and 0 <= x < costs.shape[1]:
        z = depth[y, x]
        if z > 0.0:
            if last > 0.0 and abs(z - last) <= jump:
                _step(costs[y, x], before, small, large, here)
            else:
                for k in range(count):
                    here[k] = costs[y, x, k]
            for k in range(count):
                total[y, x, k] += here[k]
                before[k] = here[k]
        last = z
        y += down
        x += right


@parallel
def smooth_costs(
    costs: np.ndarray, depth: np.ndarray, small: float, large: float, jump: float, total: np.ndarray
) -> None:
    """Add to ``total`` (H, W, K) float32 the costs along the paths from left, right, above and below.

    A change of the choice by one step between neighbours costs ``small``, by more ``large``.
    """
    height, width = depth.shape
    for row in numba.prange(height):
        _walk(costs, depth, row, 0, 0, 1, small, large, jump, total)
        _walk(costs, depth, row, width - 1, 0, -1, small, large, jump, total)
    for column in numba.prange(width):
        _walk(costs, depth, 0, column, 1, 0, small, large, jump, total)
        _walk(costs, depth, height - 1, column, -1, 0, small, large, jump, total)


@parallel
def choose(total: np.ndarray, choice: np.ndarray) -> None:
    """Write the alternative (H, W) float32 of least total, to a fraction of a step by a parabola through three."""
    count = total.shape[2]
    for row in numba.prange(total.shape[0]):
        for column in range(total.shape[1]):
            best = 0
            for k in range(1, count):
                if total[row, column, k] < total[row, column, best]:
                    best = k
            fraction = 0.0
            if 0 < best < count - 1:
                left, right = total[row, column, best - 1], total[row, column, best + 1]
                bend = left + right - 2.0 * total[row, column, best]
                if bend > 0.0:
                    fraction = 0.5 * (left - right) / bend
            choice[row, column] = best + fraction
