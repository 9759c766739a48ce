# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups by average linkage (Sokal and Michener 1958) where some likenesses are not known."""

from __future__ import annotations

import numpy as np


def groups_by_likeness(likeness: np.ndarray, least: float) -> np.ndarray:
    """The group (N,), from 0, of each of N things by their ``likeness`` (N, N), symmetric, NaN where unknown.

    The two groups that are most alike on average become one, as long as that average is at least ``least``. Group 0 is
    the largest.
    """
    count = len(likeness)
    known = np.isfinite(likeness) & ~np.eye(count, dtype=bool)
    total, number = np.where(known, likeness, 0.0), known.astype(np.float64)
    label = np.arange(count)
    while count > 1:
        mean = np.where(number > 0, total / np.maximum(number, 1.0), -np.inf)
        np.fill_diagonal(mean, -np.inf)
        i, j = np.unravel_index(int(np.argmax(mean)), mean.shape)
        if mean[i, j] < least:
            break
        label[label == j] = i
        for sums in (total, number):
            sums[i] += sums[j]
            sums[:, i] += sums[:, j]
            sums[j] = sums[:, j] = 0.0
    _, place, size = np.unique(label, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(-size, kind="stable"))
    return rank[place]
