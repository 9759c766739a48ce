# SPDX-License-Identifier: GPL-3.0-or-later
"""Structural similarity and its gradient in one go (Wang et al. 2004, eq. 13; 11 x 11 Gaussian window, sigma 1.5).

Zero padding, as in the splatting literature. Separable and fused: per channel five horizontally filtered maps (x, y,
x^2, y^2, xy) are kept in a small ring of rows and filtered vertically as soon as eleven rows are there; the three maps
of the backward pass (dL/dmu, dL/dE[x^2], dL/dE[xy]) take the same route. What is shared out is a channel's band of
rows; its height is fixed, and a row's sums do not depend on it, so any number of threads gives the same bits. The twin
is ``ssim_reference.py``.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .._jit import parallel, serial

RADIUS = 5
SPAN = 2 * RADIUS + 1
BAND = 64
"""Rows of a band: its ten rows of overlap with its neighbours are filtered twice, an eighth of the work."""
WINDOW = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / 1.5) ** 2)
WINDOW = (WINDOW / WINDOW.sum()).astype(np.float32)
WEIGHTS = np.concatenate([WINDOW, np.zeros(1, np.float32)])
"""The window, filled up to a multiple of four."""
C1 = np.float32(0.01**2)
C2 = np.float32(0.03**2)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)


@serial
def _filter_row(padded, out):
    """Horizontal filter: ``padded`` (W + 2 RADIUS,) to ``out`` (W,); taps at equal distance share their weight."""
    n = out.shape[0]
    a, b, c, d, e = padded[:n], padded[1 : n + 1], padded[2 : n + 2], padded[3 : n + 3], padded[4 : n + 4]
    f, g, h, i, j = padded[6 : n + 6], padded[7 : n + 7], padded[8 : n + 8], padded[9 : n + 9], padded[10 : n + 10]
    middle = padded[RADIUS : RADIUS + n]
    w0, w1, w2, w3, w4, w5 = WINDOW[0], WINDOW[1], WINDOW[2], WINDOW[3], WINDOW[4], WINDOW[5]
    for x in range(n):
        far = w0 * (a[x] + j[x]) + w1 * (b[x] + i[x]) + w2 * (c[x] + h[x])
        out[x] = far + w3 * (d[x] + g[x]) + w4 * (e[x] + f[x]) + w5 * middle[x]


@serial
def _add_rows(total, a, b, c, d, weights):
    """``total += weights[0] a + weights[1] b + weights[2] c + weights[3] d``: four rows for one store."""
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for x in range(total.shape[0]):
        total[x] += w0 * a[x] + w1 * b[x] + w2 * c[x] + w3 * d[x]


@serial
def _filter_column(ring, row, height, zeros, out):
    """Vertical filter at ``row``: ``ring`` (SPAN, M W) of rows of M maps, by row modulo SPAN, to ``out`` (M W,)."""
    out[:] = _ZERO
    for first in range(0, SPAN, 4):
        top = row + first - RADIUS
        a = _row_or_zeros(ring, top, height, zeros)
        b = _row_or_zeros(ring, top + 1, height, zeros)
        c = _row_or_zeros(ring, top + 2, height, zeros)
        d = _row_or_zeros(ring, top + 3, height, zeros)
        _add_rows(out, a, b, c, d, WEIGHTS[first : first + 4])


@serial
def _row_or_zeros(ring, source, height, zeros):
    """Row ``source`` of all maps, or ``zeros`` (M W,) outside the picture."""
    return ring[source % SPAN] if 0 <= source < height else zeros


@serial
def _moments_of_row(image, truth, x, y, padded, rows):
    """Horizontally filtered x, y, x^2, y^2 and xy of one row: ``rows`` (5, W); ``x``, ``y`` (W,) are working memory."""
    n = image.shape[0]
    inner = padded[RADIUS : RADIUS + n]
    for k in range(n):
        x[k] = image[k]
        y[k] = truth[k]
    inner[:] = x
    _filter_row(padded, rows[0])
    inner[:] = y
    _filter_row(padded, rows[1])
    for k in range(n):
        inner[k] = x[k] * x[k]
    _filter_row(padded, rows[2])
    for k in range(n):
        inner[k] = y[k] * y[k]
    _filter_row(padded, rows[3])
    for k in range(n):
        inner[k] = x[k] * y[k]
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


@serial
def _band_of_map(image, truth, weight, low, high, values, gradients):
    """Rows ``low`` to ``high`` of one channel's ``values`` (H, W) and of its three ``gradients`` (3, H, W)."""
    height, width = image.shape
    padded = np.zeros(width + 2 * RADIUS, np.float32)
    ring = np.zeros((SPAN, 5, width), np.float32)
    moments = np.zeros((5, width), np.float32)
    value, zeros = np.zeros(width, np.float32), np.zeros(5 * width, np.float32)
    flat, flat_moments = ring.reshape(SPAN, 5 * width), moments.reshape(5 * width)
    image_row, truth_row = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for y in range(max(low - RADIUS, 0), high + RADIUS):
        if y < height:
            _moments_of_row(image[y], truth[y], image_row, truth_row, padded, ring[y % SPAN])
        row = y - RADIUS
        if row < low:
            continue
        _filter_column(flat, row, height, zeros, flat_moments)
        _similarity_of_row(moments, weight[row], value, gradients[0, row], gradients[1, row], gradients[2, row])
        values[row] = value


@serial
def _band_of_gradient(image, truth, gradients, low, high, v_image):
    """Rows of one channel's ``v_image`` = F[v_mu] + 2 x F[v_xx] + y F[v_xy], F the filter, which is symmetric."""
    height, width = image.shape
    padded = np.zeros(width + 2 * RADIUS, np.float32)
    ring = np.zeros((SPAN, 3, width), np.float32)
    sums, zeros = np.zeros((3, width), np.float32), np.zeros(3 * width, np.float32)
    flat, flat_sums = ring.reshape(SPAN, 3 * width), sums.reshape(3 * width)
    for y in range(max(low - RADIUS, 0), high + RADIUS):
        if y < height:
            for m in range(3):
                padded[RADIUS : RADIUS + width] = gradients[m, y]
                _filter_row(padded, ring[y % SPAN, m])
        row = y - RADIUS
        if row < low:
            continue
        _filter_column(flat, row, height, zeros, flat_sums)
        for x in range(width):
            v_image[row, x] = sums[0, x] + _TWO * image[row, x] * sums[1, x] + truth[row, x] * sums[2, x]


@parallel
def ssim(image, truth, weight, values, v_image):
    """Write ``values`` (H, W, C), the SSIM map, and ``v_image`` (H, W, C), the gradient of sum(weight * map) by image.

    ``image``, ``truth`` (H, W, C) float32 in [0, 1]; ``weight`` (H, W) float32, for instance 1 / (3 H W) in the mask.
    """
    height, width, channels = image.shape
    bands = (height + BAND - 1) // BAND
    gradients = np.zeros((channels, 3, height, width), np.float32)
    for job in prange(channels * bands):
        c, low = job // bands, job % bands * BAND
        high = min(low + BAND, height)
        _band_of_map(image[:, :, c], truth[:, :, c], weight, low, high, values[:, :, c], gradients[c])
    for job in prange(channels * bands):
        c, low = job // bands, job % bands * BAND
        high = min(low + BAND, height)
        _band_of_gradient(image[:, :, c], truth[:, :, c], gradients[c], low, high, v_image[:, :, c])
