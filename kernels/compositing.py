# SPDX-License-Identifier: GPL-3.0-or-later
"""Put cutouts over something, and change between straight and premultiplied alpha. All in 8 bit, exactly rounded.

Pictures are worked on as packed pixels (``packed``): loops over interleaved bytes reach a seventh of the memory's
speed, loops over packed pixels most of it. Arithmetic is in ``pixels.py``; only "over" is worked out on bytes, once
each pixel's alpha is spread over its four: multiplications of 16 bits are the quickest.

Notation: pictures are (H, W, 4) uint8, sRGB as stored. Composites follow Porter and Duff 1984, "over", on the stored
(non-linear) values as picture viewers and 3D Gaussian splatting do. ``out`` may be an input.
"""

from __future__ import annotations

import numba
import numpy as np

from . import pixels
from ._jit import parallel, serial

BLOCK = 16384
"""Pixels handed to a thread at a time: enough to make handing over cheap, and small against the last cache."""

_PART = 1024
"""Pixels whose spread alpha is held at a time: it stays in a core's first cache."""


def packed(rgba: np.ndarray) -> np.ndarray:
    """View (H, W, 4) uint8 as (H, W) uint32, the same memory. Raises ``ValueError`` where that cannot be."""
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8 or not rgba.flags.c_contiguous:
        raise ValueError(f"expected contiguous (H, W, 4) uint8, got {rgba.shape} {rgba.dtype}")
    return rgba.view(np.uint32)[..., 0]


def composite_over_colour(rgba: np.ndarray, colour: np.ndarray, out: np.ndarray) -> None:
    """Put straight ``rgba`` over ``colour`` (3,) uint8, into ``out``, opaque."""
    _over_colour(packed(rgba).ravel(), packed_colour(colour), packed(out).ravel())


def composite_over_image(rgba: np.ndarray, below: np.ndarray, out: np.ndarray) -> None:
    """Put straight ``rgba`` over ``below``, taken as opaque, into ``out``, opaque."""
    _over_image(packed(rgba).ravel(), packed(below).ravel(), packed(out).ravel())


def premultiply(rgba: np.ndarray, out: np.ndarray) -> None:
    """Straight to premultiplied alpha, into ``out``."""
    _premultiply(packed(rgba).ravel(), packed(out).ravel())


def unpremultiply(rgba: np.ndarray, out: np.ndarray) -> None:
    """Premultiplied to straight alpha, into ``out``; black where alpha is 0.

    Premultiplying the result gives ``rgba`` back exactly wherever its colours are at most its alpha.
    """
    _unpremultiply(packed(rgba).ravel(), packed(out).ravel())


def pack(rgb: np.ndarray, alpha: np.ndarray, out: np.ndarray) -> None:
    """Join ``rgb`` (H, W, 3) and ``alpha`` (H, W), contiguous uint8, into ``out``."""
    _pack(rgb.reshape(-1), alpha.reshape(-1), packed(out).ravel())


def packed_colour(colour: np.ndarray) -> np.uint32:
    """Pack ``colour`` (3,) uint8, opaque."""
    red, green, blue = (int(level) for level in colour)
    return np.uint32(red | green << 8 | blue << 16 | 255 << 24)


@parallel
def _over_colour(rgba: np.ndarray, colour: np.uint32, out: np.ndarray) -> None:
    for block in numba.prange((out.size + BLOCK - 1) // BLOCK):
        shares, ground = np.zeros(_PART, np.uint32), np.full(_PART, colour, np.uint32)
        end = min(out.size, (block + 1) * BLOCK)
        for first in range(block * BLOCK, end, _PART):
            last = min(first + _PART, end)
            _spread(rgba[first:last], shares)
            _blend(rgba[first:last].view(np.uint8), shares.view(np.uint8), ground.view(np.uint8), out[first:last])


@parallel
def _over_image(rgba: np.ndarray, below: np.ndarray, out: np.ndarray) -> None:
    for block in numba.prange((out.size + BLOCK - 1) // BLOCK):
        shares, ground = np.zeros(_PART, np.uint32), np.zeros(_PART, np.uint32)
        end = min(out.size, (block + 1) * BLOCK)
        for first in range(block * BLOCK, end, _PART):
            last = min(first + _PART, end)
            _spread(rgba[first:last], shares)
            _opaque(below[first:last], ground)
            _blend(rgba[first:last].view(np.uint8), shares.view(np.uint8), ground.view(np.uint8), out[first:last])


@serial
def _spread(rgba: np.ndarray, shares: np.ndarray) -> None:
    """Each pixel's alpha on its three colours, 0 on alpha itself: there the opaque ground is kept."""
    for i in range(rgba.size):
        shares[i] = np.uint32((rgba[i] >> pixels.TOP) * np.uint32(0x010101))


@serial
def _opaque(rgba: np.ndarray, out: np.ndarray) -> None:
    """The colours, opaque."""
    for i in range(rgba.size):
        out[i] = np.uint32(rgba[i] | pixels.ALPHA)


@serial
def _blend(above: np.ndarray, shares: np.ndarray, below: np.ndarray, packed_out: np.ndarray) -> None:
    """Mix bytes: a c + (255 - a) b, which 16 bits hold, over 255; 257 t / 65536 is Blinn's (t + t / 256) / 256."""
    out = packed_out.view(np.uint8)
    for i in range(out.size):
        # Cut back to 16 bits at each step: Numba would go on in 64, and vectors of those hold a quarter.
        share = np.uint16(shares[i])
        ground = np.uint16((np.uint16(255) - share) * np.uint16(below[i]))
        mixed = np.uint16(np.uint16(np.uint16(share * np.uint16(above[i])) + ground) + np.uint16(128))
        out[i] = np.uint8(np.uint32(np.uint32(mixed) * np.uint32(257)) >> np.uint32(16))


@parallel
def _premultiply(rgba: np.ndarray, out: np.ndarray) -> None:
    for block in numba.prange((out.size + BLOCK - 1) // BLOCK):
        source, target = rgba[block * BLOCK : (block + 1) * BLOCK], out[block * BLOCK : (block + 1) * BLOCK]
        for i in range(target.size):
            target[i] = pixels.premultiplied(source[i])


@parallel
def _unpremultiply(rgba: np.ndarray, out: np.ndarray) -> None:
    for block in numba.prange((out.size + BLOCK - 1) // BLOCK):
        source, target = rgba[block * BLOCK : (block + 1) * BLOCK], out[block * BLOCK : (block + 1) * BLOCK]
        for i in range(target.size):
            target[i] = pixels.straight(source[i])


@parallel
def _pack(rgb: np.ndarray, alpha: np.ndarray, out: np.ndarray) -> None:
    for block in numba.prange((out.size + BLOCK - 1) // BLOCK):
        first = block * BLOCK
        target = out[first : first + BLOCK]
        colours, shares = rgb[3 * first : 3 * (first + target.size)], alpha[first : first + target.size]
        for i in range(target.size):
            target[i] = pixels.joined(colours[3 * i], colours[3 * i + 1], colours[3 * i + 2], shares[i])
