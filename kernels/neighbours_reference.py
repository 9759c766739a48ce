# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``neighbours.py``: all distances between all points."""

from __future__ import annotations

import numpy as np


def nearest(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and distances (N, count) of the nearest other points; -1 and inf where there are not so many."""
    index = np.full((len(points), count), -1, np.int32)
    distance = np.full((len(points), count), np.inf)
    for n, point in enumerate(points):
        squared = ((points - point) ** 2).sum(axis=1)
        squared[n] = np.inf
        order = np.argsort(squared, kind="stable")[: min(count, len(points) - 1)]
        index[n, : len(order)], distance[n, : len(order)] = order, np.sqrt(squared[order])
    return index, distance


def even_subset(points: np.ndarray, radius: float) -> np.ndarray:
    """Which points (N,) bool have no earlier kept point nearer than ``radius``."""
    kept = np.zeros(len(points), bool)
    for n, point in enumerate(points):
        kept[n] = radius <= 0 or not (((points[kept] - point) ** 2).sum(axis=1) < radius * radius).any()
    return kept
