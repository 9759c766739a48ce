# SPDX-License-Identifier: GPL-3.0-or-later
"""Gradient of ``blending.blend``, front to back like the forward pass.

With s_i = sum_d f_i[d] v_image[d] + v_image[alpha] the contribution of Gaussian i to the loss per unit of weight, and
R_i = sum_{j > i} w_j s_j what still lies behind it,

    dL/dalpha_i = T_i s_i - R_i / (1 - alpha_i),    R_0 = the whole pixel's sum, known from the forward image,

so the walk needs neither a stored list per pixel nor the order reversed; it finds the same end by the same tests.
Each (tile, Gaussian) pair writes its own row of ``pair_gradients``, which ``gather`` adds up Gaussian by Gaussian: no
atomics, no races, and the same sum on any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .._jit import parallel, serial
from . import ALPHA_LEAST, ALPHA_MOST, TILE_BITS, TILE_HEIGHT, TILE_PIXELS, TILE_WIDTH, TRANSMITTANCE_LEAST
from .blending import CHECK_EVERY, add_scaled, exponential, is_finished, reached

_LEAST = np.float32(ALPHA_LEAST)
_MOST = np.float32(ALPHA_MOST)
_END = np.float32(TRANSMITTANCE_LEAST)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_FAINT = np.float32(-8.0)
SCREEN = 6
"""Columns of a pair's gradient before the features: u, v, a, b, c, opacity."""


@serial
def _screen_gradient(t, rest, value, weights, start, u, v, a, b, c, o, out):
    """Gradient of one Gaussian's place, shape and opacity at consecutive pixels; advances ``t`` and ``rest``.

    ``value`` holds s per pixel; ``weights`` gets w. Writes ``out[:6]``. With p = dL/dpower, the six sums of p times 1,
    dx, dy, dx^2, dx dy and dy^2 hold all that is needed.
    """
    half_a, half_c = _HALF * a, _HALF * c
    offset = np.int32(start)
    s0 = sx = sy = sxx = sxy = syy = _ZERO
    for k in range(weights.shape[0]):
        pixel = np.int32(k) + offset
        dx = np.float32(pixel & np.int32(TILE_WIDTH - 1)) - u
        dy = np.float32(pixel >> np.int32(TILE_BITS)) - v
        power = -half_a * dx * dx - half_c * dy * dy - b * dx * dy
        power = power if power > _FAINT else _FAINT
        raw = o * exponential(power)
        alpha = raw if raw < _MOST else _MOST
        alpha = alpha if alpha >= _LEAST else _ZERO
        before = t[k]
        passed = _ONE - alpha
        after = before * passed
        weight = alpha * before if after > _END else _ZERO
        t[k] = after if after > _END else _ZERO
        weights[k] = weight
        behind = rest[k] - weight * value[k]
        rest[k] = behind
        p = alpha * (before * value[k] - behind / passed)
        # A capped alpha does not move with its power, and a finished pixel takes nothing.
        p = p if after > _END else _ZERO
        p = p if raw < _MOST else _ZERO
        s0 += p
        sx += p * dx
        sy += p * dy
        sxx += p * dx * dx
        sxy += p * dx * dy
        syy += p * dy * dy
    out[0] = a * sx + b * sy
    out[1] = b * sx + c * sy
    out[2] = -_HALF * sxx
    out[3] = -sxy
    out[4] = -_HALF * syy
    out[5] = s0 / o


@serial
def _coloured_gradient(t, rest, v0, v1, v2, v_alpha, start, u, v, a, b, c, o, f0, f1, f2, out):
    """As ``_screen_gradient`` for colours, the usual features, with their own gradients in the same loop.

    ``v0`` to ``v2`` and ``v_alpha``: the picture's gradient at the pixels, a channel each. Writes ``out[:9]``.
    """
    half_a, half_c = _HALF * a, _HALF * c
    offset = np.int32(start)
    s0 = sx = sy = sxx = sxy = syy = g0 = g1 = g2 = _ZERO
    for k in range(t.shape[0]):
        pixel = np.int32(k) + offset
        dx = np.float32(pixel & np.int32(TILE_WIDTH - 1)) - u
        dy = np.float32(pixel >> np.int32(TILE_BITS)) - v
        power = -half_a * dx * dx - half_c * dy * dy - b * dx * dy
        power = power if power > _FAINT else _FAINT
        raw = o * exponential(power)
        alpha = raw if raw < _MOST else _MOST
        alpha = alpha if alpha >= _LEAST else _ZERO
        before = t[k]
        passed = _ONE - alpha
        after = before * passed
        weight = alpha * before if after > _END else _ZERO
        t[k] = after if after > _END else _ZERO
        x0, x1, x2 = v0[k], v1[k], v2[k]
        value = v_alpha[k] + f0 * x0 + f1 * x1 + f2 * x2
        g0 += weight * x0
        g1 += weight * x1
        g2 += weight * x2
        behind = rest[k] - weight * value
        rest[k] = behind
        p = alpha * (before * value - behind / passed)
        p = p if after > _END else _ZERO
        p = p if raw < _MOST else _ZERO
        px, py = p * dx, p * dy
        s0 += p
        sx += px
        sy += py
        sxx += px * dx
        sxy += px * dy
        syy += py * dy
    out[0] = a * sx + b * sy
    out[1] = b * sx + c * sy
    out[2] = -_HALF * sxx
    out[3] = -sxy
    out[4] = -_HALF * syy
    out[5] = s0 / o
    out[6] = g0
    out[7] = g1
    out[8] = g2


@serial
def _dot(x, y):
    """Inner product."""
    total = _ZERO
    for k in range(x.shape[0]):
        total += x[k] * y[k]
    return total


@serial
def _tile_backward(
    left, top, ids, pair_slots, means2d, conics, extents, opacities, features,
    v_pixels, rest, t, value, weights, pair_gradients,
):  # fmt: skip
    """Walk one tile's pairs front to back and write their gradients."""
    channels = features.shape[1]
    finished = False
    for k in range(ids.shape[0]):
        out = pair_gradients[pair_slots[k]]
        finished = finished or (k % CHECK_EVERY == 0 and is_finished(t))
        if finished:
            out[:] = _ZERO
            continue
        i = ids[k]
        u, v = means2d[i, 0] - (left + _HALF), means2d[i, 1] - (top + _HALF)
        start, stop = reached(u, v, conics[i, 0], conics[i, 1], conics[i, 2], extents[i, 0], extents[i, 1])
        if start >= stop:
            out[:] = _ZERO
            continue
        if channels == 3:
            _coloured_gradient(
                t[start:stop], rest[start:stop], v_pixels[0, start:stop], v_pixels[1, start:stop],
                v_pixels[2, start:stop], v_pixels[3, start:stop], start, u, v,
                conics[i, 0], conics[i, 1], conics[i, 2], opacities[i],
                features[i, 0], features[i, 1], features[i, 2], out,
            )  # fmt: skip
            continue
        s, w = value[start:stop], weights[start:stop]
        s[:] = v_pixels[channels, start:stop]
        for d in range(channels):
            add_scaled(s, v_pixels[d, start:stop], features[i, d])
        _screen_gradient(
            t[start:stop], rest[start:stop], s, w, start, u, v,
            conics[i, 0], conics[i, 1], conics[i, 2], opacities[i], out,
        )  # fmt: skip
        for d in range(channels):
            out[SCREEN + d] = _dot(w, v_pixels[d, start:stop])


@parallel
def blend_backward(
    means2d, conics, extents, opacities, features, starts, ids, pair_slots, tile_order, image, v_image, pair_gradients
):
    """Write ``pair_gradients`` (M, 6 + D), by slot, from ``v_image`` (H, W, D + 1) and the forward ``image``."""
    height, width, planes = image.shape
    columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    for job in prange(tile_order.shape[0]):
        tile = tile_order[job]
        x0, y0 = tile % columns * TILE_WIDTH, tile // columns * TILE_HEIGHT
        v_pixels = np.zeros((planes, TILE_PIXELS), np.float32)
        rest = np.zeros(TILE_PIXELS, np.float32)
        for y in range(min(TILE_HEIGHT, height - y0)):
            for x in range(min(TILE_WIDTH, width - x0)):
                for d in range(planes):
                    v = v_image[y0 + y, x0 + x, d]
                    v_pixels[d, y * TILE_WIDTH + x] = v
                    rest[y * TILE_WIDTH + x] += v * image[y0 + y, x0 + x, d]
        _tile_backward(
            np.float32(x0), np.float32(y0),
            ids[starts[tile] : starts[tile + 1]], pair_slots[starts[tile] : starts[tile + 1]],
            means2d, conics, extents, opacities, features, v_pixels, rest,
            np.ones(TILE_PIXELS, np.float32), np.zeros(TILE_PIXELS, np.float32), np.zeros(TILE_PIXELS, np.float32),
            pair_gradients,
        )  # fmt: skip


@parallel
def gather(slots, pair_gradients, v_means2d, v_conics, v_opacities, v_features):
    """Add up each Gaussian's pairs: ``slots`` (N + 1,) of ``tiles.count_pairs``; Gaussians not drawn get zeros."""
    channels = v_features.shape[1]
    for i in prange(v_means2d.shape[0]):
        total = np.zeros(SCREEN + channels, np.float32)
        for slot in range(slots[i], slots[i + 1]):
            for d in range(SCREEN + channels):
                total[d] += pair_gradients[slot, d]
        v_means2d[i] = total[:2]
        v_conics[i] = total[2:5]
        v_opacities[i] = total[5]
        v_features[i] = total[SCREEN:]
