# SPDX-License-Identifier: GPL-3.0-or-later
"""The photometric loss (formula: ``kernels/splatting/photometric.py``), fused on the CPU and in torch elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...kernels.splatting import photometric
from ...kernels.splatting.ssim import WINDOW, ssim


class _Fused(torch.autograd.Function):
    """Loss and gradient in one go by the kernels: the gradient is known by the time the loss is."""

    @staticmethod
    def forward(ctx: Any, image: Any, exposure: Any, terms: Any) -> Any:
        photo, weight, background, ssim_share, alpha_share = terms
        rendered, gain_bias = image.detach().numpy(), exposure.detach().numpy()
        height, width = rendered.shape[:2]
        shown, target, values, v_similarity = (np.zeros((height, width, 3), np.float32) for _ in range(4))
        photometric.lay_over(rendered, photo, background, gain_bias, shown, target)
        ssim(shown, target, weight / np.float32(3), values, v_similarity)
        v_image = np.zeros((height, width, 4), np.float32)
        v_exposure, losses = np.zeros((height, 2, 3), np.float32), np.zeros((height, 3), np.float32)
        photometric.gradient(
            rendered, photo, weight, background, gain_bias, shown, target, values, v_similarity,
            np.float32(ssim_share), np.float32(alpha_share), v_image, v_exposure, losses,
        )  # fmt: skip
        ctx.gradients = (torch.from_numpy(v_image), torch.from_numpy(v_exposure.sum(0)))
        absolute, unlike, silhouette = losses.sum(0)
        total = (1 - ssim_share) * absolute + ssim_share * unlike + alpha_share * silhouette
        return torch.tensor(float(total))

    @staticmethod
    def backward(ctx: Any, *v: Any) -> Any:
        v_image, v_exposure = ctx.gradients
        return v_image * v[0], v_exposure * v[0], None


def _ssim_map(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """SSIM map (H, W, 3) by convolutions, as ``ssim_reference`` defines it."""
    window = torch.tensor(WINDOW, device=x.device)
    kernel = (window[:, None] * window[None, :]).expand(3, 1, 11, 11)

    def blur(image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(image.permute(2, 0, 1)[None], kernel, padding=5, groups=3)[0].permute(1, 2, 0)

    mu_x, mu_y = blur(x), blur(y)
    var_x, var_y, cov = blur(x * x) - mu_x**2, blur(y * y) - mu_y**2, blur(x * y) - mu_x * mu_y
    above = (2 * mu_x * mu_y + 0.01**2) * (2 * cov + 0.03**2)
    return above / ((mu_x**2 + mu_y**2 + 0.01**2) * (var_x + var_y + 0.03**2))


def photometric_loss(
    image: torch.Tensor,
    exposure: torch.Tensor,
    photo: torch.Tensor,
    weight: torch.Tensor,
    background: torch.Tensor,
    ssim_share: float,
    alpha_share: float,
) -> torch.Tensor:
    """Loss of a rendered ``image`` (H, W, 4) against ``photo`` (H, W, 4) under ``exposure`` (2, 3).

    ``weight`` (H, W) sums to about 1; ``background`` (3,). Differentiable in ``image`` and ``exposure``.
    """
    if image.device.type == "cpu":
        terms = (photo.numpy(), weight.numpy(), background.numpy(), ssim_share, alpha_share)
        return _Fused.apply(image, exposure, terms)
    colour, alpha, mask = image[..., :3], image[..., 3:], photo[..., 3:]
    shown = exposure[0] * colour + exposure[1] * alpha + (1 - alpha) * background
    target = mask * photo[..., :3] + (1 - mask) * background
    absolute = (shown - target).abs().mean(2)
    unlike = (1 - _ssim_map(shown, target)).mean(2)
    silhouette = (alpha - mask).abs()[..., 0]
    return (weight * ((1 - ssim_share) * absolute + ssim_share * unlike + alpha_share * silhouette)).sum()
