# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture as the network was trained on: the object's box in the middle of a square, on grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATIO, GREY = 0.85, 0.5
"""Share of the square's side that the longer side of the object's box fills; the background."""


@dataclass(frozen=True)
class Square:
    """Where the square lies in the picture: its corner (``left``, ``top``) and ``side``, pixels; may reach outside."""

    left: int
    top: int
    side: int


def framed(rgba: np.ndarray, ratio: float = RATIO) -> tuple[np.ndarray, Square]:
    """The square (S, S, 3) float32 in [0, 1] out of ``rgba`` (H, W, 4) uint8, straight alpha, and where it lies.

    Raises ``ValueError`` where all is transparent.
    """
    rows, columns = np.nonzero(rgba[..., 3] > 0)
    if not len(rows):
        raise ValueError("expected a cutout with something in it, got an empty one")
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    size = max(bottom - top, right - left)
    square = Square(left - (size - (right - left)) // 2, top - (size - (bottom - top)) // 2, int(size))
    side = int(size / ratio)
    square = Square(int(square.left) - (side - int(size)) // 2, int(square.top) - (side - int(size)) // 2, side)
    out = np.full((side, side, 3), GREY, np.float32)
    part = rgba[top:bottom, left:right].astype(np.float32) / 255
    mixed = part[..., :3] * part[..., 3:] + GREY * (1 - part[..., 3:])
    out[top - square.top : bottom - square.top, left - square.left : right - square.left] = mixed
    return out, square
