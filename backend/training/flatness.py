# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth-normal consistency: Gaussians shall face as the surface does that their depths draw.

Huang et al. 2024 (2D Gaussian Splatting), eq. 14: L = sum_i w_i (1 - n_i . N), with w_i a pixel's weights, n_i the
Gaussians' normals and N the normal of the depth map. As sum_i w_i is alpha and sum_i w_i n_i the blended normal, it is
alpha - (blended normal) . N at every pixel. Here n_i is the thinnest axis of a Gaussian with three.
"""

from __future__ import annotations

import numpy as np
import torch

SOLID = 0.5
"""Alpha above which a pixel and its four neighbours must lie for a normal of the depth map to mean anything."""


def depth_normal_loss(image: torch.Tensor, K: np.ndarray, weight: torch.Tensor) -> torch.Tensor:
    """The loss of an ``image`` (H, W, 8) drawn with ``geometry``; ``weight`` (H, W) sums to about 1."""
    alpha = image[..., 7]
    normals = depth_normals(image[..., 3] / torch.clamp(alpha, min=1e-6), K)
    solid = alpha.detach() > SOLID
    known = solid[1:-1, 1:-1] & solid[2:, 1:-1] & solid[:-2, 1:-1] & solid[1:-1, 2:] & solid[1:-1, :-2]
    along = (image[1:-1, 1:-1, 4:7] * normals).sum(2)
    return (weight[1:-1, 1:-1] * torch.where(known, alpha[1:-1, 1:-1] - along, 0.0)).sum()


def depth_normals(depth: torch.Tensor, K: np.ndarray) -> torch.Tensor:
    """Unit normals (H - 2, W - 2, 3) of a ``depth`` map (H, W), in the camera's axes, towards the camera.

    By central differences of the points that the pixels' centres see.
    """
    height, width = depth.shape
    y, x = np.mgrid[0:height, 0:width] + 0.5
    rays = np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], 2)
    points = torch.tensor(rays, dtype=depth.dtype, device=depth.device) * depth[..., None]
    right, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
    return torch.nn.functional.normalize(torch.linalg.cross(down, right), dim=2, eps=1e-12)
