# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Gaussian touches which tile, front to back.

One radix sort of the depths of all Gaussians, then a counting sort of (tile, Gaussian) pairs that keeps the order: no
sort per tile. A tile is touched when the ellipse alpha >= ``ALPHA_LEAST`` has a point among the tile's pixel centres'
hull, found row of tiles by row of tiles (exact intersection as in Hanson et al. 2025, Speedy-Splat, section 4.1).

Notation: M pairs; a pair's *slot* counts it in order of its Gaussian, so that the pairs of one Gaussian have slots
side by side and the backward pass can add up their gradients without atomics.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .._jit import parallel, serial
from . import TILE_HEIGHT, TILE_WIDTH

CHUNKS = 32
"""Parts in which Gaussians are counted and written; fixed, so that the order does not depend on threads."""


@serial
def depth_order(depths, extents, order, scratch, keys, keys_scratch):
    """Sort the drawn Gaussians by depth: ``order`` (N,) int32 gets their indices, nearest first; returns their number.

    A stable radix sort, least significant digit first, of the bit patterns of the (positive) depths, 11 bits a pass;
    equal depths keep the order of their indices. ``keys``, ``keys_scratch`` (N,) uint32 and ``scratch`` (N,) int32 are
    working memory.
    """
    bits = depths.view(np.uint32)
    n = 0
    for i in range(depths.shape[0]):
        if extents[i, 0] > 0.0:
            order[n] = i
            keys[n] = bits[i]
            n += 1
    counts = np.zeros(2048, np.int64)
    for shift in (0, 11, 22):
        counts[:] = 0
        for i in range(n):
            counts[(keys[i] >> np.uint32(shift)) & np.uint32(2047)] += 1
        total = 0
        for digit in range(2048):
            counts[digit], total = total, total + counts[digit]
        for i in range(n):
            digit = (keys[i] >> np.uint32(shift)) & np.uint32(2047)
            at = counts[digit]
            counts[digit] = at + 1
            scratch[at] = order[i]
            keys_scratch[at] = keys[i]
        order[:n] = scratch[:n]
        keys[:n] = keys_scratch[:n]
    return n


@serial
def tile_rows(v, half_height, rows):
    """First and last-but-one row of tiles whose pixel centres a Gaussian may reach."""
    first = max(0, math.floor((v - half_height - 0.5) / TILE_HEIGHT + 1e-3))
    last = min(rows, math.floor((v + half_height - 0.5) / TILE_HEIGHT - 1e-3) + 1)
    return first, max(first, last)


@serial
def tile_columns(u, v, a, b, c, half_width, half_height, row, columns):
    """First and last-but-one column of tiles that the ellipse reaches within tile row ``row``.

    Over the row's pixel centres, dy in [low, high], the ellipse a dx^2 + 2 b dx dy + c dy^2 = reach is widest to the
    right at dy = -b half_width / c, if that lies inside, and otherwise at the nearer end of the interval.
    """
    reach = half_height * half_height * (c - b * b / a)
    low = max(row * TILE_HEIGHT + np.float32(0.5) - v, -half_height)
    high = min(row * TILE_HEIGHT + np.float32(TILE_HEIGHT - 0.5) - v, half_height)
    if low > high:
        return 0, 0
    tilt = b * half_width / c
    right_at = min(max(-tilt, low), high)
    left_at = min(max(tilt, low), high)
    right = -b * right_at / a + math.sqrt(max(reach / a - right_at * right_at * (c / a - b * b / (a * a)), 0.0))
    left = -b * left_at / a - math.sqrt(max(reach / a - left_at * left_at * (c / a - b * b / (a * a)), 0.0))
    # A hundredth of a pixel of slack: rounding must not lose a tile.
    first = max(0, math.floor((u + left - 0.51) / TILE_WIDTH))
    last = min(columns, math.floor((u + right - 0.49) / TILE_WIDTH) + 1)
    return first, max(first, last)


@parallel
def count_pairs(order, drawn, means2d, conics, extents, columns, rows, slots, histogram):
    """Count: ``slots`` (N + 1,) int64 gets each Gaussian's first slot, ``histogram`` (CHUNKS, tiles) int32 the pairs.

    Chunk k holds the k-th part of ``order[:drawn]``. Returns M. Slots follow the order of indices, not of depths.
    """
    histogram[:] = 0
    slots[:] = 0
    for chunk in prange(CHUNKS):
        for k in range(chunk * drawn // CHUNKS, (chunk + 1) * drawn // CHUNKS):
            i = order[k]
            pairs = 0
            top, bottom = tile_rows(means2d[i, 1], extents[i, 1], rows)
            for row in range(top, bottom):
                first, last = tile_columns(
                    means2d[i, 0], means2d[i, 1], conics[i, 0], conics[i, 1], conics[i, 2],
                    extents[i, 0], extents[i, 1], row, columns,
                )  # fmt: skip
                for column in range(first, last):
                    histogram[chunk, row * columns + column] += 1
                pairs += last - first
            slots[i + 1] = pairs
    for i in range(slots.shape[0] - 1):
        slots[i + 1] += slots[i]
    return slots[-1]


@parallel
def write_pairs(order, drawn, means2d, conics, extents, columns, rows, slots, histogram, starts, ids, pair_slots):
    """Write the pairs, tile by tile and front to back within a tile.

    ``starts`` (tiles + 1,) int64 gets where each tile's pairs begin, ``ids`` (M,) int32 the Gaussian of a pair,
    ``pair_slots`` (M,) int32 its slot. ``histogram`` of ``count_pairs`` is overwritten with positions.
    """
    total = 0
    for tile in range(columns * rows):
        starts[tile] = total
        for chunk in range(CHUNKS):
            count = histogram[chunk, tile]
            histogram[chunk, tile] = total
            total += count
    starts[columns * rows] = total
    for chunk in prange(CHUNKS):
        for k in range(chunk * drawn // CHUNKS, (chunk + 1) * drawn // CHUNKS):
            i = order[k]
            slot = slots[i]
            top, bottom = tile_rows(means2d[i, 1], extents[i, 1], rows)
            for row in range(top, bottom):
                first, last = tile_columns(
                    means2d[i, 0], means2d[i, 1], conics[i, 0], conics[i, 1], conics[i, 2],
                    extents[i, 0], extents[i, 1], row, columns,
                )  # fmt: skip
                for column in range(first, last):
                    at = histogram[chunk, row * columns + column]
                    histogram[chunk, row * columns + column] = at + 1
                    ids[at] = i
                    pair_slots[at] = slot
                    slot += 1
