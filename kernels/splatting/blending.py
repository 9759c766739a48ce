# SPDX-License-Identifier: GPL-3.0-or-later
"""Front-to-back blending of screen-space Gaussians, tile by tile, sixteen pixels at a time.

For a pixel p and the Gaussians in order of depth (Kerbl et al. 2023, eq. 3)

    alpha_i = min(ALPHA_MOST, o_i exp(-q_i / 2)),  q_i = a dx^2 + 2 b dx dy + c dy^2,  left out below ALPHA_LEAST
    w_i = alpha_i prod_{j < i} (1 - alpha_j),      features = sum_i w_i f_i,           alpha = sum_i w_i

and a pixel ends before its transmittance would fall to ``TRANSMITTANCE_LEAST``.

Inside a tile, 8 wide and 32 tall, the rows that an ellipse reaches within these 8 columns lie side by side in memory:
a Gaussian is one loop over up to 256 pixels, few of them beside its ellipse. Nothing in that loop branches: a
contribution that does not count has weight 0, a finished pixel has transmittance 0. The loop is written so that LLVM
turns it into 16 pixels a step: slices instead of offsets (no wrap-around of indices), selections instead of ``min`` and
``max`` (which mind NaN), 32-bit integers for coordinates.
Features are any D channels: colour, depth, normal.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .._jit import parallel, serial
from . import ALPHA_LEAST, ALPHA_MOST, TILE_BITS, TILE_HEIGHT, TILE_PIXELS, TILE_WIDTH, TRANSMITTANCE_LEAST

_LEAST = np.float32(ALPHA_LEAST)
_MOST = np.float32(ALPHA_MOST)
_END = np.float32(TRANSMITTANCE_LEAST)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_FAINT = np.float32(-8.0)
CHECK_EVERY = 8
"""Gaussians between two looks at whether the whole tile is finished."""


@serial
def exponential(x):
    """exp(x) for x in [-8, 0] to 3e-7 relative: a polynomial on an eighth of x, then three squarings.

    Branch-free and without tables, so that sixteen of them run in one register; sharper than the 8 bits of a pixel by
    four orders of magnitude.
    """
    t = x * np.float32(0.125)
    p = np.float32(1.0 / 720.0)
    p = p * t + np.float32(1.0 / 120.0)
    p = p * t + np.float32(1.0 / 24.0)
    p = p * t + np.float32(1.0 / 6.0)
    p = p * t + np.float32(0.5)
    p = p * t + np.float32(1.0)
    p = p * t + np.float32(1.0)
    p *= p
    p *= p
    return p * p


@serial
def reached(u, v, a, b, c, half_width, half_height):
    """Pixels of a tile that an ellipse reaches, of whole pairs of rows: the first, and the one after the last.

    ``u``, ``v``: the mean, relative to the centre of the tile's top left pixel. Over the tile's columns, dx in [low,
    high], the ellipse a dx^2 + 2 b dx dy + c dy^2 = reach ends furthest down at dx = -b half_height / a, if that lies
    inside, and otherwise at the nearer end of the interval.
    """
    low, high = max(-u, -half_width), min(np.float32(TILE_WIDTH - 1) - u, half_width)
    if low > high:
        return 0, 0
    det = a * c - b * b
    reach = half_width * half_width * det / c
    tilt = b * half_height / a
    bottom_at, top_at = min(max(-tilt, low), high), min(max(tilt, low), high)
    bottom = (math.sqrt(max(reach * c - bottom_at * bottom_at * det, _ZERO)) - b * bottom_at) / c
    top = (-math.sqrt(max(reach * c - top_at * top_at * det, _ZERO)) - b * top_at) / c
    # A fiftieth of a pixel of slack: rounding must not lose a row. An odd row is taken together with its neighbour.
    first = max(math.ceil(v + top - np.float32(0.02)), 0) & ~1
    last = (min(math.floor(v + bottom + np.float32(0.02)) + 1, TILE_HEIGHT) + 1) & ~1
    return first * TILE_WIDTH, max(first, last) * TILE_WIDTH


@serial
def is_finished(transmittance):
    """Whether no pixel of the tile can take another contribution."""
    total = _ZERO  # a sum of what is never negative: unlike a greatest value, LLVM takes it sixteen at a time
    for k in range(TILE_PIXELS):
        total += transmittance[k]
    return total == _ZERO


@serial
def weigh(t, weights, start, u, v, a, b, c, o):
    """Weights of one Gaussian at consecutive pixels of a tile, from pixel ``start`` on; advances ``t``.

    ``u``, ``v``: the mean, relative to the centre of the tile's top left pixel.
    """
    half_a, half_c = _HALF * a, _HALF * c
    offset = np.int32(start)
    for k in range(weights.shape[0]):
        pixel = np.int32(k) + offset
        dx = np.float32(pixel & np.int32(TILE_WIDTH - 1)) - u
        dy = np.float32(pixel >> np.int32(TILE_BITS)) - v
        power = -half_a * dx * dx - half_c * dy * dy - b * dx * dy
        power = power if power > _FAINT else _FAINT
        alpha = o * exponential(power)
        alpha = alpha if alpha < _MOST else _MOST
        alpha = alpha if alpha >= _LEAST else _ZERO
        before = t[k]
        after = before * (_ONE - alpha)
        weights[k] = alpha * before if after > _END else _ZERO
        t[k] = after if after > _END else _ZERO


@serial
def add_scaled(out, weights, factor):
    """``out += factor * weights``."""
    for k in range(weights.shape[0]):
        out[k] += factor * weights[k]


@serial
def _blend_tile(left, top, ids, means2d, conics, extents, opacities, features, t, weights, sums):
    """Blend one tile's Gaussians ``ids`` into ``sums`` (D + 1, TILE_PIXELS): D feature channels, then alpha."""
    channels = features.shape[1]
    for k in range(ids.shape[0]):
        if k % CHECK_EVERY == 0 and is_finished(t):
            return
        i = ids[k]
        u, v = means2d[i, 0] - (left + _HALF), means2d[i, 1] - (top + _HALF)
        start, stop = reached(u, v, conics[i, 0], conics[i, 1], conics[i, 2], extents[i, 0], extents[i, 1])
        if start >= stop:
            continue
        w = weights[start:stop]
        weigh(t[start:stop], w, start, u, v, conics[i, 0], conics[i, 1], conics[i, 2], opacities[i])
        for d in range(channels):
            add_scaled(sums[d, start:stop], w, features[i, d])
        add_scaled(sums[channels, start:stop], w, _ONE)


@parallel
def blend(means2d, conics, extents, opacities, features, starts, ids, tile_order, image):
    """Write ``image`` (H, W, D + 1): the D blended ``features`` (N, D) and, last, alpha. Nothing is behind: colour 0.

    ``opacities`` (N,) are the drawn ones (with compensation). ``starts``, ``ids`` from ``tiles.write_pairs``;
    ``tile_order`` (tiles,) int32 says in which order tiles are handed out (heavy ones spread over the cores).
    """
    height, width, planes = image.shape
    columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    for job in prange(tile_order.shape[0]):
        tile = tile_order[job]
        left, top = np.float32(tile % columns * TILE_WIDTH), np.float32(tile // columns * TILE_HEIGHT)
        t = np.ones(TILE_PIXELS, np.float32)
        weights = np.zeros(TILE_PIXELS, np.float32)
        sums = np.zeros((planes, TILE_PIXELS), np.float32)
        _blend_tile(
            left, top, ids[starts[tile] : starts[tile + 1]],
            means2d, conics, extents, opacities, features, t, weights, sums,
        )  # fmt: skip
        x0, y0 = tile % columns * TILE_WIDTH, tile // columns * TILE_HEIGHT
        for y in range(min(TILE_HEIGHT, height - y0)):
            for x in range(min(TILE_WIDTH, width - x0)):
                for d in range(planes):
                    image[y0 + y, x0 + x, d] = sums[d, y * TILE_WIDTH + x]
