# SPDX-License-Identifier: GPL-3.0-or-later
"""How much brighter or darker each photo is than the others, from points that several of them see.

Each photo's channel is a gain times what the point is: log c_ij = g_i + p_j, solved by turns for g and p with weights
that let highlights and wrong matches count little (iteratively reweighted least squares, Huber). The mean gain is 1, so
the result is as bright as the capture was on average.

Notation: V photos, S points; ``colours`` (V, S, 3), ``weights`` (V, S), 0 where a photo does not see a point.
"""

from __future__ import annotations

import numpy as np

from ..mesh.colours import sample_image
from ..mesh.visibility import visible
from .photos import Look

_ROUNDS = 12
_OFF = 0.06
"""Difference of logarithms beyond which an observation counts less than fully."""
_DARK, _BRIGHT = 8.0, 247.0
"""8-bit values beyond these are clipped and say nothing of exposure."""
_LEAST_SHARED = 20
"""Observations a photo needs for a gain of its own."""
_MOST = 3.0
"""Largest gain or attenuation believed."""


def observe(look: Look, points: np.ndarray, normals: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Broad colours (S, 3) of ``points`` (S, 3) in one photo, and their weights (S,)."""
    pixels, _ = look.camera.project(points)
    sight = look.camera.centre - points
    cosine = (sight * normals).sum(axis=1) / np.maximum(np.linalg.norm(sight, axis=1), 1e-12)
    pixels = np.where(np.isfinite(pixels), pixels, 0.0)
    weight = np.clip(cosine, 0.0, 1.0) ** 2 * sample_image(look.trust[..., None], pixels)[:, 0]
    colours = sample_image(look.levels[2], pixels)
    clipped = (colours.min(axis=1) < _DARK) | (colours.max(axis=1) > _BRIGHT)
    return colours, np.where(visible(points, look.camera, look.depth, tolerance) & ~clipped, weight, 0.0)


def gains(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Factors (V, 3) float64 that make the photos agree; 1 for a photo that shares too little with others."""
    shared = weights * ((weights > 0).sum(axis=0) >= 2)
    logs = np.log(np.maximum(colours, 1.0))
    result = np.zeros((len(colours), 3))
    enough = (shared > 0).sum(axis=1) >= _LEAST_SHARED
    if not enough.any():
        return np.ones_like(result)
    for _ in range(_ROUNDS):
        points = _mean(logs - result[:, None], shared, axis=0)
        off = np.abs(logs - result[:, None] - points).max(axis=2)
        say = shared * np.minimum(1.0, _OFF / np.maximum(off, 1e-9))
        points = _mean(logs - result[:, None], say, axis=0)
        result = np.where(enough[:, None], _mean(logs - points, say, axis=1), 0.0)
        result[enough] -= result[enough].mean(axis=0)
    return np.exp(-np.clip(result, -np.log(_MOST), np.log(_MOST)))


def _mean(values: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    total = weights.sum(axis=axis)
    return (values * weights[..., None]).sum(axis=axis) / np.where(total > 0, total, 1.0)[..., None]
