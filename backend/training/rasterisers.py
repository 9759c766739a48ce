# SPDX-License-Identifier: GPL-3.0-or-later
"""The two rasterisers behind one call: gsplat on CUDA, our kernels on the CPU; chosen by capability, never silently.

gsplat is used through its public ``rasterization`` alone. It imports without CUDA and then cannot draw, so its presence
says nothing; what counts is a CUDA device, its compiled kernels (built on first use) and a first picture.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Protocol

import numpy as np
import torch

from . import cpu
from .mcmc import rotations
from .model import Model


class Rasteriser(Protocol):
    """Draws a model from one camera: image (H, W, 4) with gradients, and which Gaussians were drawn (N,) bool."""

    name: str
    device: str

    def draw(
        self,
        leaves: dict[str, torch.Tensor],
        camera: torch.Tensor,
        K: np.ndarray,
        size: tuple[int, int],
        degree: int,
        geometry: bool = False,
    ) -> tuple[torch.Tensor, Any]:
        """``leaves`` as ``Model.values``, with gradients; ``camera`` (4, 4) on the device; ``size`` (width, height).

        With ``geometry`` the image is (H, W, 8), as ``cpu.rasterise`` says.
        """

    def drawn(self, info: Any) -> np.ndarray:
        """Which Gaussians (N,) bool took part, from the second value of ``draw``."""

    def screen_gradient(self, info: Any) -> torch.Tensor:
        """After the backward pass: gradient (N, 2) by the means on screen, in pixels; 0 where not drawn."""


class Numba:
    """Our kernels, on any CPU."""

    name = "numba"
    device = "cpu"

    def draw(
        self,
        leaves: dict[str, torch.Tensor],
        camera: torch.Tensor,
        K: np.ndarray,
        size: tuple[int, int],
        degree: int,
        geometry: bool = False,
    ) -> tuple[torch.Tensor, Any]:
        """See ``Rasteriser``."""
        return cpu.rasterise(
            leaves["means"],
            leaves["quats"],
            torch.exp(leaves["log_scales"]),
            torch.sigmoid(leaves["logit_opacities"][:, 0]),
            leaves["harmonics"],
            camera,
            K,
            *size,
            degree,
            geometry=geometry,
        )

    def drawn(self, info: Any) -> np.ndarray:
        """See ``Rasteriser``."""
        return info.drawn

    def screen_gradient(self, info: Any) -> torch.Tensor:
        """See ``Rasteriser``."""
        return torch.from_numpy(info.means2d_gradient)


class Gsplat:
    """gsplat's CUDA kernels, through its public call."""

    name = "gsplat"
    device = "cuda"

    def draw(
        self,
        leaves: dict[str, torch.Tensor],
        camera: torch.Tensor,
        K: np.ndarray,
        size: tuple[int, int],
        degree: int,
        geometry: bool = False,
    ) -> tuple[torch.Tensor, Any]:
        """See ``Rasteriser``."""
        from gsplat import rasterization

        scales = torch.exp(leaves["log_scales"])
        shapes = (leaves["means"], leaves["quats"], scales, torch.sigmoid(leaves["logit_opacities"][:, 0]))
        harmonics = leaves["harmonics"].reshape(len(scales), -1, 3)
        lens = (camera[None], torch.tensor(K, dtype=torch.float32, device="cuda")[None], *size)
        colour, alpha, info = rasterization(*shapes, harmonics, *lens, sh_degree=degree, packed=False)
        info["means2d"].retain_grad()
        if not geometry:
            return torch.cat([colour[0], alpha[0]], 2), info
        told = depths_and_normals(leaves["means"], leaves["quats"], scales, camera)
        seen, _, _ = rasterization(*shapes, told, *lens, packed=False)
        return torch.cat([colour[0], seen[0], alpha[0]], 2), info

    def drawn(self, info: Any) -> np.ndarray:
        """See ``Rasteriser``."""
        return (info["radii"][0] > 0).reshape(-1, 2).all(1).cpu().numpy()

    def screen_gradient(self, info: Any) -> torch.Tensor:
        """See ``Rasteriser``."""
        return info["means2d"].grad[0]


def depths_and_normals(
    means: torch.Tensor, quats: torch.Tensor, scales: torch.Tensor, camera: torch.Tensor
) -> torch.Tensor:
    """Depth and normal (N, 4) of Gaussians in the camera's axes: the twin of ``kernels.splatting.normals`` in torch."""
    in_camera = means @ camera[:3, :3].T + camera[:3, 3]
    thinnest = scales.detach().argmin(1)
    axes = rotations(quats)[torch.arange(len(means), device=means.device), :, thinnest]
    normals = axes @ camera[:3, :3].T
    away = (normals * in_camera).sum(1, keepdim=True).detach() > 0
    return torch.cat([in_camera[:, 2:], torch.where(away, -normals, normals)], 1)


def why_not_gsplat() -> str:
    """Empty where gsplat can draw here; otherwise what is missing and how to get it."""
    if not torch.cuda.is_available():
        return "no CUDA device is visible to torch"
    if importlib.util.find_spec("gsplat") is None:
        return "the package gsplat is not installed (pip install gsplat==1.5.3)"
    try:
        from gsplat.cuda import _backend
    except (ImportError, OSError, RuntimeError) as error:
        return f"gsplat's CUDA kernels could not be loaded: {error}"
    if getattr(_backend, "_C", None) is None:
        return "gsplat found no compiler (nvcc) to build its kernels with (install the CUDA toolkit, or set CUDA_HOME)"
    return ""


def choose(device: str) -> tuple[Numba | Gsplat, str]:
    """The rasteriser for ``device`` (auto, cpu, cuda), and why the faster one was not taken ("" when it was)."""
    if device == "cpu":
        return Numba(), ""
    missing = why_not_gsplat()
    return (Numba(), missing) if missing else (Gsplat(), "")


def leaves_of(model: Model) -> dict[str, torch.Tensor]:
    """The model's tensors as leaves that gather gradients, sharing their memory."""
    return {name: value.detach().requires_grad_() for name, value in model.values.items()}
