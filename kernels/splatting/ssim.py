# SPDX-License-Identifier: GPL-3.0-or-later
"""Structural similarity and its gradient in one go (Wang et al. 2004, eq. 13; 11 x 11 Gaussian window, sigma 1.5).

Zero padding, as in the splatting literature. Separable and fused: per channel five horizontally filtered maps (x, y,
x^2, y^2, xy) are kept in a small ring of rows and filtered vertically as soon as eleven rows are there; the three maps
of the backward pass (dL/dmu, dL/dE[x^2], dL/dE[xy]) take the same route. The twin is ``ssim_reference.py``.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .._jit import parallel, serial

RADIUS = 5
WINDOW = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / 1.5) ** 2)
WINDOW = (WINDOW / WINDOW.sum()).astype(np.float32)
C1 = np.float32(0.01**2)
C2 = np.float32(0.03**2)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)


@serial
def _filter_row(padded, out):
    """Horizontal filter: ``padded`` (W + 2 RADIUS,) to ``out`` (W,)."""
    n = out.shape[0]
    out[:] = _ZERO
    for k in range(2 * RADIUS + 1):
        part = padded[k : k + n]
        weight = WINDOW[k]
        for x in range(n):
            out[x] += weight * part[x]


@serial
def _add_row(total, row, weight):
    """``total += weight * row``."""
    for x in range(total.shape[0]):
        total[x] += weight * row[x]


@serial
def _moments_of_row(image, truth, padded, rows):
    """Horizontally filtered x, y, x^2, y^2 and xy of one row: ``rows`` (5, W)."""
    n = image.shape[0]
    inner = padded[RADIUS : RADIUS + n]
    for x in range(n):
        inner[x] = image[x]
    _filter_row(padded, rows[0])
    for x in range(n):
        inner[x] = truth[x]
    _filter_row(padded, rows[1])
    for x in range(n):
        inner[x] = image[x] * image[x]
    _filter_row(padded, rows[2])
    for x in range(n):
        inner[x] = truth[x] * truth[x]
    _filter_row(padded, rows[3])
    for x in range(n):
        inner[x] = image[x] * truth[x]
    _filter_row(padded, rows[4])


@serial
def _similarity_of_row(moments, weight, value, v_mu, v_xx, v_xy):
    """SSIM of one row from its ``moments`` (5, W), and its gradient times ``weight`` (W,): by mu_x, E[x^2], E[xy]."""
    for x in range(value.shape[0]):
        mu_x, mu_y = moments[0, x], moments[1, x]
        var_x, var_y = moments[2, x] - mu_x * mu_x, moments[3, x] - mu_y * mu_y
        cov = moments[4, x] - mu_x * mu_y
        a, b = _TWO * mu_x * mu_y + C1, _TWO * cov + C2
        c, d = mu_x * mu_x + mu_y * mu_y + C1, var_x + var_y + C2
        scale = _ONE / (c * d)
        s = a * b * scale
        value[x] = s
        g = weight[x]
        # s = a b / (c d) with b, d moving with mu_x through cov and var_x.
        v_mu[x] = g * _TWO * (mu_y * (b - a) * scale - s * mu_x / c + s * mu_x / d)
        v_xx[x] = -g * s / d
        v_xy[x] = g * _TWO * a * scale


@parallel
def ssim(image, truth, weight, values, v_image):
    """Write ``values`` (H, W, C), the SSIM map, and ``v_image`` (H, W, C), the gradient of sum(weight * map) by image.

    ``image``, ``truth`` (H, W, C) float32 in [0, 1]; ``weight`` (H, W) float32, for instance 1 / (3 H W) in the mask.
    """
    height, width, channels = image.shape
    for c in prange(channels):
        span = 2 * RADIUS + 1
        padded = np.zeros(width + 2 * RADIUS, np.float32)
        ring = np.zeros((span, 5, width), np.float32)
        moments = np.zeros((5, width), np.float32)
        value = np.zeros(width, np.float32)
        gradients = np.zeros((3, height, width), np.float32)
        for y in range(height + RADIUS):
            slot = y % span
            if y < height:
                _moments_of_row(image[y, :, c], truth[y, :, c], padded, ring[slot])
            else:
                ring[slot] = _ZERO
            row = y - RADIUS
            if row < 0:
                continue
            moments[:] = _ZERO
            for k in range(span):
                source = row + k - RADIUS
                if 0 <= source < height:
                    for m in range(5):
                        _add_row(moments[m], ring[source % span, m], WINDOW[k])
            _similarity_of_row(moments, weight[row], value, gradients[0, row], gradients[1, row], gradients[2, row])
            values[row, :, c] = value
        _gradient_of_channel(image[:, :, c], truth[:, :, c], gradients, padded, ring, v_image[:, :, c])


@serial
def _gradient_of_channel(image, truth, gradients, padded, ring, v_image):
    """Filter the three gradient maps back: v_image = F[v_mu] + 2 x F[v_xx] + y F[v_xy], F symmetric."""
    height, width = image.shape
    span = 2 * RADIUS + 1
    sums = np.zeros((3, width), np.float32)
    padded[:] = _ZERO
    for y in range(height + RADIUS):
        if y < height:
            for m in range(3):
                padded[RADIUS : RADIUS + width] = gradients[m, y]
                _filter_row(padded, ring[y % span, m])
        row = y - RADIUS
        if row < 0:
            continue
        sums[:] = _ZERO
        for k in range(span):
            source = row + k - RADIUS
            if 0 <= source < height:
                for m in range(3):
                    _add_row(sums[m], ring[source % span, m], WINDOW[k])
        for x in range(width):
            v_image[row, x] = sums[0, x] + _TWO * image[row, x] * sums[1, x] + truth[row, x] * sums[2, x]
