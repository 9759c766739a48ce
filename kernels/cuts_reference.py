# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``cuts.py``; the same iteration, array by array."""

from __future__ import annotations

import numpy as np

from .cuts import STEP


def relaxed_cut(cost: np.ndarray, weight: np.ndarray, u: np.ndarray, iterations: int) -> None:
    """As ``cuts.relaxed_cut``."""
    px, py = np.zeros_like(u), np.zeros_like(u)
    u_bar = u.copy()
    for _ in range(iterations):
        px[:, :-1] += STEP * np.diff(u_bar, axis=1)
        py[:-1] += STEP * np.diff(u_bar, axis=0)
        norm = np.hypot(px, py)
        shrink = np.divide(weight, norm, out=np.ones_like(norm), where=norm > weight)
        px *= shrink
        py *= shrink
        divergence = np.zeros_like(u)
        divergence[:, :-1] += px[:, :-1]
        divergence[:, 1:] -= px[:, :-1]
        divergence[:-1] += py[:-1]
        divergence[1:] -= py[:-1]
        new = np.clip(u + STEP * (divergence - cost), 0, 1)
        u_bar = 2 * new - u
        u[:] = new
