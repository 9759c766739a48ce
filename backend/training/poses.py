# SPDX-License-Identifier: GPL-3.0-or-later
"""Small corrections of the cameras, learnt with the splats: each photo's world is moved a little before it is drawn.

For photo k, ``cam_from_world exp(xi_k)`` with a twist xi = (omega, tau): a turn by omega (radians) about a fixed
centre, the point that the cameras look at, and a shift by tau in units of ``extent``. About that centre a turn and a
shift hardly trade off; about the camera itself they would, since an object far away looks the same under both.

The mean of all corrections is held at zero: otherwise world and cameras could wander off together, away from held-out
cameras and from the file's frame.
"""

from __future__ import annotations

import numpy as np
import torch

from .views import View


def looked_at(views: list[View]) -> np.ndarray:
    """The point (3,) nearest to all optical axes; axes that are all but parallel are met one extent ahead of them."""
    centres = np.stack([-v.cam_from_world[:3, :3].T @ v.cam_from_world[:3, 3] for v in views]).astype(float)
    axes = np.stack([v.cam_from_world[2, :3] for v in views]).astype(float)
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    middle = centres.mean(0)
    ahead = middle + axes.mean(0) * max(float(np.linalg.norm(centres - middle, axis=1).max()), 1e-6)
    right = np.einsum("nij,nj->i", across, centres - ahead)
    # Directions in which the axes say little (less than a hundredth of the best) stay at the guess.
    return ahead + np.linalg.lstsq(across.sum(0), right, rcond=1e-2)[0]


def corrected(cam_from_world: torch.Tensor, twist: torch.Tensor, centre: torch.Tensor, extent: float) -> torch.Tensor:
    """The camera (4, 4) under ``twist`` (6,); differentiable in ``twist``."""
    zero = torch.zeros((), device=twist.device)
    x, y, z = twist[:3].unbind()
    turn = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    rotation = torch.linalg.matrix_exp(turn)
    shift = centre - rotation @ centre + extent * twist[3:]
    upper = torch.cat([rotation, shift[:, None]], 1)
    moved = torch.cat([upper, torch.tensor([[0.0, 0.0, 0.0, 1.0]], device=twist.device)])
    return cam_from_world @ moved
