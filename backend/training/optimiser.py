# SPDX-License-Identifier: GPL-3.0-or-later
"""Adam over the Gaussians a picture showed, a rate per column; the kernel on the CPU, the same in torch elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...kernels.splatting.adam import adam
from .model import NAMES, Model


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Learning rates. ``means`` is in units of the cameras' extent and falls to ``means_end``, exponentially.

    ``poses``: of a camera's correction, in radians and in units of the extent; falls to a hundredth.
    """

    means: float = 1.6e-4
    means_end: float = 1.6e-6
    log_scales: float = 5e-3
    quats: float = 1e-3
    logit_opacities: float = 5e-2
    harmonics: float = 2.5e-3
    harmonics_rest: float = 2.5e-3 / 20
    poses: float = 1e-3

    def at(self, fraction: float, extent: float, coefficients: int) -> dict[str, np.ndarray]:
        """Rates per column at ``fraction`` [0, 1] of the training."""
        means = extent * self.means ** (1 - fraction) * self.means_end**fraction
        harmonics = np.full(3 * coefficients, self.harmonics_rest, np.float32)
        harmonics[:3] = self.harmonics
        return {
            "means": np.full(3, means, np.float32),
            "log_scales": np.full(3, self.log_scales, np.float32),
            "quats": np.full(4, self.quats, np.float32),
            "logit_opacities": np.full(1, self.logit_opacities, np.float32),
            "harmonics": harmonics,
        }


@torch.no_grad()
def step_adam(
    model: Model, gradients: dict[str, torch.Tensor], rates: dict[str, np.ndarray], drawn: np.ndarray, step: int
) -> None:
    """One step over the rows in ``drawn`` (N,) bool; ``step`` counts from 1."""
    for name in NAMES:
        value, first, second = model.values[name], model.first[name], model.second[name]
        gradient = gradients[name]
        if model.device.type == "cpu":
            arrays = (value.numpy(), gradient.numpy(), first.numpy(), second.numpy())
            adam(*arrays, rates[name], drawn, step)
            continue
        rows = torch.from_numpy(drawn).to(model.device)[:, None]
        rate = torch.from_numpy(rates[name]).to(model.device)
        m = torch.lerp(first, gradient, 0.1)
        v = torch.lerp(second, gradient * gradient, 0.001)
        move = rate * (m / (1 - 0.9**step)) / (torch.sqrt(v / (1 - 0.999**step)) + 1e-15)
        value.sub_(torch.where(rows, move, torch.zeros_like(move)))
        first.copy_(torch.where(rows, m, first))
        second.copy_(torch.where(rows, v, second))


def step_row(values: np.ndarray, moments: np.ndarray, row: int, gradient: np.ndarray, rate: float, step: int) -> None:
    """Adam on ``values[row]`` alone, with ``moments`` (2, *values.shape); ``step`` counts this row's steps from 1."""
    first, second = moments[0, row], moments[1, row]
    first += 0.1 * (gradient - first)
    second += 0.001 * (gradient**2 - second)
    values[row] -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-12)
