# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-intersections of a mesh: found by cells of space, taken out by smoothing where they are.

Marching cubes makes none; collapsing edges may push one sheet through another. Notation as in ``triangles.py``.
"""

from __future__ import annotations

import numpy as np

from ...kernels import crossings
from .triangles import Mesh, edge_length

_CELL = 2.0
"""Edge of a cell in mean edges of the mesh."""

_MOST_CELLS = 128
"""Cells along an axis at most: a triangle as large as the whole mesh among small ones must not fill the memory."""

_ROUNDS = 12
"""Times that crossing triangles are smoothed."""


def crossed_faces(mesh: Mesh) -> np.ndarray:
    """Whether (M,) each face passes through another one of the mesh."""
    found = np.zeros(len(mesh.faces), np.uint8)
    if len(mesh.faces) > 1:
        members, starts = _cells(mesh)
        vertices, faces = np.ascontiguousarray(mesh.vertices, np.float64), np.ascontiguousarray(mesh.faces, np.int32)
        crossings.crossing(vertices, faces, members, starts, found)
    return found.astype(bool)


def untangled(mesh: Mesh) -> tuple[Mesh, int]:
    """The mesh with crossing faces drawn to the mean of what surrounds them, and how many still cross."""
    crossed = crossed_faces(mesh)
    if not crossed.any():
        return mesh, 0
    vertices, best = mesh.vertices.copy(), (int(crossed.sum()), mesh.vertices)
    ends = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    degree = np.maximum(np.bincount(ends.ravel(), minlength=len(vertices)), 1)
    for number in range(_ROUNDS):
        moved = np.unique(mesh.faces[crossed])
        if number >= _ROUNDS // 3:  # what stays needs room around it
            moved = np.unique(mesh.faces[np.isin(mesh.faces, moved).any(axis=1)])
        mean = (
            np.stack(
                [
                    np.bincount(ends[:, 0], vertices[ends[:, 1], k], len(vertices))
                    + np.bincount(ends[:, 1], vertices[ends[:, 0], k], len(vertices))
                    for k in range(3)
                ],
                axis=1,
            )
            / degree[:, None]
        )
        vertices[moved] = mean[moved]
        crossed = crossed_faces(Mesh(vertices, mesh.faces))
        best = min(best, (int(crossed.sum()), vertices.copy()), key=lambda b: b[0])
        if not crossed.any():
            break
    return Mesh(best[1], mesh.faces, mesh.colours), best[0]


def _cells(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """``members`` and ``starts`` of the cells that the faces' boxes reach into."""
    extent = float(np.ptp(mesh.vertices, axis=0).max())
    size = max(_CELL * edge_length(mesh.vertices, mesh.faces), extent / _MOST_CELLS, 1e-30)
    corners = (mesh.vertices[mesh.faces] - mesh.vertices.min(axis=0)) / size
    low, high = corners.min(axis=1).astype(np.int64), corners.max(axis=1).astype(np.int64)
    counts = high - low + 1
    total = counts.prod(axis=1)
    face = np.repeat(np.arange(len(mesh.faces)), total)
    within = np.arange(total.sum()) - np.repeat(np.cumsum(total) - total, total)
    nx, ny, nz = counts[face].T
    place = low[face] + np.stack([within // (ny * nz) % nx, within // nz % ny, within % nz], axis=1)
    width = high.max(axis=0) + 1
    key = (place[:, 0] * width[1] + place[:, 1]) * width[2] + place[:, 2]
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
    return face[order].astype(np.int32), np.r_[starts, len(order)].astype(np.int64)
