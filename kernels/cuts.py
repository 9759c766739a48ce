# SPDX-License-Identifier: GPL-3.0-or-later
"""Two-region cut of an image by convex relaxation, the continuous counterpart of a graph cut.

Minimises ``sum(weight * |grad u|) + sum(cost * u)`` over ``0 <= u <= 1``. Any threshold of the minimiser is a minimiser
of the binary problem (Chan, Esedoglu, Nikolova 2006, theorem 2), so that the result is soft along edges and yet a cut.
Solved by the primal-dual iteration of Chambolle and Pock (2011, algorithm 1 with theta = 1). Compiled for one core:
callers cut several frames at a time, which needs no barrier between the half steps.

Notation: images are (H, W), ``[y, x]``; ``u`` 1 is the object; ``cost`` < 0 attracts the object; ``weight`` >= 0 is the
price of a unit of contour; differences are forward and vanish behind the last row and column.
"""

from __future__ import annotations

import numpy as np

from ._jit import serial

STEP = 0.35
"""Primal and dual step; their product times 8, the squared norm of the gradient, must stay below 1."""


@serial
def _dual_step(u_bar: np.ndarray, weight: np.ndarray, px: np.ndarray, py: np.ndarray) -> None:
    height, width = u_bar.shape
    step, one = np.float32(STEP), np.float32(1)
    for y in range(height):
        below = min(y + 1, height - 1)
        for x in range(width - 1):
            qx = px[y, x] + step * (u_bar[y, x + 1] - u_bar[y, x])
            qy = py[y, x] + step * (u_bar[below, x] - u_bar[y, x])
            shrink = min(one, weight[y, x] / np.sqrt(qx * qx + qy * qy + np.float32(1e-20)))
            px[y, x] = qx * shrink
            py[y, x] = qy * shrink
        if width > 0:
            qy = py[y, width - 1] + step * (u_bar[below, width - 1] - u_bar[y, width - 1])
            py[y, width - 1] = min(max(qy, -weight[y, width - 1]), weight[y, width - 1])


@serial
def _primal_step(cost: np.ndarray, px: np.ndarray, py: np.ndarray, u: np.ndarray, u_bar: np.ndarray) -> None:
    # px is 0 in the last column and py in the last row, so that neither needs a test there.
    height, width = u.shape
    step, zero, one, two = np.float32(STEP), np.float32(0), np.float32(1), np.float32(2)
    for y in range(height):
        above = zero if y == 0 else one
        for x in range(width):
            left = px[y, x - 1] if x > 0 else zero
            divergence = px[y, x] - left + py[y, x] - above * py[max(y - 1, 0), x]
            new = min(max(u[y, x] + step * (divergence - cost[y, x]), zero), one)
            u_bar[y, x] = two * new - u[y, x]
            u[y, x] = new


@serial
def _iterate(cost: np.ndarray, weight: np.ndarray, u: np.ndarray, work: np.ndarray, iterations: int) -> None:
    for _ in range(iterations):
        _dual_step(work[2], weight, work[0], work[1])
        _primal_step(cost, work[0], work[1], u, work[2])


def relaxed_cut(cost: np.ndarray, weight: np.ndarray, u: np.ndarray, iterations: int) -> None:
    """Improve ``u`` in place by ``iterations`` primal-dual steps, starting from it.

    Args:
        cost: (H, W) float32, price of a pixel's belonging to the object, negative where it does.
        weight: (H, W) float32 >= 0, price of the contour's length at a pixel.
        u: (H, W) float32 in [0, 1], the start; overwritten by the result.
        iterations: number of steps; news travels one pixel a step, so start near the answer (``segment/cut.py``).

    """
    work = np.zeros((3, *u.shape), np.float32)
    work[2] = u
    _iterate(cost, weight, u, work, iterations)
