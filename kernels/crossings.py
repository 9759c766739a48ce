# SPDX-License-Identifier: GPL-3.0-or-later
"""Which triangles of a mesh pass through others of it.

Two triangles that do not lie in one plane cross where an edge of one passes through the other; that is what is asked,
by signs of volumes. Those that share an edge are never asked, those that share a corner only with the edges opposite
to it. Touching is not crossing.

Notation: ``vertices`` (N, 3) float64, ``faces`` (M, 3) int32. Candidates are triangles listed in the same cell of a
grid: ``members`` (T,) int32 all cells' triangles, cell c those from ``starts[c]`` to ``starts[c + 1]``.
"""

from __future__ import annotations

import numba
import numpy as np

from ._jit import parallel, serial


@serial
def _side(points: np.ndarray, a: int, b: int, c: int, d: int) -> float:
    """Six times the signed volume of the tetrahedron of four vertices."""
    ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    wx, wy, wz = points[d, 0] - points[a, 0], points[d, 1] - points[a, 1], points[d, 2] - points[a, 2]
    return ux * (vy * wz - vz * wy) - uy * (vx * wz - vz * wx) + uz * (vx * wy - vy * wx)


@serial
def _passes(points: np.ndarray, p: int, q: int, a: int, b: int, c: int) -> bool:
    """Whether the edge p q passes through the inside of the triangle a b c."""
    if _side(points, a, b, c, p) * _side(points, a, b, c, q) >= 0.0:
        return False
    one, two, three = _side(points, p, q, a, b), _side(points, p, q, b, c), _side(points, p, q, c, a)
    return (one > 0.0 and two > 0.0 and three > 0.0) or (one < 0.0 and two < 0.0 and three < 0.0)


@serial
def _edges_pass(points: np.ndarray, faces: np.ndarray, i: int, j: int) -> bool:
    """Whether an edge of triangle i that has no corner of triangle j passes through j."""
    a, b, c = faces[j, 0], faces[j, 1], faces[j, 2]
    for k in range(3):
        p, q = faces[i, k], faces[i, (k + 1) % 3]
        if p in (a, b, c) or q in (a, b, c):
            continue
        if _passes(points, p, q, a, b, c):
            return True
    return False


@serial
def _apart(points: np.ndarray, faces: np.ndarray, i: int, j: int) -> bool:
    """Whether two triangles share an edge, or their boxes do not meet."""
    shared = 0
    for k in range(3):
        for m in range(3):
            shared += faces[i, k] == faces[j, m]
    if shared > 1:
        return True
    for axis in range(3):
        x, y, z = points[faces[i, 0], axis], points[faces[i, 1], axis], points[faces[i, 2], axis]
        u, v, w = points[faces[j, 0], axis], points[faces[j, 1], axis], points[faces[j, 2], axis]
        if max(x, y, z) < min(u, v, w) or max(u, v, w) < min(x, y, z):
            return True
    return False


@parallel
def crossing(
    vertices: np.ndarray, faces: np.ndarray, members: np.ndarray, starts: np.ndarray, crossed: np.ndarray
) -> None:
    """Set ``crossed`` (M,) uint8, zeros before, to 1 for triangles that pass through another of one of their cells."""
    for cell in numba.prange(starts.shape[0] - 1):
        for one in range(starts[cell], starts[cell + 1]):
            i = members[one]
            for other in range(one + 1, starts[cell + 1]):
                j = members[other]
                if i == j or (crossed[i] and crossed[j]) or _apart(vertices, faces, i, j):
                    continue
                if _edges_pass(vertices, faces, i, j) or _edges_pass(vertices, faces, j, i):
                    crossed[i] = 1
                    crossed[j] = 1
