# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``paths.py``."""

from __future__ import annotations

import numpy as np


def smooth_costs(costs, depth, small, large, jump):
    """Costs (H, W, K) along the paths from left, right, above and below, added up."""
    total = np.zeros(costs.shape)
    for turn in range(4):
        turned, depths, sums = (np.rot90(a, turn) for a in (costs, depth, total))
        for row, zs, out in zip(turned, depths, sums, strict=True):
            _walk(row, zs, small, large, jump, out)
    return total


def _walk(costs, depth, small, large, jump, out):
    """One path over costs (N, K), added to ``out``."""
    count = costs.shape[1]
    change = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    penalty = np.where(change == 0, 0.0, np.where(change == 1, min(small, large), large))
    before, last = None, 0.0
    for n in range(len(costs)):
        if depth[n] > 0:
            here = costs[n].astype(float)
            if last > 0 and abs(depth[n] - last) <= jump:
                here = here + (before[None] + penalty).min(axis=1) - before.min()
            out[n] += here
            before = here
        last = depth[n]


def choose(total):
    """The alternative (H, W) of least total, to a fraction of a step."""
    best = total.argmin(axis=2)
    count = total.shape[2]
    middle = (best > 0) & (best < count - 1)
    left, here, right = (
        np.take_along_axis(total, np.clip(best + d, 0, count - 1)[..., None], 2)[..., 0] for d in (-1, 0, 1)
    )
    bend = left + right - 2 * here
    return best + np.where(middle & (bend > 0), 0.5 * (left - right) / np.where(bend > 0, bend, 1.0), 0.0)
