# SPDX-License-Identifier: GPL-3.0-or-later
"""From a decoded video picture to pixels: upright, square, 8 bit, sRGB; high dynamic range is brought down.

The matrix from YUV is the one the file names; where it names none, BT.601 below 720 lines and BT.709 from there on, as
players do. BT.709's transfer is taken as sRGB's, as players do too.
"""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np

from .reading import Header

_UNSPECIFIED = 2
_HD_LINES = 720
_WHITE_NITS = 203.0
"""Brightness of a sheet of white paper in high dynamic range (ITU-R BT.2408): becomes white in sRGB."""
_KNEE = 0.75
"""Share of paper white up to which brightness is kept as it is; above, an exponential shoulder ends at white."""
_SRGB_FROM_BT2020 = np.array(
    # linear light; ITU-R BT.2087, equation 4
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def grey(frame: Any, header: Header, side: int) -> np.ndarray:
    """Luma (h, w) uint8, upright, longer side ``side`` pixels (never enlarged)."""
    wide = frame.width * header.stretch
    factor = min(side / max(wide, frame.height), 1.0)
    size = max(round(wide * factor), 1), max(round(frame.height * factor), 1)
    small = frame.reformat(width=size[0], height=size[1], format="gray", interpolation="AREA", threads=1)
    return np.ascontiguousarray(np.rot90(small.to_ndarray(), header.turn))


def rgb(frame: Any, header: Header) -> np.ndarray:
    """The whole picture, (H, W, 3) uint8 sRGB, upright."""
    matrix = int(frame.colorspace)
    if matrix in {_UNSPECIFIED, 0, 3}:
        matrix = 1 if frame.height >= _HD_LINES else 5
    matrix = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}.get(matrix, 1)
    kind = "rgb48le" if header.hdr else "rgb24"
    # BICUBIC with accurate rounding: the default's fast path is off by up to three levels
    picture = frame.reformat(format=kind, src_colorspace=matrix, interpolation=4 | 0x2000 | 0x40000, threads=1)
    pixels = picture.to_ndarray()
    if header.hdr:
        pixels = _brought_down(pixels, header.hdr)
    if header.interlaced:
        # one field alone: two of them show two moments, and a moving edge as a comb
        pixels = cv2.resize(pixels[::2], (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR)
    if header.stretch != 1.0:
        size = max(round(pixels.shape[1] * header.stretch), 1), pixels.shape[0]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if header.stretch < 1 else cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.rot90(pixels, header.turn))


def _brought_down(pixels: np.ndarray, transfer: str) -> np.ndarray:
    """(H, W, 3) uint16 of BT.2020 in PQ or HLG to uint8 sRGB; the largest channel is rolled off: the hue stays."""
    light = np.maximum(_linear(transfer)[pixels] @ _SRGB_FROM_BT2020.T, 0.0)
    largest = light.max(axis=2, keepdims=True)
    shoulder = _KNEE + (1 - _KNEE) * (1 - np.exp((_KNEE - largest) / (1 - _KNEE)))
    light *= np.where(largest > _KNEE, shoulder / np.maximum(largest, _KNEE), 1.0)
    return _srgb_levels()[np.clip(light * 4095 + 0.5, 0, 4095).astype(np.uint16)]


@functools.cache
def _linear(transfer: str) -> np.ndarray:
    """(65536,) float32: light of a coded value, 1 is paper white."""
    code = np.arange(65536, dtype=np.float64) / 65535
    if transfer == "PQ":  # SMPTE ST 2084
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = code ** (1 / m2)
        nits = 10000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    else:  # HLG, ARIB STD-B67, on a display of 1000 nits (system gamma 1.2)
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
        nits = 1000 * scene**1.2
    return (nits / _WHITE_NITS).astype(np.float32)


@functools.cache
def _srgb_levels() -> np.ndarray:
    """(4096,) uint8: sRGB's level of linear light 0 to 1 (IEC 61966-2-1)."""
    light = np.arange(4096) / 4095
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * coded).astype(np.uint8)
