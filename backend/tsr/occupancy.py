# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a field is not empty: what rays pass over.

Found coarse to fine where the field lies on the CPU, so that it fits closely; on CUDA asking everywhere is quicker.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import grid
from .field import Field

EMPTY = 1e-2
"""Density of what is passed over: 128 such samples cover less than one per cent."""

_SIDE, _SIDE_ASKED_EVERYWHERE = 256, 128
_BLOCK = 4
"""Cells a side of a block, by which rays are led quickly through what is empty."""


@dataclass(frozen=True)
class Occupied:
    """``cells`` (G, G, G) bool over the box [-radius, radius]^3, x, y, z: where density may be worth asking for."""

    cells: Tensor
    radius: float

    def at(self, points: Tensor) -> Tensor:
        """(N,) whether the cells of the (N, 3) ``points`` are occupied."""
        side = len(self.cells)
        index = ((points / self.radius + 1.0) * (side / 2)).long().clamp_(0, side - 1)
        return self.cells[index[:, 0], index[:, 1], index[:, 2]]

    @functools.cached_property
    def lattices(self) -> tuple[np.ndarray, np.ndarray]:
        """The cells and, where they can be parted so, blocks of them that have one occupied, bool."""
        cells = self.cells.cpu().numpy()
        side = len(cells) // _BLOCK
        if side * _BLOCK != len(cells):
            return cells, cells
        blocks = np.asarray(cells.reshape(side, _BLOCK, side, _BLOCK, side, _BLOCK).any(axis=(1, 3, 5)))
        return cells, blocks


def occupied(field: Field, side: int = 0) -> Occupied:
    """Cells of ``field`` with a corner denser than ``EMPTY``, and those around them; ``side`` 0: as fine as pays."""
    device = field.planes.device
    if device.type == "cpu":
        dense = _coarse_to_fine(field, side or _SIDE)
    else:
        dense = _everywhere(field, side or _SIDE_ASKED_EVERYWHERE)
    for axis in range(3):
        # A cell has 2 corners along an axis; with one ring of cells around it, 4.
        wide = np.pad(dense, [(1, 1) if a == axis else (0, 0) for a in range(3)])
        parts = [wide[(slice(None),) * axis + (slice(k, k + dense.shape[axis] - 1),)] for k in range(4)]
        dense = parts[0] | parts[1] | parts[2] | parts[3]
    return Occupied(torch.from_numpy(dense).to(device), field.radius)


def _coarse_to_fine(field: Field, side: int) -> np.ndarray:
    def ask(points: np.ndarray) -> np.ndarray:
        return (field.raw(torch.from_numpy(points))[:, 0] + field.density_bias).numpy()

    return grid.above(ask, field.radius, side, float(np.log(EMPTY)))


def _everywhere(field: Field, side: int) -> np.ndarray:
    along = torch.linspace(-field.radius, field.radius, side + 1, device=field.planes.device)
    dense = field.density(torch.cartesian_prod(along, along, along)) > EMPTY
    return dense.view(side + 1, side + 1, side + 1).cpu().numpy()
