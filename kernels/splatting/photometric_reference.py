# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``photometric``: the loss as one number, in float64; slopes of it check the gradient."""

from __future__ import annotations

import numpy as np

from .ssim_reference import ssim_map


def photometric_loss(
    image: np.ndarray,
    photo: np.ndarray,
    weight: np.ndarray,
    background: np.ndarray,
    exposure: np.ndarray,
    ssim_share: float,
    alpha_share: float,
) -> float:
    """The loss of ``photometric``'s docstring; shapes as there."""
    colour, alpha = image[..., :3].astype(float), image[..., 3:].astype(float)
    mask = photo[..., 3:].astype(float)
    shown = exposure[0] * colour + exposure[1] * alpha + (1 - alpha) * background
    target = mask * photo[..., :3] + (1 - mask) * background
    absolute = np.abs(shown - target).mean(2)
    unlike = (1 - ssim_map(shown, target)).mean(2)
    silhouette = np.abs(alpha - mask)[..., 0]
    return float((weight * ((1 - ssim_share) * absolute + ssim_share * unlike + alpha_share * silhouette)).sum())
