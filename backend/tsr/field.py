# SPDX-License-Identifier: GPL-3.0-or-later
"""Density and colour at points: bilinear samples of three planes through the decoder.

Notation: N points (N, 3) in the model's box [-radius, radius]^3; planes (3, C, S, S) of one scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .decoder import Decoder

_AXES = ((0, 1), (0, 2), (1, 2))  # plane by plane: which coordinates run along its columns and rows
_BYTES_A_NUMBER = 4


@dataclass(frozen=True)
class Field:
    """The radiance field of one scene; ``chunk`` points are asked at once, which bounds its memory."""

    planes: Tensor
    decoder: Decoder
    radius: float
    density_bias: float
    chunk: int = 1 << 17

    def raw(self, points: Tensor) -> Tensor:
        """(N, 4) decoder outputs at ``points`` (N, 3) float32 in the box; outside it the planes read as zero."""
        parts = [self._raw(part) for part in points.split(self.chunk)]
        return torch.cat(parts) if parts else points.new_zeros((0, 4))

    def density(self, points: Tensor) -> Tensor:
        """(N,) density, exp(d + bias)."""
        return torch.exp(self.raw(points)[:, 0] + self.density_bias)

    def density_and_colour(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N,) density and (N, 3) sRGB in [0, 1]."""
        raw = self.raw(points)
        return torch.exp(raw[:, 0] + self.density_bias), torch.sigmoid(raw[:, 1:])

    def colour(self, points: Tensor) -> Tensor:
        """(N, 3) sRGB in [0, 1]."""
        return torch.sigmoid(self.raw(points)[:, 1:])

    @torch.inference_mode()
    def _raw(self, points: Tensor) -> Tensor:
        where = (points / self.radius)[:, _AXES].transpose(0, 1).unsqueeze(1)  # (3, 1, N, 2)
        sampled = functional.grid_sample(self.planes, where, mode="bilinear", align_corners=False)
        return self.decoder(sampled[:, :, 0].permute(2, 0, 1).flatten(1))


def points_that_fit(available: int, channels: int, width: int) -> int:
    """Points to ask at once within ``available`` bytes: features, their copy and two hidden layers a point."""
    a_point = _BYTES_A_NUMBER * (2 * 3 * channels + 2 * width + 16)
    return int(min(max(available // a_point, 1 << 12), 1 << 20))
