# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``adam.adam``; returns new arrays instead of writing in place."""

from __future__ import annotations

import numpy as np


def adam(
    values: np.ndarray,
    gradients: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rates: np.ndarray,
    drawn: np.ndarray,
    step: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """New (values, first, second), all (N, D) float64; rows not ``drawn`` (N,) are returned as they came."""
    m = 0.9 * first.astype(float) + 0.1 * gradients
    v = 0.999 * second.astype(float) + 0.001 * gradients.astype(float) ** 2
    moved = values - rates * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-15)
    keep = ~drawn[:, None]
    return np.where(keep, values, moved), np.where(keep, first, m), np.where(keep, second, v)
