# SPDX-License-Identifier: GPL-3.0-or-later
"""Held-out figures of a model: PSNR over white, PSNR inside the mask, SSIM over white, silhouette IoU."""

from __future__ import annotations

import numpy as np

from ...kernels.splatting.ssim import ssim
from .cpu import render_image
from .views import View

OPAQUE = 0.999
"""Alpha above which a photo counts as opaque: averages of ones, when a photo is reduced, may round to less than one."""


def psnr(squared_error: float) -> float:
    """Decibels of a mean squared error of values in [0, 1]; 100 where there is none."""
    return 100.0 if squared_error <= 1e-10 else float(-10 * np.log10(squared_error))


def laid_over(image: np.ndarray, colour: float) -> np.ndarray:
    """Rendered (H, W, 4) over a grey of ``colour``: (H, W, 3), clipped to [0, 1]."""
    return np.clip(image[..., :3] + (1 - image[..., 3:]) * np.float32(colour), 0, 1)


def score(arrays: dict[str, np.ndarray], degree: int, views: list[View], exposure: np.ndarray) -> dict[str, float]:
    """Mean figures over ``views``; ``exposure`` (2, 3), the mean one, is applied before comparing."""
    if not views:
        return {}
    rows = [score_view(render_image(arrays, v.cam_from_world, v.K, *v.size, degree).image, v, exposure) for v in views]
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def score_view(image: np.ndarray, view: View, exposure: np.ndarray) -> dict[str, float]:
    """Figures of one rendered ``image`` (H, W, 4) against its view.

    The unknown band at a silhouette counts, since there the mask is unsure, not the photo; where a photo is opaque all
    over, weight 0 means that its mask says "ignore", and such pixels are left out. An opaque photo is compared over
    black, which full scenes are trained on.
    """
    alpha, mask = image[..., 3:], view.photo[..., 3:]
    corrected = np.concatenate([exposure[0] * image[..., :3] + exposure[1] * alpha, alpha], 2).astype(np.float32)
    opaque = bool(mask.min() > OPAQUE)
    shown = np.ascontiguousarray(laid_over(corrected, 0.0 if opaque else 1.0), np.float32)
    target = np.ascontiguousarray(view.photo[..., :3] * mask + (1 - mask), np.float32)
    known = view.weight > 0 if opaque else np.ones(view.weight.shape, bool)
    inside = (mask[..., 0] > 0.5) & known
    squared = ((shown - target) ** 2).mean(2)
    similarity, ignored = np.zeros_like(shown), np.zeros_like(shown)
    ssim(shown, target, np.ones(inside.shape, np.float32), similarity, ignored)
    solid = (alpha[..., 0] > 0.5) & known
    union = (solid | inside).sum()
    return {
        "psnr": psnr(float(squared[known].mean())),
        "psnr_inside": psnr(float(squared[inside].mean())) if inside.any() else 0.0,
        "ssim": float(similarity[known].mean()),
        "iou": float((solid & inside).sum() / union) if union else 1.0,
    }
