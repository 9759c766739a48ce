# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut one frame into object and background: contrast weights and a coarse-to-fine start for ``kernels/cuts.py``."""

from __future__ import annotations

import cv2
import numpy as np

from ...kernels.cuts import relaxed_cut

_COARSEST = 96
"""Shorter side, in pixels, below which an image is not halved any further."""


def contrast_weights(image: np.ndarray, smoothness: float) -> np.ndarray:
    """Price of a contour, (h, w) float32: ``smoothness`` in flat regions, down to a fiftieth of it on strong edges.

    The fall-off is that of GrabCut (Rother et al. 2004, equation 11), with the frame's own mean contrast as unit.
    """
    lab = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32), (0, 0), 0.7)
    squared = np.zeros(image.shape[:2], np.float32)
    squared[:, :-1] += np.square(np.diff(lab, axis=1)).sum(-1)
    squared[:-1] += np.square(np.diff(lab, axis=0)).sum(-1)
    unit = max(2.0 * float(squared.mean()), 1e-3)
    return np.float32(smoothness) * (0.02 + 0.98 * np.exp(-squared / unit)).astype(np.float32)


def cut(cost: np.ndarray, weight: np.ndarray, start: np.ndarray | None = None, iterations: int = 60) -> np.ndarray:
    """Soft cut (h, w) float32 in [0, 1] of ``cost`` and ``weight`` (h, w) float32 (see ``kernels/cuts.py``).

    Solved from coarse to fine: costs are averaged, so that a level's cost counts the area and its weight the length
    of the level below. ``start`` (h, w) in [0, 1] replaces the coarse levels where an answer is known already.
    """
    if start is not None:
        u = np.ascontiguousarray(start, np.float32).copy()
        relaxed_cut(cost, weight, u, iterations)
        return u
    height, width = cost.shape
    if min(height, width) < 2 * _COARSEST:
        u = (cost < 0).astype(np.float32)
        relaxed_cut(cost, weight, u, 4 * iterations)
        return u
    half = (width // 2, height // 2)
    coarse = cut(
        2.0 * cv2.resize(cost, half, interpolation=cv2.INTER_AREA),
        cv2.resize(weight, half, interpolation=cv2.INTER_AREA),
        None,
        iterations,
    )
    finer = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return cut(cost, weight, np.clip(finer, 0, 1), iterations)
