# SPDX-License-Identifier: GPL-3.0-or-later
"""Write 8-bit PNG quickly (W3C, "Portable Network Graphics", 3rd edition), for pictures that the next stage reads.

Rows are stored as differences to the row above (filter 2): a subtraction in vectors that turns what is transparent to
runs of zeros. ISA-L deflates them at its level 1. What that saves is in ``docs/decisions/008-png.md``.
"""

from __future__ import annotations

import struct

import numpy as np
from isal import isal_zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_UP = 2
_LEVEL = 1


def encode(image: np.ndarray) -> bytes:
    """PNG of ``image`` (H, W), (H, W, 3) or (H, W, 4) uint8, RGB in that order, straight alpha.

    Raises ``ValueError`` for anything else, or a picture without pixels.
    """
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.dtype != np.uint8 or image.ndim not in {2, 3} or channels not in _COLOUR_TYPES or image.size == 0:
        raise ValueError(f"expected (H, W), (H, W, 3) or (H, W, 4) uint8 with pixels, got {image.shape} {image.dtype}")
    height, width = image.shape[:2]
    rows = np.ascontiguousarray(image).reshape(height, width * channels)
    filtered = np.zeros((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    data = isal_zlib.compress(filtered, _LEVEL)
    return b"".join([_SIGNATURE, *_chunk(b"IHDR", header), *_chunk(b"IDAT", data), *_chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Length, type, data and check sum of a chunk."""
    check = isal_zlib.crc32(data, isal_zlib.crc32(kind))
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)
