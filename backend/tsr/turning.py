# SPDX-License-Identifier: GPL-3.0-or-later
"""From which side a picture was taken: the azimuth at which a first picture's field looks most like it.

Both ways count: how the first field looks from the azimuth, and how the other picture's own field looks from the
opposite turn. With few pictures the whole circle is tried and the best place refined.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from . import renderer
from .field import Field
from .framing import GREY
from .occupancy import Occupied, occupied

_SIDE, _SAMPLES = 48, 48
_TRIED = 24
_REFINED = (-10.0, -5.0, 5.0, 10.0), (-2.5, 2.5)
DISTANCE, FIELD_OF_VIEW = 1.9, 40.0
"""Of the camera that the network was trained with."""


def azimuth_of(first: Field, first_picture: Tensor, other: Field, other_picture: Tensor) -> tuple[float, float]:
    """The azimuth in degrees [0, 360) of ``other_picture``, and the mean square difference that is left there.

    Pictures are (S, S, 3) in [0, 1] on grey, as ``framing`` makes them, the first from azimuth 0.
    """
    pictures = [_small(p) for p in (first_picture, other_picture)]
    where = [occupied(f, 32) for f in (first, other)]
    known: dict[float, float] = {}

    def cost(azimuth: float) -> float:
        azimuth %= 360
        if azimuth not in known:
            there = _difference(seen_from(first, azimuth, where[0]), pictures[1])
            back = _difference(seen_from(other, -azimuth, where[1]), pictures[0])
            known[azimuth] = (there + back) / 2
        return known[azimuth]

    best = min(np.arange(_TRIED) * (360.0 / _TRIED), key=cost)
    for steps in _REFINED:
        best = min([best, *(best + step for step in steps)], key=cost)
    return float(best % 360), cost(float(best))


def seen_from(field: Field, azimuth: float, where: Occupied | None = None) -> Tensor:
    """(48, 48, 3) what a camera at ``azimuth`` degrees sees of ``field``, on grey."""
    origins, directions = (torch.from_numpy(a) for a in renderer.orbit(1, 0.0, DISTANCE, FIELD_OF_VIEW, _SIDE)[0])
    angle = float(np.radians(azimuth))
    turn = torch.tensor(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]], dtype=torch.float32
    )
    device = field.planes.device
    rays = [(a @ turn.T).contiguous().to(device) for a in (origins, directions)]
    drawn = renderer.render(field, rays[0], rays[1], _SAMPLES, where)
    on_grey = drawn[:, :3] - (1 - GREY) * (1 - drawn[:, 3:])
    return on_grey.view(_SIDE, _SIDE, 3).cpu()


def _small(picture: Tensor) -> Tensor:
    resized = functional.interpolate(
        picture.permute(2, 0, 1)[None], (_SIDE, _SIDE), mode="bilinear", align_corners=False, antialias=True
    )
    return resized[0].permute(1, 2, 0)


def _difference(seen: Tensor, picture: Tensor) -> float:
    return float(functional.mse_loss(seen, picture))
