# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes of a TripoSR network. ``RELEASED`` are those of the published checkpoint (419 million parameters)."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes that the tensors of a checkpoint must have, and the few numbers that tensors do not show."""

    picture_side: int = 512  # pixels of the square picture that the network looks at
    patch_side: int = 16  # pixels of a patch
    position_side: int = 14  # patches a side for which position embeddings are stored
    vision_width: int = 768
    vision_heads: int = 12
    vision_layers: int = 12
    vision_hidden: int = 3072
    plane_side: int = 32  # texels of a plane before it is enlarged twofold
    width: int = 1024
    heads: int = 16
    layers: int = 16
    plane_channels: int = 40
    decoder_width: int = 64
    decoder_layers: int = 9
    radius: float = 0.87  # half the side of the field's box
    density_bias: float = -1.0
    samples: int = 128  # a ray


RELEASED = Config()


def read_config(path: Path) -> Config:
    """Sizes from a JSON file of ``Config``'s fields; what it leaves out is as in ``RELEASED``.

    Raises ``ValueError`` for a file that is not such an object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"expected the sizes of a network in {path.name}, got {error}") from None
    known = {f.name: type(f.default) for f in fields(Config)}
    if not isinstance(data, dict) or not all(isinstance(data[k], known.get(k, ())) for k in data):
        raise ValueError(f"expected the fields {', '.join(known)} in {path.name}, got {data!r}"[:300])
    return Config(**data)
