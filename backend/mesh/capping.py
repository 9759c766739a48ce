# SPDX-License-Identifier: GPL-3.0-or-later
"""The side no camera looked at, cut flat: where an object stood, silhouettes leave a spike that nothing speaks for.

Rays that graze the rim of an object's base meet somewhere behind it, and the visual hull fills that cone. Things stand
on flat bases, so the cone is cut off where the last that was seen ends, and what is left is a flat cap.
"""

from __future__ import annotations

import numpy as np

from .cleaning import parts_of
from .triangles import Mesh, face_vectors

_LEAST_AREA = 0.02
"""Share of the surface that must be unseen in one piece."""

_ONE_WAY = 0.3
"""Least length of the piece's summed normals over their sum of lengths: less and it goes around the object."""

_SEEN = 0.999
"""Share of the seen vertices that the cut must leave alone: single ones are seen by mistake."""


def unseen_cap(mesh: Mesh, seen: np.ndarray, least: float) -> np.ndarray | None:
    """The plane (4,), unit normal n and distance d, beyond which, at n x > d, nothing was ``seen`` (N,) bool.

    It is laid across the largest unseen piece of ``mesh``: the vector area of a piece is that of its rim, whatever its
    shape. None where there is no such piece or it reaches less than ``least`` beyond the plane.
    """
    vectors = face_vectors(mesh.vertices, mesh.faces)
    hidden = np.flatnonzero(~seen[mesh.faces].any(axis=1))
    if not len(hidden) or not seen.any():
        return None
    part = parts_of(mesh.faces[hidden])
    areas = np.linalg.norm(vectors, axis=1)
    each = np.bincount(part, areas[hidden])
    piece = hidden[part == each.argmax()]
    total = vectors[piece].sum(axis=0)
    length = float(np.linalg.norm(total))
    if each.max() < _LEAST_AREA * areas.sum() or length < _ONE_WAY * each.max():
        return None
    heights = mesh.vertices @ (total / length)
    last = float(np.quantile(heights[seen], _SEEN))
    return np.array([*(total / length), last]) if heights.max() > last + least else None


def put_inside(points: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """``points`` (N, 3), those beyond one of ``planes`` (P, 4) moved straight back onto it."""
    moved = points.copy()
    for plane in planes:
        moved -= np.maximum(moved @ plane[:3] - plane[3], 0.0)[:, None] * plane[:3]
    return moved


def inside_plane(points: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """How far (...,) float32 ``points`` (..., 3) lie inside ``plane`` (4,)."""
    return (plane[3] - points @ plane[:3]).astype(np.float32)
