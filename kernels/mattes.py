# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact distances to the edge of a mask, the nearest pixel of the object, and mattes with a soft edge.

Notation: ``mask`` (H, W) uint8, a pixel belongs to the object above 127. Distances in pixels, between pixel centres,
less one half: the edge lies midway between an object's pixel and its neighbour outside, where the signed distance is 0;
it is positive inside. Method: Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled functions": a scan
along columns, then the lower envelope of parabolas along rows.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial

FAR = 1 << 29
"""Stands for "no such pixel" in column scans."""

BANDS = 64
"""Parts the work is shared out in. Fixed, because asking numba for its threads inside a kernel forbids its cache."""


@parallel
def signed_distance(mask: np.ndarray, out: np.ndarray) -> None:
    """Signed distance to the mask's edge, into ``out`` (H, W) float32; +inf or -inf where there is no edge at all."""
    height, width = mask.shape
    if height == 0 or width == 0:
        return
    steps = np.zeros((height, width), np.int32)
    for part in numba.prange(BANDS):
        _scan_columns(mask, part * width // BANDS, (part + 1) * width // BANDS, steps)
    at = np.zeros((BANDS, width), np.int32)
    begins = np.zeros((BANDS, width), np.float64)
    squares = np.zeros((BANDS, width), np.float64)
    for part in numba.prange(BANDS):
        for y in range(part * height // BANDS, (part + 1) * height // BANDS):
            for inside in range(2):
                _row_distance(mask[y], steps[y], inside == 1, squares[part], at[part], begins[part], out[y])


@parallel
def nearest_inside(mask: np.ndarray, out: np.ndarray) -> None:
    """Flat index (row * W + column) of the object's pixel nearest to each pixel, into ``out`` (H, W) int32, or -1."""
    height, width = mask.shape
    if height == 0 or width == 0:
        return
    rows = np.zeros((height, width), np.int32)
    for part in numba.prange(BANDS):
        _nearest_rows(mask, part * width // BANDS, (part + 1) * width // BANDS, rows)
    at = np.zeros((BANDS, width), np.int32)
    begins = np.zeros((BANDS, width), np.float64)
    squares = np.zeros((BANDS, width), np.float64)
    for part in numba.prange(BANDS):
        for y in range(part * height // BANDS, (part + 1) * height // BANDS):
            _row_nearest(rows[y], y, squares[part], at[part], begins[part], out[y])


@parallel
def feather(mask: np.ndarray, width: float, offset: float, out: np.ndarray) -> None:
    """Matte whose alpha rises linearly over ``width`` pixels across the mask's edge, into ``out`` (H, W) uint8.

    ``offset`` moves the edge outwards (pixels, negative inwards). A ``width`` of 0 gives a hard edge.
    """
    distance = np.zeros(mask.shape, np.float32)
    signed_distance(mask, distance)
    for y in numba.prange(mask.shape[0]):
        for x in range(mask.shape[1]):
            depth = distance[y, x] + offset
            if width > 0:
                share = min(max(depth / width + 0.5, 0.0), 1.0)
            else:
                share = 1.0 if depth > 0 else 0.0
            out[y, x] = np.uint8(share * 255.0 + 0.5)


@serial
def _scan_columns(mask: np.ndarray, first: int, last: int, steps: np.ndarray) -> None:
    """Steps along the column to the nearest pixel of the other kind, columns ``first`` to ``last``; ``FAR``: none."""
    height = mask.shape[0]
    for x in range(first, last):
        steps[0, x] = FAR
    for y in range(1, height):
        for x in range(first, last):
            changed = (mask[y, x] > 127) != (mask[y - 1, x] > 127)
            steps[y, x] = 1 if changed else min(steps[y - 1, x] + 1, FAR)
    for y in range(height - 2, -1, -1):
        for x in range(first, last):
            changed = (mask[y, x] > 127) != (mask[y + 1, x] > 127)
            steps[y, x] = 1 if changed else min(steps[y, x], steps[y + 1, x] + 1)


@serial
def _nearest_rows(mask: np.ndarray, first: int, last: int, rows: np.ndarray) -> None:
    """Row of the object's pixel nearest along the column, columns ``first`` to ``last``; -1: none."""
    height = mask.shape[0]
    for x in range(first, last):
        nearest = -1
        for y in range(height):
            if mask[y, x] > 127:
                nearest = y
            rows[y, x] = nearest
        nearest = -1
        for y in range(height - 1, -1, -1):
            if mask[y, x] > 127:
                nearest = y
            if nearest >= 0 and (rows[y, x] < 0 or nearest - y < y - rows[y, x]):
                rows[y, x] = nearest


@serial
def _row_distance(
    mask: np.ndarray,
    steps: np.ndarray,
    inside: bool,
    squares: np.ndarray,
    at: np.ndarray,
    begins: np.ndarray,
    out: np.ndarray,
) -> None:
    """Distances of a row's pixels that are ``inside`` (or are not) to the nearest pixel of the other kind."""
    width = mask.shape[0]
    for x in range(width):
        step = float(steps[x]) if (mask[x] > 127) == inside else 0.0
        squares[x] = step * step if step < FAR else np.inf
    count = _lower_envelope(squares, at, begins)
    sign = 1.0 if inside else -1.0
    k = 0
    for x in range(width):
        if (mask[x] > 127) == inside:
            if count == 0:
                out[x] = sign * np.inf
                continue
            while k < count - 1 and begins[k + 1] < x:
                k += 1
            across = float(x - at[k])
            out[x] = sign * (math.sqrt(squares[at[k]] + across * across) - 0.5)


@serial
def _row_nearest(
    rows: np.ndarray, y: int, squares: np.ndarray, at: np.ndarray, begins: np.ndarray, out: np.ndarray
) -> None:
    """Flat index of the object's pixel nearest to each pixel of row ``y``."""
    width = rows.shape[0]
    for x in range(width):
        along = float(y - rows[x])
        squares[x] = along * along if rows[x] >= 0 else np.inf
    count = _lower_envelope(squares, at, begins)
    k = 0
    for x in range(width):
        if count == 0:
            out[x] = -1
            continue
        while k < count - 1 and begins[k + 1] < x:
            k += 1
        out[x] = rows[at[k]] * width + at[k]


@serial
def _lower_envelope(squares: np.ndarray, at: np.ndarray, begins: np.ndarray) -> int:
    """Lower envelope of the parabolas squares[q] + (x - q)^2: where each is rooted and begins. Returns their number."""
    count = 0
    for q in range(squares.shape[0]):
        if squares[q] == np.inf:
            continue
        begin = -np.inf
        while count > 0:
            v = at[count - 1]
            begin = (squares[q] - squares[v] + float(q * q - v * v)) / (2.0 * (q - v))
            if begin > begins[count - 1]:
                break
            count -= 1
            begin = -np.inf
        at[count] = q
        begins[count] = begin
        count += 1
    return count
