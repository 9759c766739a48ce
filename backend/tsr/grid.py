# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a field on a fine lattice, asked for only near the level: coarse to fine.

The number of points asked grows with the surface, n^2, not with the volume, n^3: a coarse lattice is asked everywhere,
then each finer one only at the corners of cells that the level crosses. Cells whose crossing the coarser lattice does
not foretell are found by following the surface from those that it does.

Notation: a lattice of n cells a side has (n + 1)^3 corners, ``indexing="ij"``, from -radius to radius along x, y, z; a
cell is named by its lowest corner. A part of the surface smaller than a coarse cell can be missed.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Ask = Callable[[np.ndarray], np.ndarray]
"""(N, 3) float32 points in the box -> (N,) float32 values."""

COARSE = 64
_CORNERS = np.stack(np.meshgrid(*[(0, 1)] * 3, indexing="ij"), axis=-1).reshape(8, 3)
_ALL = 255


def _face_bits(axis: int, end: int) -> int:
    """The bits of the four corners of a cell's face."""
    return sum(1 << k for k, corner in enumerate(_CORNERS) if corner[axis] == end)


_FACES = [(axis, end, _face_bits(axis, end)) for axis in range(3) for end in (0, 1)]


@dataclass
class Lattice:
    """``values`` (n + 1)^3 float32, right where ``known``; ``cells`` (M, 3) int64: those that the level crosses.

    ``corners`` (K,) int64 are the known ones' places in ``values.ravel()``. The arrays are begun as zeros and touched
    near the level alone, so that most of their memory is never really taken. ``asked``: points, with those asked for
    the coarser lattices before.
    """

    values: np.ndarray
    known: np.ndarray
    cells: np.ndarray
    corners: np.ndarray
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


def above(ask: Ask, radius: float, side: int, level: float) -> np.ndarray:
    """(n + 1)^3 bool: corners whose value is above the level; far from it as the coarser lattice has them."""
    lattice = everywhere(ask, radius, min(side, COARSE), level)
    over = lattice.values > level
    while lattice.side < side:
        lattice = refined(ask, radius, lattice, level)
        for axis in range(3):
            over = np.repeat(over, 2, axis=axis)[(slice(None),) * axis + (slice(lattice.side + 1),)]
        over = np.ascontiguousarray(over)
        over.ravel()[lattice.corners] = lattice.values.ravel()[lattice.corners] > level
    return over


def everywhere(ask: Ask, radius: float, side: int, level: float) -> Lattice:
    """The lattice of ``side`` cells, asked at each corner."""
    along = np.arange(side + 1)
    corners = np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1).reshape(-1, 3)
    values = ask(places(corners, radius, side)).reshape([side + 1] * 3)
    every_cell = corners[(corners < side).all(axis=1)]
    crossed = _crosses(_signs(values, every_cell, level), _ALL)
    return Lattice(values, np.ones(values.shape, bool), every_cell[crossed], np.arange(values.size), values.size)


def refined(ask: Ask, radius: float, coarse: Lattice, level: float) -> Lattice:
    """The lattice of half the step, asked near the level alone."""
    side = 2 * coarse.side
    values, known, seen = _untouched(side + 1, np.float32), _untouched(side + 1, np.bool_), _untouched(side, np.bool_)
    near = np.unique(_corners_of(coarse.cells, coarse.values))
    corners = [np.ravel_multi_index(tuple(2 * np.stack(np.unravel_index(near, coarse.values.shape))), values.shape)]
    values.ravel()[corners[0]], known.ravel()[corners[0]] = coarse.values.ravel()[near], True
    crossed = []
    cells = _foretold(coarse, level)
    seen[tuple(cells.T)] = True
    while len(cells):
        unknown = _unknown_corners(cells, values, known)
        values.ravel()[unknown] = ask(places(np.stack(np.unravel_index(unknown, values.shape), axis=1), radius, side))
        known.ravel()[unknown] = True
        corners.append(unknown)
        signs = _signs(values, cells, level)
        found = _crosses(signs, _ALL)
        crossed.append(cells[found])
        cells = _beyond_faces(cells[found], signs[found], seen)
    everything = np.concatenate([*crossed, np.zeros((0, 3), np.int64)])
    asked = coarse.asked + sum(map(len, corners[1:]))
    return Lattice(values, known, everything, np.concatenate(corners), asked)


def _untouched(side: int, kind: type[np.generic]) -> np.ndarray:
    """Zeros (side, side, side) whose memory is taken in small pages where it is touched.

    numpy asks for pages of 2 MB, of which one value zeroes all: that took half of the time of a mesh of 512 cells.
    """
    memory = mmap.mmap(-1, side**3 * np.dtype(kind).itemsize)
    return np.frombuffer(memory, kind).reshape(side, side, side)


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


def _signs(values: np.ndarray, cells: np.ndarray, level: float) -> np.ndarray:
    """(N,) uint8: bit k tells whether corner k of the (N, 3) ``cells`` is above the level."""
    lowest = np.ravel_multi_index(tuple(cells.T), values.shape)
    signs = np.zeros(len(cells), np.uint8)
    for k, corner in enumerate(_CORNERS):
        there = values.ravel()[lowest + np.ravel_multi_index(tuple(corner), values.shape)]
        signs |= (there > level).astype(np.uint8) << np.uint8(k)
    return signs


def _crosses(signs: np.ndarray, corners: int) -> np.ndarray:
    """(N,) whether ``corners``, bits, lie on both sides of the level."""
    those = signs & np.uint8(corners)
    return (those != 0) & (those != corners)


def _corners_of(cells: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Places (8 N,) in ``lattice.ravel()`` of the corners of the (N, 3) ``cells``."""
    lowest = np.ravel_multi_index(tuple(cells.T), lattice.shape)
    return np.concatenate([lowest + np.ravel_multi_index(tuple(c), lattice.shape) for c in _CORNERS])


def _unknown_corners(cells: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The cells' corners (K,) that are not known, each once; ``values`` are used up there."""
    every = _corners_of(cells, known)
    every = every[~known.ravel()[every]]
    # Each writes its number to its place; of those that share one the last one's stays. Sorting takes far longer.
    numbers, marks = np.arange(len(every), dtype=np.int32), values.view(np.int32).ravel()
    marks[every] = numbers
    return every[marks[every] == numbers]


def _beyond_faces(cells: np.ndarray, signs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Cells behind a face that the level crosses: it crosses them too. Marked as ``seen``, those seen left out."""
    found = []
    for axis, end, bits in _FACES:
        around = cells[_crosses(signs, bits)]
        around[:, axis] += 2 * end - 1
        around = around[(around[:, axis] >= 0) & (around[:, axis] < len(seen))]
        around = around[~seen[tuple(around.T)]]
        seen[tuple(around.T)] = True
        found.append(around)
    return np.concatenate(found)
