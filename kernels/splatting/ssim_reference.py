# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``ssim.ssim``: the map alone, in float64; its gradient is checked by finite differences."""

from __future__ import annotations

import numpy as np

RADIUS = 5


def _filter(image: np.ndarray) -> np.ndarray:
    """Separable 11-tap Gaussian, sigma 1.5, zero padding, over the first two axes of (H, W, C)."""
    window = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / 1.5) ** 2)
    window /= window.sum()
    for axis in (0, 1):
        pad = [(0, 0)] * image.ndim
        pad[axis] = (RADIUS, RADIUS)
        padded = np.pad(image, pad)
        size = image.shape[axis]
        image = sum(w * np.take(padded, np.arange(k, k + size), axis) for k, w in enumerate(window))
    return image


def ssim_map(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """SSIM per pixel and channel (Wang et al. 2004, eq. 13) of two images (H, W, C) in [0, 1]."""
    x, y = image.astype(float), truth.astype(float)
    mu_x, mu_y = _filter(x), _filter(y)
    var_x, var_y = _filter(x * x) - mu_x**2, _filter(y * y) - mu_y**2
    cov = _filter(x * y) - mu_x * mu_y
    above = (2 * mu_x * mu_y + 0.01**2) * (2 * cov + 0.03**2)
    return above / ((mu_x**2 + mu_y**2 + 0.01**2) * (var_x + var_y + 0.03**2))
