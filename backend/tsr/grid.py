# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a field on a fine lattice, asked for only near the level: coarse to fine.

The number of points asked grows with the surface, n^2, not with the volume, n^3: a coarse lattice is asked everywhere,
then each finer one only at the corners of cells that the level crosses. Cells whose crossing the coarser lattice does
not foretell are found by following the surface from those that it does.

Notation: a lattice of n cells a side has (n + 1)^3 corners, ``indexing="ij"``, from -radius to radius along x, y, z; a
cell is named by its lowest corner. A part of the surface smaller than a coarse cell can be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Ask = Callable[[np.ndarray], np.ndarray]
"""(N, 3) float32 points in the box -> (N,) float32 values."""

COARSE = 64
_CORNERS = np.stack(np.meshgrid(*[(0, 1)] * 3, indexing="ij"), axis=-1).reshape(8, 3)
_FACES = np.concatenate([np.eye(3, dtype=np.int64), -np.eye(3, dtype=np.int64)])


@dataclass
class Lattice:
    """``values`` (n + 1)^3 float32, right where ``known``; ``cells`` (M, 3) int64: those that the level crosses."""

    values: np.ndarray
    known: np.ndarray
    cells: np.ndarray
    asked: int

    @property
    def side(self) -> int:
        """Cells a side."""
        return len(self.values) - 1


def near_level(ask: Ask, radius: float, side: int, level: float) -> Lattice:
    """The lattice of ``side`` cells with values wherever the level is near.

    ``side`` is ``COARSE`` times a power of two, or at most ``COARSE``: then all is asked; else ``ValueError``.
    """
    factor = side // COARSE
    if side < 1 or (side > COARSE and (side % COARSE or factor & (factor - 1))):
        raise ValueError(f"expected a side of {COARSE} times a power of two, or at most {COARSE}, got {side}")
    lattice = everywhere(ask, radius, min(side, COARSE), level)
    while lattice.side < side:
        lattice = refined(ask, radius, lattice, level)
    return lattice


def everywhere(ask: Ask, radius: float, side: int, level: float) -> Lattice:
    """The lattice of ``side`` cells, asked at each corner."""
    along = np.arange(side + 1)
    corners = np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1).reshape(-1, 3)
    values = ask(places(corners, radius, side)).reshape([side + 1] * 3)
    every_cell = corners[(corners < side).all(axis=1)]
    return Lattice(
        values, np.ones(values.shape, bool), every_cell[_crossed(values, every_cell, level)], asked=len(corners)
    )


def refined(ask: Ask, radius: float, coarse: Lattice, level: float) -> Lattice:
    """The lattice of half the step, asked near the level alone."""
    side = 2 * coarse.side
    values = np.full([side + 1] * 3, np.float32(level - 1), np.float32)
    known = np.zeros(values.shape, bool)
    values[::2, ::2, ::2], known[::2, ::2, ::2] = coarse.values, coarse.known
    seen = np.zeros([side] * 3, bool)
    crossed, asked = [], 0
    cells = _foretold(coarse, level)
    while len(cells):
        seen[tuple(cells.T)] = True
        unknown = _unknown_corners(cells, known)
        values[tuple(unknown.T)] = ask(places(unknown, radius, side))
        known[tuple(unknown.T)] = True
        asked += len(unknown)
        found = cells[_crossed(values, cells, level)]
        crossed.append(found)
        cells = _neighbours(found, seen)
    return Lattice(values, known, np.concatenate([*crossed, np.zeros((0, 3), np.int64)]), coarse.asked + asked)


def places(corners: np.ndarray, radius: float, side: int) -> np.ndarray:
    """(N, 3) float32 points in the box of the (N, 3) lattice indices ``corners``."""
    return ((corners * (2.0 / side) - 1.0) * radius).astype(np.float32)


def _foretold(coarse: Lattice, level: float) -> np.ndarray:
    """Cells of half the size in which the coarse cells' trilinear interpolation crosses the level."""
    cells = coarse.cells
    eight = np.stack([coarse.values[tuple((cells + corner).T)] for corner in _CORNERS], axis=1).reshape(-1, 2, 2, 2)
    fine = eight
    for axis in (1, 2, 3):
        low, high = np.split(fine, 2, axis=axis)
        fine = np.concatenate([low, (low + high) / 2, high], axis=axis)
    children = []
    for offset in _CORNERS:
        part = fine[:, *(slice(o, o + 2) for o in offset)].reshape(-1, 8)
        children.append(2 * cells[_spans(part, level)] + offset)
    return np.concatenate(children)


def _spans(eight: np.ndarray, level: float) -> np.ndarray:
    return (eight.min(axis=1) <= level) & (eight.max(axis=1) > level)


def _crossed(values: np.ndarray, cells: np.ndarray, level: float) -> np.ndarray:
    """Which of the (N, 3) ``cells`` have corners on both sides of the level."""
    above = np.zeros(len(cells), np.int8)
    for corner in _CORNERS:
        above += values[tuple((cells + corner).T)] > level
    return (above > 0) & (above < 8)


def _unknown_corners(cells: np.ndarray, known: np.ndarray) -> np.ndarray:
    marked = np.unique(
        np.concatenate([np.ravel_multi_index(tuple((cells + corner).T), known.shape) for corner in _CORNERS])
    )
    return np.stack(np.unravel_index(marked[~known.ravel()[marked]], known.shape), axis=1)


def _neighbours(cells: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Cells that share a face with one of ``cells``, lie in the box and were not looked at yet."""
    around = (cells[:, None] + _FACES).reshape(-1, 3)
    around = around[((around >= 0) & (around < len(seen))).all(axis=1)]
    around = around[~seen[tuple(around.T)]]
    return np.unique(around, axis=0)
