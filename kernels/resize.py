# SPDX-License-Identifier: GPL-3.0-or-later
"""Resize by area averaging: each new pixel is the mean of the old ones it covers, in proportion to the area covered.

Notation: (H, W, C) uint8 to (h, w, C) uint8; a pixel is a unit square, new ones are (H / h) x (W / w) old ones large.
The ``_rows`` functions do a band of rows on the calling thread, for callers that work on several pictures at once.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial
from .compositing import packed

BANDS = 64
"""Parts the rows are shared out in: enough for any desktop's cores, few enough to cost nothing."""

STRIP = 512
"""New pixels of a row that are worked on together: their sums fit into the first cache."""

FAINT = 1 / 4096
"""Weight that is added to alpha. It decides the colour where all is transparent, and is lost in rounding elsewhere."""


@parallel
def resize_area(image: np.ndarray, out: np.ndarray) -> None:
    """Resize ``image`` (H, W, C) uint8, channels on their own, into ``out`` (h, w, C) uint8."""
    for band in numba.prange(BANDS):
        resize_area_rows(image, out, band * out.shape[0] // BANDS, (band + 1) * out.shape[0] // BANDS)


def resize_rgba(rgba: np.ndarray, out: np.ndarray) -> None:
    """Resize straight ``rgba`` (H, W, 4) uint8 into ``out`` (h, w, 4) uint8, straight as well, both contiguous.

    Colours are averaged with alpha + ``FAINT`` as their weight, so that what lies under transparent pixels does not
    bleed into the rim, and the plain mean is left where all is transparent.
    """
    if rgba.size and out.size:
        _resize_rgba(packed(rgba), packed(out))


def resize_rgba_rows(rgba: np.ndarray, out: np.ndarray, first: int, last: int) -> None:
    """``resize_rgba`` for the new rows ``first`` to ``last``."""
    if rgba.size and out.size:
        _resize_rows(packed(rgba), first, last, packed(out))


@serial
def resize_area_rows(image: np.ndarray, out: np.ndarray, first: int, last: int) -> None:
    """``resize_area`` for the new rows ``first`` to ``last``."""
    height, width, channels = image.shape
    step_y, step_x = height / out.shape[0], width / out.shape[1]
    for row in range(first, last):
        y0, y1 = row * step_y, (row + 1) * step_y
        for column in range(out.shape[1]):
            x0, x1 = column * step_x, (column + 1) * step_x
            for c in range(channels):
                total = 0.0
                for y in range(int(y0), min(math.ceil(y1), height)):
                    across = 0.0
                    for x in range(int(x0), min(math.ceil(x1), width)):
                        across += _overlap(x, x0, x1) * image[y, x, c]
                    total += _overlap(y, y0, y1) * across
                out[row, column, c] = np.uint8(min(total / (step_y * step_x) + 0.5, 255.0))


@parallel
def _resize_rgba(rgba: np.ndarray, out: np.ndarray) -> None:
    for band in numba.prange(BANDS):
        _resize_rows(rgba, band * out.shape[0] // BANDS, (band + 1) * out.shape[0] // BANDS, out)


@serial
def _resize_rows(rgba: np.ndarray, first: int, last: int, out: np.ndarray) -> None:
    height, width = rgba.shape
    for left in range(0, out.shape[1], STRIP):
        right = min(left + STRIP, out.shape[1])
        resize_packed(rgba, 0, 0, height, width, first, last, left, right, out)


@serial
def resize_packed(
    old: np.ndarray, old_top: int, old_left: int, height: int, width: int,
    top: int, bottom: int, left: int, right: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Fill a part of ``out`` (h, w) uint32, packed, which is a picture of ``height`` x ``width`` pixels resized.

    ``old`` holds what of that picture is needed, from its row ``old_top`` and column ``old_left`` on.
    """
    step_y, step_x = height / out.shape[0], width / out.shape[1]
    begin, end = int(left * step_x), min(math.ceil(right * step_x), width)
    taps = min(math.ceil(step_x) + (0 if step_x == math.floor(step_x) else 1), end - begin)
    at = np.zeros(right - left, np.int32)
    weights = np.zeros((taps, right - left), np.float32)
    for i in range(right - left):
        x0 = (left + i) * step_x
        at[i] = min(int(x0) - begin, end - begin - taps)
        for k in range(taps):
            weights[k, i] = _overlap(begin + at[i] + k, x0, x0 + step_x)
    halves = step_x == 2.0
    sums = np.zeros((4, end - begin), np.float32)
    means = np.zeros((4, right - left), np.float32)
    for row in range(top, bottom):
        y0 = row * step_y
        sums[:] = np.float32(0)
        for y in range(int(y0), min(math.ceil(y0 + step_y), height)):
            line = old[y - old_top, begin - old_left : end - old_left]
            _add_row(line, np.float32(_overlap(y, y0, y0 + step_y)), sums[0], sums[1], sums[2], sums[3])
        for c in range(4):
            if halves:
                _halve(sums[c], means[c])
            else:
                _gather(sums[c], at, weights, means[c])
        _divide(means, np.float32(1 / (step_y * step_x)), out[row, left:right])


@serial
def _add_row(
    line: np.ndarray, share: np.float32, red: np.ndarray, green: np.ndarray, blue: np.ndarray, weight: np.ndarray
) -> None:
    """Add a row of packed pixels, weighted by ``share`` and alpha, to sums of colours and of weights."""
    faint, byte = np.float32(FAINT), np.uint32(255)
    for x in range(line.size):
        pixel = line[x]
        heavy = (np.float32(np.int32(pixel >> np.uint32(24))) + faint) * share
        red[x] += heavy * np.float32(np.int32(pixel & byte))
        green[x] += heavy * np.float32(np.int32((pixel >> np.uint32(8)) & byte))
        blue[x] += heavy * np.float32(np.int32((pixel >> np.uint32(16)) & byte))
        weight[x] += heavy


@serial
def _halve(sums: np.ndarray, out: np.ndarray) -> None:
    """Sums of pairs along a row, into ``out``: the usual case, for which there are vectors."""
    for i in range(out.size):
        out[i] = sums[2 * i] + sums[2 * i + 1]


@serial
def _gather(sums: np.ndarray, at: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Weighted sums along a row, into ``out``: those of the new pixels."""
    count = np.uint32(out.size)
    for i in range(count):
        out[i] = sums[np.uint32(at[i])] * weights[0, i]
    for k in range(1, weights.shape[0]):
        shifted, weight = sums[k:], weights[k]
        for i in range(count):
            out[i] += shifted[np.uint32(at[i])] * weight[i]


@serial
def _divide(means: np.ndarray, per_area: np.float32, out: np.ndarray) -> None:
    """Divide colours by weights, round and pack."""
    red, green, blue, weight = means[0], means[1], means[2], means[3]
    half, most = np.float32(0.5), np.float32(255.5)
    for i in range(out.size):
        scale = np.float32(1) / weight[i]
        alpha = np.int32(min(weight[i] * per_area - np.float32(FAINT) + half, most))
        r = np.int32(min(red[i] * scale + half, most))
        g = np.int32(min(green[i] * scale + half, most))
        b = np.int32(min(blue[i] * scale + half, most))
        out[i] = np.uint32(r | (g << np.int32(8)) | (b << np.int32(16)) | (alpha << np.int32(24)))


@serial
def _overlap(pixel: int, begin: float, end: float) -> float:
    """Length of [pixel, pixel + 1] inside [begin, end]."""
    return max(min(pixel + 1.0, end) - max(float(pixel), begin), 0.0)
