# SPDX-License-Identifier: GPL-3.0-or-later
"""Find photos that show again what an earlier one shows: copies, re-encoded copies, frames of a camera at rest.

Two thumbnails of one view differ by noise; two of neighbouring views differ by |gradient| x motion (the linearised
brightness constancy of Horn and Schunck 1981). So rms(difference) / rms(gradient) estimates the motion in thumbnail
pixels. It is taken block by block and the largest counts: an object that turns before a still background moves in a
few blocks alone. Brightness and contrast are fitted first, so that an exposure bracket counts as one view.
"""

from __future__ import annotations

import numpy as np

SIDE = 192
"""Longer side of the thumbnails, pixels."""

STILL = 0.8
"""Motion in thumbnail pixels below which two photos are one view. Measured on eleven captures: neighbouring views of
the closest one move by 1.2 (0.5 degrees of turn), of hand-held video at 24 frames a second by 1.6; copies saved
again at half the size and JPEG quality 50 show up to 0.74."""

_NOISE = 2.0
"""Grey levels added to the gradient: JPEG and sensor noise that is left after averaging down to a thumbnail."""

_BLOCK = 16
_COARSE = 12
_COARSE_LIMIT = 12.0


def motion(first: np.ndarray, second: np.ndarray) -> float:
    """Estimate of the largest motion between thumbnails (h, w) uint8, pixels; infinity where the shapes differ."""
    if first.shape != second.shape:
        return float("inf")
    a, b = first.astype(np.float32), second.astype(np.float32)
    difference = b - _fitted(a, b)
    gradient_y, gradient_x = (np.gradient(b, axis=axis) if b.shape[axis] > 1 else np.zeros_like(b) for axis in (0, 1))
    change = _block_rms(difference**2)
    # The mean square of a gradient's component along a direction is half that of its length.
    slope = _block_rms((gradient_x**2 + gradient_y**2) / 2)
    return float((change / (slope + _NOISE)).max())


class Seen:
    """The views kept so far. Memory: one thumbnail a view."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._thumbnails: list[np.ndarray] = []
        self._coarse: list[np.ndarray] = []

    def find(self, thumbnail: np.ndarray) -> str | None:
        """Name of an earlier view which ``thumbnail`` (h, w) uint8 repeats, the nearest first; None for a new view."""
        if not self._names:
            return None
        distance = np.abs(np.array(self._coarse) - _coarse(thumbnail)).mean(1)
        for index in np.argsort(distance, kind="stable"):
            if distance[index] > _COARSE_LIMIT:
                return None
            if motion(self._thumbnails[index], thumbnail) < STILL:
                return self._names[index]
        return None

    def add(self, name: str, thumbnail: np.ndarray) -> None:
        """Remember a view."""
        self._names.append(name)
        self._thumbnails.append(thumbnail)
        self._coarse.append(_coarse(thumbnail))


def _fitted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a`` brought to the brightness and contrast of ``b`` by least squares; contrast within a factor of two."""
    centred = a - a.mean()
    variance = float((centred**2).mean())
    gain = float((centred * (b - b.mean())).mean()) / variance if variance > 1e-6 else 1.0
    return centred * min(max(gain, 0.5), 2.0) + b.mean()


def _block_rms(squares: np.ndarray) -> np.ndarray:
    """Root of the mean of ``squares`` (h, w) over blocks; the last row and column of blocks may be larger."""
    rows = np.arange(0, max(squares.shape[0] - _BLOCK + 1, 1), _BLOCK)
    columns = np.arange(0, max(squares.shape[1] - _BLOCK + 1, 1), _BLOCK)
    sums = np.add.reduceat(np.add.reduceat(squares, rows, 0), columns, 1)
    heights = np.diff(np.append(rows, squares.shape[0]))
    widths = np.diff(np.append(columns, squares.shape[1]))
    return np.sqrt(sums / (heights[:, None] * widths[None, :]))


def _coarse(thumbnail: np.ndarray) -> np.ndarray:
    """A (144,) float32 digest for a first, cheap comparison: mean and spread levelled, so that exposure drops out."""
    rows = np.linspace(0, thumbnail.shape[0], _COARSE, endpoint=False).astype(int)
    columns = np.linspace(0, thumbnail.shape[1], _COARSE, endpoint=False).astype(int)
    sums = np.add.reduceat(np.add.reduceat(thumbnail.astype(np.float32), rows, 0), columns, 1)
    heights = np.maximum(np.diff(np.append(rows, thumbnail.shape[0])), 1)
    widths = np.maximum(np.diff(np.append(columns, thumbnail.shape[1])), 1)
    means = (sums / (heights[:, None] * widths)).ravel()
    means -= means.mean()
    spread = float(np.sqrt((means**2).mean()))
    return means * (40.0 / max(spread, 4.0))
