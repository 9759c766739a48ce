# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``barriers.py``."""

from __future__ import annotations

import numpy as np


def barrier_distances(image: np.ndarray, seeds: np.ndarray, passes: int, out: np.ndarray) -> None:
    """As ``barriers.barrier_distances``; a backward scan is a forward one of the picture turned by 180 degrees."""
    high, low = image.copy(), image.copy()
    out[:] = np.where(seeds, 0, np.inf)
    for number in range(passes):
        views = [image, seeds, out, high, low]
        if number % 2:
            views = [view[::-1, ::-1] for view in views]
        _forward(*views)


def _forward(image: np.ndarray, seeds: np.ndarray, out: np.ndarray, high: np.ndarray, low: np.ndarray) -> None:
    for y, x in np.argwhere(~seeds):
        for near in ((y - 1, x), (y, x - 1)):
            if min(near) < 0 or np.isinf(out[near]):
                continue
            top, bottom = np.maximum(high[near], image[y, x]), np.minimum(low[near], image[y, x])
            total = np.float32((top - bottom).sum())
            if total < out[y, x]:
                out[y, x], high[y, x], low[y, x] = total, top, bottom
