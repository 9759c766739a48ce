# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of one frame: how sharp, how dark, how bright."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from . import images

_SHARPNESS_SIDE = 960
_DARK, _BRIGHT = 3, 252


def figures(rgb: np.ndarray, alpha: np.ndarray | None) -> dict[str, Any]:
    """Sharpness (variance of the Laplacian of luma at 960 px) and exposure, over what is not transparent."""
    small, small_alpha = images.shrink(rgb, alpha, _SHARPNESS_SIDE)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    counts = np.ones(luma.shape, bool) if small_alpha is None else small_alpha > 127
    if not counts.any():
        return {"sharpness": 0.0, "clipped_dark": 0.0, "clipped_bright": 0.0, "mean_luma": 0.0}
    laplacian = cv2.Laplacian(luma, cv2.CV_32F)
    return {
        "sharpness": round(float(laplacian[counts].var()), 3),
        "clipped_dark": round(float((small.max(2) <= _DARK)[counts].mean()), 5),
        "clipped_bright": round(float((small.max(2) >= _BRIGHT)[counts].mean()), 5),
        "mean_luma": round(float(luma[counts].mean()), 3),
    }
