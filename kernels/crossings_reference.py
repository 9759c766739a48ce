# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy version of ``crossings``: every pair of triangles is asked."""

from __future__ import annotations

import numpy as np


def crossing(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Whether (M,) each triangle passes through another one that it shares no edge with."""
    crossed = np.zeros(len(faces), bool)
    for i in range(len(faces)):
        for j in range(i + 1, len(faces)):
            if len(set(faces[i]) & set(faces[j])) < 2 and (
                _passes(vertices, faces, i, j) or _passes(vertices, faces, j, i)
            ):
                crossed[[i, j]] = True
    return crossed


def _passes(points: np.ndarray, faces: np.ndarray, i: int, j: int) -> bool:
    """Whether an edge of triangle i that has no corner of triangle j passes through j."""
    triangle = points[faces[j]]
    normal = np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])
    for p, q in zip(faces[i], np.roll(faces[i], -1), strict=True):
        if p in faces[j] or q in faces[j]:
            continue
        before, after = (points[[p, q]] - triangle[0]) @ normal
        if before * after >= 0:
            continue
        at = points[p] + (points[q] - points[p]) * before / (before - after)
        sides = np.einsum("kc,kc->k", np.cross(np.roll(triangle, -1, axis=0) - triangle, at - triangle), [normal] * 3)
        if (sides > 0).all():
            return True
    return False
