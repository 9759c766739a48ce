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


BODY = Config(
    picture_side=32, patch_side=8, position_side=4, vision_width=16, vision_heads=2, vision_layers=1, vision_hidden=16,
    plane_side=32, width=64, heads=4, layers=1, plane_channels=3, decoder_width=16, decoder_layers=3,
)  # fmt: skip
AXES_OF_BODY = (0.3, 0.42, 0.24)
"""Half the length, width (seen from in front) and height of the body that ``body_network`` sees in every picture."""


@torch.no_grad()
def body_network() -> TripoSR:
    """A network of the real form whose weights are made, not learnt: whatever it looks at, it sees an ellipsoid.

    Its planes hold half of q = sum (x / axis)^2 and the coordinates; the decoder passes linear functions of them on,
    since silu(u) - silu(-u) = u. Density is 25 where q is 1; colours are the sigmoids of 6 x, 6 y and 6 z.
    """
    torch.manual_seed(0)
    model = TripoSR(BODY)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.05)
    model.backbone.proj_out.weight.zero_()
    model.backbone.proj_out.bias.zero_()
    channels, side = BODY.plane_channels, 2 * BODY.plane_side
    along = ((torch.arange(side) + 0.5) * 2 / side - 1) * BODY.radius
    column, row = along.expand(side, side), along[:, None].expand(side, side)
    enlarge = model.post_processor.upsample
    enlarge.weight.zero_()
    enlarge.bias.zero_()
    model.tokenizer.embeddings.zero_()
    for plane, (across, down) in enumerate(((0, 1), (0, 2), (1, 2))):
        q = ((column / AXES_OF_BODY[across]) ** 2 + (row / AXES_OF_BODY[down]) ** 2) / 2
        for channel, values in enumerate((q, column, row)):
            for part, (r, c) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
                model.tokenizer.embeddings[plane, 4 * channel + part] = values[r::2, c::2]
                enlarge.weight[4 * channel + part, channel, r, c] = 1
    _linear_decoder(model, channels)
    return model.eval().requires_grad_(False)


def _linear_decoder(model: TripoSR, channels: int) -> None:
    """Density and colours as linear functions of the features, each carried as itself and its opposite."""
    linear = [part for part in model.decoder.layers if isinstance(part, nn.Linear)]
    for layer in linear:
        layer.weight.zero_()
        layer.bias.zero_()
    wanted = torch.zeros(4, 3 * channels)
    wanted[0, [0, channels, 2 * channels]] = -12.0
    wanted[1, 1] = wanted[2, 2] = wanted[3, channels + 2] = 6.0  # x and y by the first plane, z by the second
    offset = torch.tensor([12.0 + float(torch.log(torch.tensor(25.0))) - BODY.density_bias, 0, 0, 0])
    both = torch.cat([torch.eye(4), -torch.eye(4)])
    linear[0].weight[:8], linear[0].bias[:8] = both @ wanted, both @ offset
    for layer in linear[1:-1]:
        layer.weight[:8, :8] = both @ both.T
    linear[-1].weight[:, :8] = both.T
