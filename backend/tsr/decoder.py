# SPDX-License-Identifier: GPL-3.0-or-later
"""From a point's features to density and colour: a small multi-layer perceptron with SiLU."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from .config import Config


class Decoder(nn.Module):
    """(N, 3 * plane_channels) features -> (N, 4): density before its activation, three colours before theirs."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = [3 * config.plane_channels, *[config.decoder_width] * config.decoder_layers]
        hidden = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.SiLU(True))]
        self.layers = nn.Sequential(*hidden, nn.Linear(config.decoder_width, 4))

    def forward(self, features: Tensor) -> Tensor:
        """Decode features of points."""
        return self.layers(features)
