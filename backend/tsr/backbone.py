# SPDX-License-Identifier: GPL-3.0-or-later
"""From learned plane tokens to the tokens of this picture's planes: a transformer that looks at the picture.

Notation: N = 3 * plane_side^2 plane tokens of width C; M picture tokens of width D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Config
from .vision_transformer import attend


class Backbone(nn.Module):
    """(B, C, N) plane tokens and (B, M, D) picture tokens -> (B, C, N), with a residual over the whole."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, config.width, eps=1e-6)
        self.proj_in = nn.Linear(config.width, config.width)
        self.transformer_blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.proj_out = nn.Linear(config.width, config.width)

    def forward(self, planes: Tensor, picture: Tensor) -> Tensor:
        """Let the planes look at the picture."""
        tokens = self.proj_in(self.norm(planes).transpose(1, 2))
        for block in self.transformer_blocks:
            tokens = block(tokens, picture)
        return self.proj_out(tokens).transpose(1, 2) + planes


class Block(nn.Module):
    """Self-attention, attention to the picture, gated feed-forward; each after a layer norm and with a residual."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.attn1 = Attention(config.width, config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width)
        self.attn2 = Attention(config.width, config.vision_width, config.heads)
        self.norm3 = nn.LayerNorm(config.width)
        self.ff = FeedForward(config.width)

    def forward(self, tokens: Tensor, picture: Tensor) -> Tensor:
        """One round: (B, N, C) tokens and (B, M, D) picture tokens -> (B, N, C)."""
        normed = self.norm1(tokens)
        tokens = tokens + self.attn1(normed, normed)
        tokens = tokens + self.attn2(self.norm2(tokens), picture)
        return tokens + self.ff(self.norm3(tokens))


class Attention(nn.Module):
    """Attention of tokens of ``width`` to tokens of ``context_width``; no bias but at the end."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.heads = heads

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """(B, N, width) tokens and (B, M, context_width) -> (B, N, width)."""
        return self.to_out[0](attend(self.to_q(tokens), self.to_k(context), self.to_v(context), self.heads))


_TOKENS_AT_ONCE = 512
"""What is eight times as wide as tokens is made of so many on the CPU: of all it is 100 MB, asked from the system anew
each time.
"""


class FeedForward(nn.Module):
    """A gated feed-forward, four times as wide inside. The empty middle keeps the checkpoint's numbering."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(Gate(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, width) -> the same."""
        if tokens.device.type != "cpu":
            return self.net(tokens)
        return torch.cat([self.net(part) for part in tokens.split(_TOKENS_AT_ONCE, dim=1)], dim=1)


class Gate(nn.Module):
    """GEGLU (Shazeer 2020, arXiv 2002.05202, equation 6): half of the outputs gate the other half."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, 2 * outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        value, gate = self.proj(tokens).chunk(2, dim=-1)
        return value * functional.gelu(gate)
