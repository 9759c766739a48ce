# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``compositing.py``: the same arguments, (H, W, 4) uint8, the result returned."""

from __future__ import annotations

import numpy as np


def composite_over_colour(rgba: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Straight ``rgba`` over ``colour`` (3,) uint8, opaque."""
    return composite_over_image(rgba, np.broadcast_to(np.array([*colour, 255]), rgba.shape))


def composite_over_image(rgba: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Straight ``rgba`` over ``below``, taken as opaque; opaque."""
    alpha = rgba[..., 3:].astype(np.int64)
    mixed = (rgba[..., :3] * alpha + below[..., :3] * (255 - alpha) + 127) // 255
    return np.concatenate([mixed, np.full_like(alpha, 255)], -1).astype(np.uint8)


def premultiply(rgba: np.ndarray) -> np.ndarray:
    """Straight to premultiplied alpha."""
    alpha = rgba[..., 3:].astype(np.int64)
    return np.concatenate([(rgba[..., :3] * alpha + 127) // 255, alpha], -1).astype(np.uint8)


def unpremultiply(rgba: np.ndarray) -> np.ndarray:
    """Premultiplied to straight alpha, black where alpha is 0."""
    alpha = rgba[..., 3:].astype(np.int64)
    colour = np.minimum((rgba[..., :3].astype(np.int64) * 255 + alpha // 2) // np.maximum(alpha, 1), 255)
    return np.concatenate([np.where(alpha > 0, colour, 0), alpha], -1).astype(np.uint8)


def pack(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``rgb`` (H, W, 3) and ``alpha`` (H, W) joined."""
    return np.dstack([rgb, alpha])
