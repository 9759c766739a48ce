# SPDX-License-Identifier: GPL-3.0-or-later
"""Small TripoSR networks with seeded random weights, and fields of known shape."""

from __future__ import annotations

import torch
from torch import nn
from turnaround.backend.tsr.config import Config
from turnaround.backend.tsr.field import Field
from turnaround.backend.tsr.model import TripoSR

TINY = Config(
    picture_side=64, patch_side=8, position_side=6, vision_width=48, vision_heads=4, vision_layers=3, vision_hidden=96,
    plane_side=8, width=64, heads=4, layers=3, plane_channels=12, decoder_width=32, decoder_layers=4, samples=32,
)  # fmt: skip


def tiny_network(seed: int = 0) -> TripoSR:
    torch.manual_seed(seed)
    model = TripoSR(TINY)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model.eval().requires_grad_(False)


class Ball(nn.Module):
    """A decoder that knows its place: planes hold x, y and z themselves, density falls from the middle of a ball."""

    def __init__(self, radius: float, steepness: float = 60.0) -> None:
        super().__init__()
        self.radius, self.steepness = radius, steepness

    def forward(self, features):
        x, y, z = features[:, 0], features[:, 1], features[:, 3]
        far = torch.sqrt(x**2 + y**2 + z**2)
        colours = 8 * torch.stack([x, y, z], dim=1)
        return torch.cat([(self.steepness * (self.radius - far))[:, None], colours], dim=1)


def place_planes(side: int, box: float) -> torch.Tensor:
    """(3, 2, side, side): each plane's two channels are the two coordinates that run along it."""
    along = ((torch.arange(side) + 0.5) * 2 / side - 1) * box
    plane = torch.stack([along.expand(side, side), along[:, None].expand(side, side)])
    return plane.expand(3, -1, -1, -1).contiguous()


def ball_field(radius: float = 0.28, box: float = 0.87) -> Field:
    """At the box's edges, half a texel beyond the last, planes fade to a quarter: a ball must keep clear of 0.3."""
    return Field(place_planes(64, box), Ball(radius), box, 0.0)
