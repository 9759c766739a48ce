# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering on the CPU: rays go front to back in rounds, and only samples that are not passed over are asked for.

What a picture costs is the decoder, so few samples must be asked for in vain: rays ask for a few at a time, and end
where no light is left, just behind the surface.

Notation: as in ``renderer.py``.
"""

from __future__ import annotations

import numpy as np
import torch

from ...kernels import rays as kernels
from .field import Field
from .occupancy import Occupied

_ROUND = 4
"""Samples a ray asks for in a round: a ray ends two samples too late on average, and rounds are still few."""


def march(
    field: Field,
    origins: np.ndarray,
    directions: np.ndarray,
    near: np.ndarray,
    far: np.ndarray,
    rays: np.ndarray,
    samples: int,
    where: Occupied,
    opaque: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Colour (R, 3) and the light left (R,), float32, of ``rays`` (A,) int32 between ``near`` and ``far`` (R,).

    A ray ends where less than ``opaque`` of the light is left.
    """
    colour, light = np.zeros_like(origins), np.ones(len(origins), np.float32)
    step, begun = (far - near) / np.float32(samples), np.zeros(len(origins), np.int32)
    while len(rays):
        found, counts = np.zeros((len(rays), _ROUND), np.int16), np.zeros(len(rays), np.int32)
        kernels.find(
            origins, directions, near, step, rays, begun, samples, *where.lattices, where.radius, found, counts
        )
        first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        points = np.zeros((int(first[-1]), 3), np.float32)
        kernels.place(origins, directions, near, step, rays, found, first, points)
        raw = field.raw(torch.from_numpy(points)).numpy()
        kernels.absorb(raw, field.density_bias, samples, rays, first, light, colour)
        rays = rays[(begun[rays] < samples) & (light[rays] > opaque)]
    return colour, light
