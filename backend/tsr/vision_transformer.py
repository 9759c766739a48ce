# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture's tokens: a vision transformer (Dosovitskiy et al. 2020), weights trained as DINO (Caron et al. 2021).

Notation: B pictures of P patches, D = ``vision_width``. Names of modules are those of the checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Config

# ImageNet's mean and deviation of sRGB in [0, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageTokeniser(nn.Module):
    """(B, side, side, 3) sRGB in [0, 1] -> (B, 1 + P, D): class token first, after the last layer norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.model = VisionTransformer(config)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalise and look."""
        pixels = pictures.permute(0, 3, 1, 2)
        mean, deviation = (pixels.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        return self.model((pixels - mean) / deviation)


class VisionTransformer(nn.Module):
    """Patches, position embeddings, layers, norm. The pooler is in the checkpoint and never used."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(config.vision_width, eps=1e-12)
        self.pooler = Dense(config.vision_width, config.vision_width)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels -> (B, 1 + P, D)."""
        return self.layernorm(self.encoder(self.embeddings(pixels)))


class Patches(nn.Module):
    """A linear layer over each patch of pixels."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, width, side, stride=side)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, D, H / side, W / side)."""
        return self.projection(pixels)


class Encoder(nn.Module):
    """The layers, one after the other."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layer = nn.Sequential(*(Layer(config) for _ in range(config.vision_layers)))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, 1 + P, D) -> the same."""
        return self.layer(tokens)


class Dense(nn.Module):
    """A linear layer that the checkpoint keeps under a name of its own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        return self.dense(tokens)


class Embeddings(nn.Module):
    """Patches of the normalised picture as tokens, each with the embedding of its place."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, side = config.vision_width, config.patch_side
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + config.position_side**2, width))
        self.patch_embeddings = Patches(width, side)
        self.position_side = config.position_side

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels -> (B, 1 + P, D) tokens that know their place."""
        patches = self.patch_embeddings(pixels)
        rows, columns = patches.shape[-2:]
        tokens = torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        return tokens + self._positions(rows, columns)

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Embeddings for ``rows`` x ``columns`` patches.

        The network was trained with a scale of (n + 0.1) / side, a guard against a floor that falls one short; the
        0.1 shifts where bicubic interpolation samples, so it must be kept.
        """
        side = self.position_side
        grid = self.position_embeddings[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        scale = ((rows + 0.1) / side, (columns + 0.1) / side)
        grid = functional.interpolate(grid.float(), scale_factor=scale, mode="bicubic", align_corners=False)
        grid = grid[..., :rows, :columns].to(self.position_embeddings.dtype)
        return torch.cat([self.position_embeddings[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


class Layer(nn.Module):
    """Self-attention, then a feed-forward with GELU, each after a layer norm and with a residual."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.vision_width
        self.attention = SelfAttention(width, config.vision_heads)
        self.intermediate = Dense(width, config.vision_hidden)
        self.output = Dense(config.vision_hidden, width)
        self.layernorm_before = nn.LayerNorm(width, eps=1e-12)
        self.layernorm_after = nn.LayerNorm(width, eps=1e-12)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, 1 + P, D) -> the same."""
        tokens = tokens + self.attention(self.layernorm_before(tokens))
        return tokens + self.output(functional.gelu(self.intermediate(self.layernorm_after(tokens))))


class SelfAttention(nn.Module):
    """Attention of tokens to each other, then a linear layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Heads(width, heads)
        self.output = Dense(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> the same."""
        return self.output(self.attention(tokens))


class Heads(nn.Module):
    """Queries, keys and values of the same tokens, with biases."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.heads = heads

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> the same."""
        return attend(self.query(tokens), self.key(tokens), self.value(tokens), self.heads)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention with ``heads`` heads of (B, N, D) queries to (B, M, D) keys and values: (B, N, D)."""
    split = [t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (query, key, value)]
    return functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)
