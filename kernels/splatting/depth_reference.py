# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``depth.median_depth`` and ``normals.normals_in_camera``, in float64."""

from __future__ import annotations

import numpy as np

from . import ALPHA_LEAST, ALPHA_MOST
from .reference import rotations


def median_depth(means2d, conics, opacities, depths, drawn, width, height):
    """Depth (H, W) of the first Gaussian, front to back, behind which at most half of the light is left; else 0."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    transmittance, median = np.ones((height, width)), np.zeros((height, width))
    for i in np.argsort(depths, kind="stable"):
        if not drawn[i]:
            continue
        dx, dy = x - means2d[i, 0], y - means2d[i, 1]
        a, b, c = conics[i]
        alpha = np.minimum(ALPHA_MOST, opacities[i] * np.exp(-0.5 * (a * dx**2 + 2 * b * dx * dy + c * dy**2)))
        after = transmittance * (1 - np.where(alpha >= ALPHA_LEAST, alpha, 0.0))
        median = np.where((transmittance > 0.5) & (after <= 0.5), depths[i], median)
        transmittance = after
    return median


def normals_in_camera(means: np.ndarray, quats: np.ndarray, scales: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Each Gaussian's thinnest axis (N, 3) in the axes of ``camera`` (``cam_from_world``), towards the camera."""
    axes = rotations(quats.astype(float))[np.arange(len(means)), :, scales.argmin(1)] @ camera[:3, :3].T
    places = means @ camera[:3, :3].T + camera[:3, 3]
    return np.where((axes * places).sum(1, keepdims=True) > 0, -axes, axes)
