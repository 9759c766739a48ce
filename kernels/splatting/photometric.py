# SPDX-License-Identifier: GPL-3.0-or-later
"""The photometric loss of object-only training and its gradient, apart from SSIM's own filter (``ssim.py``).

Both pictures are laid over the same random background b, so that neither black nor white parts of the object can hide
in it, and the silhouette is taught twice: by that background, and by an L1 term on alpha.

    shown  = g C + h A + (1 - A) b      C, A: rendered colour (over nothing) and alpha; g, h (3,): exposure gain, bias
    target = a c + (1 - a) b            c, a: the photo's colour and its mask, straight
    loss   = sum_p u_p [ (1 - lambda) mean_c |shown - target| + lambda mean_c (1 - SSIM) + kappa |A - a| ]

with u the weight of a pixel: 0 where the mask says "unknown", else 1 / (their number). The twin is
``photometric_reference.py``.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .._jit import parallel

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_THIRD = np.float32(1.0 / 3.0)


@parallel
def lay_over(image, photo, background, exposure, shown, target):
    """Write ``shown`` and ``target`` (H, W, 3).

    ``image`` (H, W, 4) rendered colour and alpha; ``photo`` (H, W, 4) straight RGBA in [0, 1]; ``background`` (3,);
    ``exposure`` (2, 3): gain and bias.
    """
    for y in prange(image.shape[0]):
        for x in range(image.shape[1]):
            alpha, mask = image[y, x, 3], photo[y, x, 3]
            for c in range(3):
                shown[y, x, c] = (
                    exposure[0, c] * image[y, x, c] + exposure[1, c] * alpha + (_ONE - alpha) * background[c]
                )
                target[y, x, c] = mask * photo[y, x, c] + (_ONE - mask) * background[c]


@parallel
def gradient(
    image, photo, weight, background, exposure, shown, target, similarity, v_similarity, ssim_share, alpha_share,
    v_image, v_exposure, losses,
):  # fmt: skip
    """Write ``v_image`` (H, W, 4), ``v_exposure`` (H, 2, 3) and ``losses`` (H, 3); sum the latter over rows.

    ``similarity`` (H, W, 3) is the SSIM map of ``shown`` and ``target``, ``v_similarity`` (H, W, 3) the gradient of
    sum(weight / 3 * map) by ``shown``; ``weight`` (H, W); ``ssim_share`` is lambda, ``alpha_share`` kappa. ``losses``
    are the sums of |shown - target| / 3, of (1 - SSIM) / 3 and of |A - a|, each weighted.
    """
    for y in prange(image.shape[0]):
        v_exposure[y] = _ZERO
        losses[y] = _ZERO
        for x in range(image.shape[1]):
            u, alpha = weight[y, x], image[y, x, 3]
            v_alpha = _ZERO
            for c in range(3):
                difference = shown[y, x, c] - target[y, x, c]
                sign = _ONE if difference > _ZERO else (-_ONE if difference < _ZERO else _ZERO)
                v = u * _THIRD * (_ONE - ssim_share) * sign - ssim_share * v_similarity[y, x, c]
                v_image[y, x, c] = v * exposure[0, c]
                v_alpha += v * (exposure[1, c] - background[c])
                v_exposure[y, 0, c] += v * image[y, x, c]
                v_exposure[y, 1, c] += v * alpha
                losses[y, 0] += u * _THIRD * abs(difference)
                losses[y, 1] += u * _THIRD * (_ONE - similarity[y, x, c])
            wrong = alpha - photo[y, x, 3]
            sign = _ONE if wrong > _ZERO else (-_ONE if wrong < _ZERO else _ZERO)
            v_image[y, x, 3] = v_alpha + u * alpha_share * sign
            losses[y, 2] += u * abs(wrong)
