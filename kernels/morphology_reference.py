# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``morphology.py``: the same arguments, the result returned."""

from __future__ import annotations

import numpy as np


def dilate(mask: np.ndarray, radius: float) -> np.ndarray:
    """Maximum of ``mask`` (H, W) uint8 over the disc of ``radius`` pixels; (H, W) uint8."""
    reach = int(radius)
    padded = np.pad(mask, reach)
    result = mask.copy()
    height, width = mask.shape
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy <= radius * radius:
                shifted = padded[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
                result = np.maximum(result, shifted)
    return result


def erode(mask: np.ndarray, radius: float) -> np.ndarray:
    """Minimum of ``mask`` (H, W) uint8 over the disc of ``radius`` pixels; (H, W) uint8."""
    return 255 - dilate(255 - mask, radius)
