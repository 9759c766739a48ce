# SPDX-License-Identifier: GPL-3.0-or-later
"""Put cutouts over something, and change between straight and premultiplied alpha. All in 8 bit, exactly rounded.

Notation: ``rgba`` (H, W, 4) uint8, sRGB as stored. Composites follow Porter and Duff 1984, "over", on the stored
(non-linear) values as picture viewers and 3D Gaussian splatting do. ``out`` may be ``rgba`` itself where shapes agree.
"""

from __future__ import annotations

import numba
import numpy as np

from ._jit import parallel


@parallel
def composite_over_colour(rgba: np.ndarray, colour: np.ndarray, out: np.ndarray) -> None:
    """Put straight ``rgba`` over ``colour`` (3,) uint8, into ``out`` (H, W, 3) uint8."""
    for y in numba.prange(rgba.shape[0]):
        for x in range(rgba.shape[1]):
            alpha = np.int32(rgba[y, x, 3])
            for c in range(3):
                mixed = np.int32(rgba[y, x, c]) * alpha + np.int32(colour[c]) * (255 - alpha)
                out[y, x, c] = (mixed + 127) // 255


@parallel
def composite_over_image(rgba: np.ndarray, below: np.ndarray, out: np.ndarray) -> None:
    """Put straight ``rgba`` over ``below`` (H, W, 3) uint8, into ``out`` (H, W, 3) uint8; ``out`` may be ``below``."""
    for y in numba.prange(rgba.shape[0]):
        for x in range(rgba.shape[1]):
            alpha = np.int32(rgba[y, x, 3])
            for c in range(3):
                mixed = np.int32(rgba[y, x, c]) * alpha + np.int32(below[y, x, c]) * (255 - alpha)
                out[y, x, c] = (mixed + 127) // 255


@parallel
def premultiply(rgba: np.ndarray, out: np.ndarray) -> None:
    """Straight to premultiplied alpha, into ``out`` (H, W, 4) uint8."""
    for y in numba.prange(rgba.shape[0]):
        for x in range(rgba.shape[1]):
            alpha = np.int32(rgba[y, x, 3])
            for c in range(3):
                out[y, x, c] = (np.int32(rgba[y, x, c]) * alpha + 127) // 255
            out[y, x, 3] = alpha


@parallel
def unpremultiply(rgba: np.ndarray, out: np.ndarray) -> None:
    """Premultiplied to straight alpha, into ``out`` (H, W, 4) uint8; black where alpha is 0.

    Premultiplying the result gives ``rgba`` back exactly wherever its colours are at most its alpha.
    """
    for y in numba.prange(rgba.shape[0]):
        for x in range(rgba.shape[1]):
            alpha = np.int32(rgba[y, x, 3])
            for c in range(3):
                if alpha == 0:
                    out[y, x, c] = 0
                    continue
                straight = (np.int32(rgba[y, x, c]) * 255 + alpha // 2) // alpha
                out[y, x, c] = straight if straight < 255 else 255
            out[y, x, 3] = alpha
