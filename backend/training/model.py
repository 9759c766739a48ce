# SPDX-License-Identifier: GPL-3.0-or-later
"""The Gaussians being learnt, as torch tensors with a pair of Adam moments each.

Notation: N Gaussians; ``means`` (N, 3) world; ``log_scales`` (N, 3); ``quats`` (N, 4) w x y z; ``logit_opacities``
(N, 1); ``harmonics`` (N, K * 3), coefficient by coefficient, K = (degree + 1)^2. All float32 on one device. These are
the numbers that a 3DGS ``.ply`` holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

NAMES = ("means", "log_scales", "quats", "logit_opacities", "harmonics")


@dataclass
class Model:
    """N Gaussians: ``values`` by name, and ``first``, ``second``: the optimiser's moments of the same shapes."""

    values: dict[str, torch.Tensor]
    degree: int
    first: dict[str, torch.Tensor] = field(default_factory=dict)
    second: dict[str, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in NAMES:
            self.first.setdefault(name, torch.zeros_like(self.values[name]))
            self.second.setdefault(name, torch.zeros_like(self.values[name]))

    def __len__(self) -> int:
        return len(self.values["means"])

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.values["means"].device

    @property
    def scales(self) -> torch.Tensor:
        """Standard deviations (N, 3)."""
        return torch.exp(self.values["log_scales"])

    @property
    def opacities(self) -> torch.Tensor:
        """Opacities (N,) in [0, 1]."""
        return torch.sigmoid(self.values["logit_opacities"][:, 0])

    def select(self, rows: torch.Tensor) -> None:
        """Keep ``rows`` (indices or a mask), values and moments alike."""
        for tensors in (self.values, self.first, self.second):
            for name in NAMES:
                tensors[name] = tensors[name][rows].contiguous()

    def append(self, rows: dict[str, torch.Tensor]) -> None:
        """Add Gaussians with fresh moments."""
        for name in NAMES:
            added = rows[name]
            self.values[name] = torch.cat([self.values[name], added])
            self.first[name] = torch.cat([self.first[name], torch.zeros_like(added)])
            self.second[name] = torch.cat([self.second[name], torch.zeros_like(added)])

    def forget(self, rows: torch.Tensor) -> None:
        """Zero the moments of ``rows``: their values have been set anew."""
        for name in NAMES:
            self.first[name][rows] = 0
            self.second[name][rows] = 0

    def arrays(self) -> dict[str, np.ndarray]:
        """Values as numpy arrays, for files."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.values.items()}


def model_from_arrays(
    means: np.ndarray,
    log_scales: np.ndarray,
    quats: np.ndarray,
    logit_opacities: np.ndarray,
    colours: np.ndarray,
    degree: int,
    device: str,
) -> Model:
    """A model that starts with plain ``colours`` (N, 3) in [0, 1] and room for harmonics up to ``degree``."""
    count = (degree + 1) ** 2
    harmonics = np.zeros((len(means), count, 3), np.float32)
    harmonics[:, 0] = (colours - 0.5) / 0.28209479177387814
    arrays = {
        "means": means,
        "log_scales": log_scales,
        "quats": quats,
        "logit_opacities": logit_opacities.reshape(-1, 1),
        "harmonics": harmonics.reshape(len(means), -1),
    }
    tensors = {k: torch.tensor(np.ascontiguousarray(v, np.float32), device=device) for k, v in arrays.items()}
    return Model(tensors, degree)
