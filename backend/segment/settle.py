# SPDX-License-Identifier: GPL-3.0-or-later
"""Settle a mask's contour on the picture's edges, to a fraction of a pixel.

Evidence from colours and from other views is blurred by a pixel or two, and where object and background mix it leans to
one side. Close to the contour a pixel is therefore compared with the object's colour just inside and the background's
just outside: its position between the two is its share of the object (the compositing equation, solved as in Chuang et
al. 2001 for known colours), which has no such bias. Where the two are alike, the mask stays as it was.
"""

from __future__ import annotations

import cv2
import numpy as np

from .cut import contrast_weights, cut

_NOISE = 15.0
"""Distance of object and background, in 8-bit Lab, at which the picture and the mask count alike."""

_STRENGTH = 6.0
"""Cost of a whole pixel on the wrong side, in units of the contour's price."""


def settle(mask: np.ndarray, image: np.ndarray, smoothness: float, iterations: int = 40) -> np.ndarray:
    """Settled soft mask (h, w) float32 in [0, 1] of ``image`` (h, w, 3) uint8, from ``mask`` (h, w) float32.

    The contour moves by a three-hundredth of the picture's longer side at most, and by three pixels at least.
    """
    solid = (mask > 0.5).astype(np.uint8)
    if not solid.any() or solid.all():
        return mask
    reach = max(3.0, max(mask.shape) / 320.0)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    height = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    inner, inner_known = _mean_colour(lab, depth > reach, 4 / 3 * reach)
    outer, outer_known = _mean_colour(lab, height > reach, 4 / 3 * reach)
    across = inner - outer
    squared = np.square(across).sum(-1)
    share = np.clip(((lab - outer) * across).sum(-1) / np.maximum(squared, 1e-3), 0, 1)
    distinct = squared / (squared + _NOISE**2) * (inner_known & outer_known)
    target = distinct * share + (1 - distinct) * cv2.GaussianBlur(mask, (0, 0), 1.0)
    band = (depth <= 1.5 * reach) & (height <= 1.5 * reach)
    cost = np.float32(_STRENGTH) * (np.float32(0.5) - np.where(band, target, solid).astype(np.float32))
    return cut(cost, contrast_weights(image, smoothness), mask, iterations)


def enlarge(mask: np.ndarray, image: np.ndarray, smoothness: float) -> np.ndarray:
    """Bring a soft ``mask`` (h, w) to ``image`` (H, W, 3) uint8 and settle it there; (H, W) uint8, 255 the object."""
    if mask.shape != image.shape[:2]:
        mask = np.clip(cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
    return np.round(settle(mask, image, smoothness) * 255).astype(np.uint8)


def _mean_colour(lab: np.ndarray, where: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Local mean (h, w, 3) of ``lab`` over pixels ``where`` (h, w) bool, and where there is one, (h, w) bool."""
    weights = where.astype(np.float32)
    near = cv2.GaussianBlur(weights, (0, 0), sigma)
    total = cv2.GaussianBlur(lab * weights[..., None], (0, 0), sigma)
    return total / np.maximum(near, 1e-4)[..., None], near > 1e-3
