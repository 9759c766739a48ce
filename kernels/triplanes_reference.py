# SPDX-License-Identifier: GPL-3.0-or-later
"""``triplanes`` in plain numpy."""

from __future__ import annotations

import numpy as np

_AXES = ((0, 1), (0, 2), (1, 2))


def sample(planes: np.ndarray, points: np.ndarray, scale: float, bias: np.ndarray, out: np.ndarray) -> None:
    """As ``triplanes.sample``."""
    side = planes.shape[1]
    texels = (points.astype(np.float64) * scale + 1) * 0.5 * side - 0.5
    low = np.floor(texels).astype(int)
    out[:] = bias
    for plane, (across, down) in zip(planes, _AXES, strict=True):
        for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
            column, row = low[:, across] + dx, low[:, down] + dy
            inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
            weight = (1 - np.abs(texels[:, across] - column)) * (1 - np.abs(texels[:, down] - row)) * inside
            out += weight[:, None] * plane[np.clip(row, 0, side - 1), np.clip(column, 0, side - 1)]
