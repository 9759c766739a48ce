# SPDX-License-Identifier: GPL-3.0-or-later
"""Our rasteriser behind torch's autograd, on CPU tensors, without copying them.

``rasterise`` takes what ``gsplat.rasterization`` takes (one camera, spherical harmonics) and gives what it gives, so
that a trainer need not know which of the two it calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...kernels.splatting import harmonics
from ...kernels.splatting.normals import camera_by_normals, normals_in_camera_backward
from ...kernels.splatting.render import Rendered, render_backward, render_coloured


@dataclass
class Screen:
    """Where Gaussians fell: ``drawn`` (N,) bool; after the backward pass ``means2d_gradient`` (N, 2), pixels."""

    drawn: np.ndarray
    means2d_gradient: np.ndarray | None = None


class _Rasterise(torch.autograd.Function):
    """Forward and backward of the kernels; saves numpy views of the inputs, not copies."""

    @staticmethod
    def forward(
        ctx: Any, means: Any, quats: Any, scales: Any, opacities: Any, coefficients: Any, camera: Any, call: Any
    ) -> Any:
        m, q, s, o, sh = (t.detach().numpy() for t in (means, quats, scales, opacities, coefficients))
        rendered, colours = render_coloured(
            m, q, s, o, _by_coefficient(sh), call.degree, call.camera, call.K, call.width, call.height,
            call.antialiased, call.geometry,
        )  # fmt: skip
        call.screen.drawn = rendered.drawn
        ctx.saved = (m, q, s, o, sh, colours, rendered, call)
        return torch.from_numpy(rendered.image)

    @staticmethod
    def backward(ctx: Any, *v: Any) -> Any:
        m, q, s, o, sh, colours, rendered, call = ctx.saved
        v_image = np.ascontiguousarray(v[0].numpy())
        with_camera = ctx.needs_input_grad[5]
        g = render_backward(
            rendered, v_image, m, q, s, o, colours, call.camera, call.K, call.antialiased, with_camera=with_camera,
            depth_feature=3 if call.geometry else None,
        )  # fmt: skip
        if call.geometry:
            normals, v_normals = (np.ascontiguousarray(a[:, 4:]) for a in (colours, g.features))
            normals_in_camera_backward(q, s, call.camera, normals, v_normals, g.quats)
            g.camera[:, :3] += camera_by_normals(call.camera, normals, v_normals)
            colours, g.features = (np.ascontiguousarray(a[:, :3]) for a in (colours, g.features))
        v_sh = np.zeros_like(sh)
        by_place = g.means.copy() if with_camera else None
        harmonics.colours_backward(
            m, _by_coefficient(sh), call.eye, call.degree, rendered.extents,
            colours, g.features, _by_coefficient(v_sh), g.means,
        )  # fmt: skip
        call.screen.means2d_gradient = g.means2d
        gradients = (g.means, g.quats, g.scales, g.opacities, v_sh)
        v_camera = _camera_gradient(g.camera, call.camera, (by_place - g.means).sum(0)) if with_camera else None
        return (*(torch.from_numpy(x) for x in gradients), v_camera, None)


def _by_coefficient(harmonics: np.ndarray) -> np.ndarray:
    """(N, K * 3) as (N, K, 3), N 0 included."""
    return harmonics.reshape(len(harmonics), harmonics.shape[1] // 3, 3)


def _camera_gradient(v_upper: np.ndarray, camera: np.ndarray, v_eye: np.ndarray) -> torch.Tensor:
    """Gradient (4, 4) by ``cam_from_world``: through places on screen, and through the eye that colours depend on.

    With eye = -R^T t: dL/dR = -t v_eye^T and dL/dt = -R v_eye. ``v_eye`` is minus the sum of the means' gradients by
    direction, since a direction is mean minus eye.
    """
    v_camera = np.zeros((4, 4), np.float32)
    v_camera[:3] = v_upper
    v_camera[:3, :3] -= np.outer(camera[:3, 3], v_eye)
    v_camera[:3, 3] -= camera[:3, :3] @ v_eye
    return torch.from_numpy(v_camera)


@dataclass
class _Call:
    """The constants of one call."""

    camera: np.ndarray
    K: np.ndarray
    eye: np.ndarray
    width: int
    height: int
    degree: int
    antialiased: bool
    geometry: bool
    screen: Screen


def rasterise(
    means: torch.Tensor,
    quats: torch.Tensor,
    scales: torch.Tensor,
    opacities: torch.Tensor,
    coefficients: torch.Tensor,
    cam_from_world: torch.Tensor,
    K: np.ndarray,
    width: int,
    height: int,
    degree: int,
    antialiased: bool = False,
    geometry: bool = False,
) -> tuple[torch.Tensor, Screen]:
    """Image (H, W, 4) of colour over nothing and alpha, and where Gaussians fell; ``coefficients`` (N, K * 3).

    ``cam_from_world`` (4, 4) float32 may ask for its gradient too. With ``geometry`` the image is (H, W, 8): colour,
    depth and normal in the camera's axes, each summed by weight (not divided by alpha), and alpha.
    """
    camera = np.ascontiguousarray(cam_from_world.detach().numpy(), np.float32)
    eye = (-camera[:3, :3].T @ camera[:3, 3]).astype(np.float32)
    screen = Screen(np.zeros(0, bool))
    call = _Call(camera, np.ascontiguousarray(K, np.float32), eye, width, height, degree, antialiased, geometry, screen)
    return _Rasterise.apply(means, quats, scales, opacities, coefficients, cam_from_world, call), screen


def render_image(
    arrays: dict[str, np.ndarray], cam_from_world: np.ndarray, K: np.ndarray, width: int, height: int, degree: int
) -> Rendered:
    """Render a model's ``arrays`` (``model.Model.arrays``); for previews and held-out figures."""
    opacities = 1 / (1 + np.exp(-arrays["logit_opacities"][:, 0]))
    rendered, _ = render_coloured(
        arrays["means"], arrays["quats"], np.exp(arrays["log_scales"]), opacities,
        arrays["harmonics"].reshape(len(opacities), -1, 3), degree,
        np.ascontiguousarray(cam_from_world, np.float32), np.ascontiguousarray(K, np.float32), width, height,
    )  # fmt: skip
    return rendered
