# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned planes a picture starts from, and the step that doubles their size.

Notation: three planes of C channels and S x S texels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import Config


class PlaneTokens(nn.Module):
    """Learned planes (3, C, S, S), seen as (B, C, 3 * S * S) tokens, plane by plane and row by row."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embeddings = nn.Parameter(torch.zeros(3, config.width, config.plane_side, config.plane_side))

    def forward(self, count: int) -> Tensor:
        """The same tokens for each of ``count`` pictures."""
        return self.embeddings.transpose(0, 1).flatten(1).expand(count, -1, -1)

    def as_planes(self, tokens: Tensor) -> Tensor:
        """(B, C, 3 * S * S) tokens -> (B, 3, C, S, S)."""
        side = self.embeddings.shape[-1]
        return tokens.unflatten(2, (3, side, side)).transpose(1, 2)


class Enlarge(nn.Module):
    """(B, 3, C, S, S) -> scene codes (B, 3, ``plane_channels``, 2 S, 2 S)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(config.width, config.plane_channels, kernel_size=2, stride=2)

    def forward(self, planes: Tensor) -> Tensor:
        """Enlarge each plane by itself."""
        return self.upsample(planes.flatten(0, 1)).unflatten(0, planes.shape[:2])
