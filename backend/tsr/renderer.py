# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a scene: emission and absorption along rays, empty space skipped, opaque rays ended.

Notation: R rays, ``origins`` and ``directions`` (R, 3) float32 in the model's box, z up. A ray is sampled at the middle
of n equal steps between where it enters and where it leaves the box; the step in alpha = 1 - exp(-density / n) is in
units of the ray's own interval, as the network was trained (so a density is not per length). White background.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .field import Field
from .marching import march
from .occupancy import Occupied

_TIGHTER = 1.0 - 1e-3  # the box that is drawn, over the field's: points on its faces would sample outside the planes
_SHORTEST = 1e-2  # a ray's interval below which it misses the box
_OPAQUE = 1e-3  # transmittance at which a ray ends
_SLAB = 8  # samples of all rays asked together on CUDA


def orbit(views: int, elevation: float, distance: float, fov: float, side: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Origins and directions, (side * side, 3) float32 each, of ``views`` square cameras around the origin.

    View k looks at the origin from azimuth 360 k / views (degrees from +x towards +y), ``elevation`` degrees up, at
    ``distance``; ``fov`` is the vertical field of view in degrees. Rays go row by row through pixel centres.
    """
    focal = side / (2 * np.tan(np.radians(fov) / 2))
    centres = (np.arange(side) + 0.5 - side / 2) / focal
    x, y = np.meshgrid(centres, -centres)
    up, out = np.sin(np.radians(elevation)), np.cos(np.radians(elevation))
    rays = []
    for azimuth in np.arange(views) * (2 * np.pi / views):
        centre = distance * np.array([out * np.cos(azimuth), out * np.sin(azimuth), up])
        forward = -centre / distance
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        across = x[..., None] * right + y[..., None] * np.cross(right, forward) + forward
        across /= np.linalg.norm(across, axis=-1, keepdims=True)
        directions = across.reshape(-1, 3).astype(np.float32)
        rays.append((np.broadcast_to(centre.astype(np.float32), directions.shape).copy(), directions))
    return rays


@torch.inference_mode()
def render(field: Field, origins: Tensor, directions: Tensor, samples: int, where: Occupied | None = None) -> Tensor:
    """(R, 4) float32: straight sRGB over white in [0, 1], and how opaque. Rays that miss the box are white.

    With ``where``, samples in empty cells are passed over.
    """
    near, far = _interval(origins, directions, field.radius * _TIGHTER)
    alive = torch.nonzero(far - near > _SHORTEST)[:, 0]
    shoot = _marched if origins.device.type == "cpu" else _slabs
    colour, light = shoot(field, origins, directions, near, far, alive, samples, where)
    return torch.cat([colour + light[:, None], 1 - light[:, None]], dim=1)


def _marched(
    field: Field, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor, alive: Tensor, samples: int,
    where: Occupied | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Colour (R, 3) and the light left (R,) by compiled loops."""
    everywhere = Occupied(torch.ones((1, 1, 1), dtype=torch.bool), field.radius)
    o, d, n, f = (np.ascontiguousarray(a.numpy(), np.float32) for a in (origins, directions, near, far))
    rays = alive.numpy().astype(np.int32)
    colour, light = march(field, o, d, n, f, rays, samples, where or everywhere, _OPAQUE)
    return torch.from_numpy(colour), torch.from_numpy(light)


def _slabs(
    field: Field, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor, alive: Tensor, samples: int,
    where: Occupied | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The same by PyTorch alone, on any device: all rays' next samples at once."""
    colour = torch.zeros_like(origins)
    light = origins.new_ones(len(origins))
    for first in range(0, samples, _SLAB):
        count = min(_SLAB, samples - first)
        middles = (torch.arange(first, first + count, device=origins.device) + 0.5) / samples
        depth = near[alive, None] + (far - near)[alive, None] * middles
        points = origins[alive, None] + depth[..., None] * directions[alive, None]
        added, remaining = _slab(field, points, where, light[alive], samples)
        colour[alive] += added
        light[alive] = remaining
        alive = alive[remaining > _OPAQUE]
    return colour, light


def _slab(field: Field, points: Tensor, where: Occupied | None, light: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """What the next n samples (A, n, 3) of A rays add, and the transmittance (A,) behind them."""
    flat = points.view(-1, 3)
    asked = torch.nonzero(where.at(flat))[:, 0] if where else torch.arange(len(flat), device=flat.device)
    alpha, colour = flat.new_zeros(len(flat)), torch.zeros_like(flat)
    if len(asked):
        density, seen = field.density_and_colour(flat[asked])
        alpha[asked], colour[asked] = 1 - torch.exp(-density / samples), seen
    alpha = alpha.view(points.shape[:2])
    behind = torch.cumprod(1 - alpha, dim=1)
    before = torch.cat([torch.ones_like(light)[:, None], behind[:, :-1]], dim=1)
    weights = light[:, None] * before * alpha
    return (weights[..., None] * colour.view(points.shape)).sum(dim=1), light * behind[:, -1]


def _interval(origins: Tensor, directions: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave the box (slab test, Kay and Kajiya 1986); never before the origin."""
    safe = torch.where(directions.abs() < 1e-6, torch.full_like(directions, 1e-6), directions)
    a, b = (-radius - origins) / safe, (radius - origins) / safe
    return torch.minimum(a, b).amax(dim=1).clamp(min=0), torch.maximum(a, b).amin(dim=1)
