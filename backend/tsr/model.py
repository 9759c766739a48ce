# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole network: pictures to scene codes.

Notation: B pictures; scene codes (B, 3, C, S, S): features on the planes (x, y), (x, z), (y, z) of a box that is
centred at the origin, z up; the picture was taken from +x.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .backbone import Backbone
from .config import Config
from .decoder import Decoder
from .triplane import Enlarge, PlaneTokens
from .vision_transformer import ImageTokeniser


class TripoSR(nn.Module):
    """The network with the module names of the released checkpoint."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.image_tokenizer = ImageTokeniser(config)
        self.tokenizer = PlaneTokens(config)
        self.backbone = Backbone(config)
        self.post_processor = Enlarge(config)
        self.decoder = Decoder(config)

    def prepare(self, pictures: Tensor) -> Tensor:
        """(B, H, W, 3) in [0, 1] of any size -> (B, side, side, 3), bilinear and antialiased."""
        side = self.config.picture_side
        resized = functional.interpolate(
            pictures.permute(0, 3, 1, 2), (side, side), mode="bilinear", align_corners=False, antialias=True
        )
        return resized.permute(0, 2, 3, 1)

    @torch.inference_mode()
    def scene_codes(self, pictures: Tensor) -> Tensor:
        """(B, H, W, 3) float32 sRGB in [0, 1] on grey -> scene codes (B, 3, C, S, S), float32."""
        weights = self.tokenizer.embeddings
        picture_tokens = self.image_tokenizer(self.prepare(pictures).to(weights.device, weights.dtype))
        tokens = self.backbone(self.tokenizer(len(pictures)), picture_tokens)
        return self.post_processor(self.tokenizer.as_planes(tokens)).float()
