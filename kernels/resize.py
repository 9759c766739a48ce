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

BANDS = 64
"""Parts the rows are shared out in: enough for any desktop's cores, few enough to cost nothing."""


@parallel
def resize_area(image: np.ndarray, out: np.ndarray) -> None:
    """Resize ``image`` (H, W, C) uint8, channels on their own, into ``out`` (h, w, C) uint8."""
    for band in numba.prange(BANDS):
        resize_area_rows(image, out, band * out.shape[0] // BANDS, (band + 1) * out.shape[0] // BANDS)


@parallel
def resize_rgba(rgba: np.ndarray, out: np.ndarray) -> None:
    """Resize straight ``rgba`` (H, W, 4) uint8 into ``out`` (h, w, 4) uint8, straight as well.

    Colours are averaged premultiplied and divided by the mean alpha, so that what lies under transparent pixels does
    not bleed into the rim; where all is transparent the plain mean is kept.
    """
    for band in numba.prange(BANDS):
        resize_rgba_rows(rgba, out, band * out.shape[0] // BANDS, (band + 1) * out.shape[0] // BANDS)


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


@serial
def resize_rgba_rows(rgba: np.ndarray, out: np.ndarray, first: int, last: int) -> None:
    """``resize_rgba`` for the new rows ``first`` to ``last``."""
    height, width = rgba.shape[:2]
    step_y, step_x = height / out.shape[0], width / out.shape[1]
    for row in range(first, last):
        y0, y1 = row * step_y, (row + 1) * step_y
        for column in range(out.shape[1]):
            x0, x1 = column * step_x, (column + 1) * step_x
            red = green = blue = alpha = plain_red = plain_green = plain_blue = 0.0
            for y in range(int(y0), min(math.ceil(y1), height)):
                share = _overlap(y, y0, y1)
                for x in range(int(x0), min(math.ceil(x1), width)):
                    area = share * _overlap(x, x0, x1)
                    weight = area * rgba[y, x, 3]
                    alpha += weight
                    red += weight * rgba[y, x, 0]
                    green += weight * rgba[y, x, 1]
                    blue += weight * rgba[y, x, 2]
                    plain_red += area * rgba[y, x, 0]
                    plain_green += area * rgba[y, x, 1]
                    plain_blue += area * rgba[y, x, 2]
            total = alpha
            if alpha <= 0.0:
                red, green, blue, total = plain_red, plain_green, plain_blue, step_y * step_x
            out[row, column, 0] = np.uint8(min(red / total + 0.5, 255.0))
            out[row, column, 1] = np.uint8(min(green / total + 0.5, 255.0))
            out[row, column, 2] = np.uint8(min(blue / total + 0.5, 255.0))
            out[row, column, 3] = np.uint8(min(alpha / (step_y * step_x) + 0.5, 255.0))


@serial
def _overlap(pixel: int, begin: float, end: float) -> float:
    """Length of [pixel, pixel + 1] inside [begin, end]."""
    return max(min(pixel + 1.0, end) - max(float(pixel), begin), 0.0)
