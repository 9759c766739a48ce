# SPDX-License-Identifier: GPL-3.0-or-later
"""Density and colour at points: bilinear samples of three planes through the decoder.

Notation: N points (N, 3) in the model's box [-radius, radius]^3; planes (3, C, S, S) of one scene.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cores import on_cores
from .decoder import Decoder
from .folding import AXES, Folded

_BYTES_A_NUMBER = 4
_FITS_CACHE = 1 << 12
"""Points whose hidden layers, 1 MB each, stay in a core's cache from layer to layer."""


@dataclass(frozen=True)
class Field:
    """The radiance field of one scene; ``chunk`` points are asked at once, which bounds its memory."""

    planes: Tensor
    decoder: nn.Module
    radius: float
    density_bias: float
    chunk: int = _FITS_CACHE

    def raw(self, points: Tensor) -> Tensor:
        """(N, 4) decoder outputs at ``points`` (N, 3) float32 in the box; outside it the planes read as zero."""
        out = points.new_empty((len(points), 4))
        _ = self._folded  # made once, before threads ask for it
        on_cores(self._ask, [*zip(points.split(self.chunk), out.split(self.chunk), strict=True)], points.device)
        return out

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

    @functools.cached_property
    def _folded(self) -> Folded | None:
        return Folded(self.planes, self.decoder) if isinstance(self.decoder, Decoder) else None

    @torch.inference_mode()
    def _ask(self, points: Tensor, out: Tensor) -> None:
        if self._folded is None:
            out.copy_(self._raw(points))
        else:
            self._folded.ask(points, self.radius, out)

    def _raw(self, points: Tensor) -> Tensor:
        """As ``raw``, for decoders of another form, which see all samples side by side."""
        where = (points / self.radius)[:, AXES].transpose(0, 1).unsqueeze(1)  # (3, 1, N, 2)
        sampled = functional.grid_sample(self.planes, where, mode="bilinear", align_corners=False)
        return self.decoder(sampled[:, :, 0].permute(2, 0, 1).flatten(1))


def chunk_for(device: torch.device, channels: int, width: int) -> int:
    """Points to ask at once: by a quarter of CUDA's free memory; on the CPU by a core's cache."""
    if device.type != "cuda":
        return _FITS_CACHE
    return points_that_fit(torch.cuda.mem_get_info(device)[0] // 4, channels, width)


def points_that_fit(available: int, channels: int, width: int) -> int:
    """Points to ask at once within ``available`` bytes: features, their copy and two hidden layers a point."""
    a_point = _BYTES_A_NUMBER * (2 * 3 * channels + 2 * width + 16)
    return int(min(max(available // a_point, 1 << 12), 1 << 20))
