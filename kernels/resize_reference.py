# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``resize.py``: averaging written as two matrix products. Results are returned."""

from __future__ import annotations

import numpy as np

from .resize import FAINT


def _shares(old: int, new: int) -> np.ndarray:
    """(new, old): the part of each new pixel's area that each old pixel covers."""
    begin = np.arange(new)[:, None] * (old / max(new, 1))
    end = (np.arange(new)[:, None] + 1) * (old / max(new, 1))
    pixel = np.arange(old)[None, :]
    return np.clip(np.minimum(pixel + 1, end) - np.maximum(pixel, begin), 0, None) / (old / max(new, 1))


def _mean(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Area means (height, width, C) float64 of ``values`` (H, W, C)."""
    down, across = _shares(values.shape[0], height), _shares(values.shape[1], width)
    return np.einsum("yr,rsc,xs->yxc", down, values.astype(np.float64), across)


def resize_area(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """``image`` (H, W, C) uint8 resized to (height, width, C) uint8."""
    return np.clip(_mean(image, height, width) + 0.5, 0, 255).astype(np.uint8)


def resize_rgba(rgba: np.ndarray, height: int, width: int) -> np.ndarray:
    """Straight ``rgba`` (H, W, 4) uint8 resized to (height, width, 4) uint8, colours weighted by alpha."""
    weight = rgba[..., 3:] + FAINT
    mean = _mean(weight, height, width)
    colour, alpha = _mean(rgba[..., :3] * weight, height, width) / mean, mean - FAINT
    return np.clip(np.concatenate([colour, alpha], -1) + 0.5, 0, 255).astype(np.uint8)
