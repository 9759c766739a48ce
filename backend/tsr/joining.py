# SPDX-License-Identifier: GPL-3.0-or-later
"""One field out of the fields of several pictures of the same object.

Each picture's field stands as if its picture had been taken from +x. Turned about z by the azimuth from which the
picture was really taken, the fields agree about where things are; at a point each then counts by how much of it its
picture saw: by the light that is left between the point and its camera, in its own field. What is mixed are the
decoder's outputs, which mean the same in every field. (The predecessors average the codes themselves, unturned.)

Notation: azimuths in degrees, counter-clockwise from above; ``Field`` of ``field.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .field import Field

_SIDE = 48
"""Cells a side of the lattice on which it is known how well a point was seen."""

_LEAST = 0.02
"""What a field counts at a point that its picture did not see."""

_REACH = 1.0 / 1.74
"""Optical depth of a unit of length at density 1: rays were trained in units of their own way through the box."""


@dataclass(frozen=True)
class Part:
    """A field, the ``azimuth`` of its picture, and ``seen`` (1, 1, D, D, D): light left on the way to its camera,
    z, y, x of its own frame.
    """

    field: Field
    azimuth: float
    seen: Tensor


@dataclass(frozen=True)
class Joined(Field):
    """The fields of ``parts`` as one. ``planes`` and ``decoder`` are the first one's."""

    parts: tuple[Part, ...] = ()

    def raw(self, points: Tensor) -> Tensor:
        """(N, 4) at ``points`` (N, 3): the parts' outputs, weighed by how well each one's picture saw the place."""
        total, weight = points.new_zeros((len(points), 4)), points.new_zeros((len(points), 1))
        for part in self.parts:
            own = turned(points, -part.azimuth)
            share = _LEAST + _sampled(part.seen, own / self.radius)[:, None]
            total += share * part.field.raw(own)
            weight += share
        return total / weight


def join(fields: list[Field], azimuths: list[float]) -> Field:
    """The fields as one, in the frame of azimuth 0. Raises ``ValueError`` where their numbers differ, or are 0."""
    if not fields or len(fields) != len(azimuths):
        raise ValueError(f"expected as many azimuths as fields, and one at least, got {len(azimuths)}, {len(fields)}")
    first = fields[0]
    if len(fields) == 1 and azimuths[0] == 0:
        return first
    parts = tuple(Part(f, a, seen_from_x(f)) for f, a in zip(fields, azimuths, strict=True))
    return Joined(first.planes, first.decoder, first.radius, first.density_bias, first.chunk, parts)


def averaged(codes: Tensor) -> Tensor:
    """(K, 3, C, S, S) scene codes -> (3, C, S, S): their mean, whatever side each picture shows."""
    return codes.mean(dim=0)


def turned(points: Tensor, degrees: float) -> Tensor:
    """``points`` (N, 3) turned about z, from x towards y; by quarters exactly."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    cosine, sine = float(torch.cos(angle)), float(torch.sin(angle))
    if degrees % 90 == 0:
        cosine, sine = float(round(cosine)), float(round(sine))
    x, y = points[:, 0], points[:, 1]
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y, points[:, 2]], dim=1)


def seen_from_x(field: Field, side: int = _SIDE) -> Tensor:
    """(1, 1, D, D, D) light that reaches a camera far out on +x, z, y, x: exp(-optical depth), without perspective."""
    step = 2 * field.radius / side
    along = (torch.arange(side, device=field.planes.device) + 0.5) * step - field.radius
    points = torch.cartesian_prod(along, along, along).flip(1)  # z outermost, x innermost
    density = field.density(points).clamp(max=1e4).view(side, side, side)
    behind = density.flip(2).cumsum(dim=2).flip(2) - 0.5 * density
    return torch.exp(-_REACH * step * behind)[None, None]


def _sampled(lattice: Tensor, where: Tensor) -> Tensor:
    """(N,) trilinear samples of a lattice (1, 1, D, D, D) at ``where`` (N, 3) x, y, z in [-1, 1]."""
    grid = where.view(1, 1, 1, -1, 3)
    return functional.grid_sample(lattice, grid, align_corners=False, padding_mode="border").view(-1)
