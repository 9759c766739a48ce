# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder's first layer laid into the planes, and the decoder asked without copies.

That layer is linear, and so is sampling: the layer of three concatenated samples is the sum of samples of planes that
the layer was applied to. So a fifth of a point's arithmetic is done once for each texel instead.

Notation: N points; planes (3, C, S, S); the decoder's width W.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...kernels import triplanes
from .decoder import Decoder

AXES = ((0, 1), (0, 2), (1, 2))
"""Plane by plane: which coordinates run along its columns and rows."""


class Folded:
    """A decoder and the planes of one scene."""

    @torch.inference_mode()
    def __init__(self, planes: Tensor, decoder: Decoder) -> None:
        first, *others = [part for part in decoder.layers if isinstance(part, nn.Linear)]
        by_plane = first.weight.view(len(first.weight), 3, -1)
        self._planes = torch.einsum("wpc,pcij->pijw", by_plane, planes).contiguous()
        self._bias = first.bias
        self._weights = [layer.weight.t().contiguous() for layer in others]
        self._biases = [layer.bias for layer in others]

    @torch.inference_mode()
    def ask(self, points: Tensor, radius: float, out: Tensor) -> None:
        """Write the decoder's outputs at ``points`` (N, 3) float32 in [-radius, radius]^3 to ``out`` (N, 4)."""
        tokens = self._sampled(points, radius)
        other = torch.empty_like(tokens)
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            functional.silu(tokens, inplace=True)
            torch.addmm(bias, tokens, weight, out=other)
            tokens, other = other, tokens
        functional.silu(tokens, inplace=True)
        torch.addmm(self._biases[-1], tokens, self._weights[-1], out=out)

    def _sampled(self, points: Tensor, radius: float) -> Tensor:
        """The first layer's outputs (N, W)."""
        if points.device.type == "cpu":
            out = torch.empty((len(points), len(self._bias)))
            triplanes.sample(
                self._planes.numpy(), np.ascontiguousarray(points.numpy()), 1.0 / radius, self._bias.numpy(),
                out.numpy(),
            )  # fmt: skip
            return out
        where = (points / radius)[:, AXES].transpose(0, 1).unsqueeze(1)  # (3, 1, N, 2)
        sampled = functional.grid_sample(self._planes.permute(0, 3, 1, 2), where, align_corners=False)
        return (sampled[:, :, 0].sum(dim=0) + self._bias[:, None]).T.contiguous()
