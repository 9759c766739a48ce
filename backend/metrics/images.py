# SPDX-License-Identifier: GPL-3.0-or-later
"""PSNR and SSIM of two pictures inside a mask.

Notation: pictures (H, W, 3) uint8 sRGB; ``inside`` (H, W) bool. Outside the mask both are taken as black, so that
what lies behind the object cannot help or harm.
"""

from __future__ import annotations

import cv2
import numpy as np

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over the pixels and channels ``inside``; capped at 100 for equal pictures."""
    difference = one[inside].astype(np.float64) - other[inside]
    if not difference.size:
        raise ValueError("expected a mask with at least one pixel, got an empty one")
    error = float((difference**2).mean())
    return min(10 * np.log10(255.0**2 / error), 100.0) if error > 0 else 100.0


def ssim(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> float:
    """Mean over ``inside`` of the structural similarity (Wang et al. 2004, eq. 13; Gaussian window, sigma 1.5)."""
    if not inside.any():
        raise ValueError("expected a mask with at least one pixel, got an empty one")
    x, y = (np.where(inside[..., None], image, 0).astype(np.float64) for image in (one, other))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    score = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    score /= (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    return float(score[inside].mean())


def _blur(image: np.ndarray) -> np.ndarray:
    """The 11 × 11 Gaussian window of the paper."""
    return cv2.GaussianBlur(image, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT_101)
