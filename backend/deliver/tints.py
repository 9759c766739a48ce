# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours of a texture as colours of vertices, for programs that know no textures.

The colour of one texel says little of the triangles around it. Here the colours are those whose interpolation over the
triangles is nearest to the texture, in the sense of least squares over all texels (Kavan et al. 2011, eq. 3, without
their smoothness term: a little of each vertex's own texel holds what no texel tells).
"""

from __future__ import annotations

import cv2
import numpy as np

from ...kernels.depth_raster import rasterise
from ..mesh.textured import TexturedMesh

_TEXELS_A_FACE = 8.0
"""More tell nothing more of three colours, and cost time."""

_HELD = 0.05
"""Texels that a vertex's own one counts."""


def vertex_colours(mesh: TexturedMesh, index: np.ndarray, count: int) -> np.ndarray:
    """(``count``, 3) uint8 of the joined vertices; ``index`` (N,) says which one each vertex of ``mesh`` is."""
    from scipy.sparse import coo_matrix, identity
    from scipy.sparse.linalg import cg

    side = int(min(len(mesh.colour), max(16, np.sqrt(_TEXELS_A_FACE * max(len(mesh.faces), 1) / 0.6))))
    picture = cv2.resize(mesh.colour, (side, side), interpolation=cv2.INTER_AREA).astype(np.float64)
    rows, columns, face, weights = _covered(mesh, side)
    corners = index[mesh.faces[face]]
    texel = np.repeat(np.arange(len(face)), 3)
    shares = coo_matrix((weights.ravel(), (texel, corners.ravel())), (len(face), count)).tocsr()
    own = np.zeros((count, 3))
    column, row = np.clip((mesh.uvs * side).astype(int), 0, side - 1).T
    own[index] = picture[row, column]
    system = (shares.T @ shares + _HELD * identity(count)).tocsr()
    target = shares.T @ picture[rows, columns] + _HELD * own
    found = np.stack([cg(system, target[:, k], own[:, k], rtol=1e-4, maxiter=100)[0] for k in range(3)], axis=1)
    return np.clip(np.round(found), 0, 255).astype(np.uint8)


def _covered(mesh: TexturedMesh, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and faces (T,) of the texels in a triangle of the atlas, and their weights (T, 3) in it."""
    places = mesh.uvs.astype(np.float64) * side
    depth, face = np.zeros((side, side), np.float32), np.zeros((side, side), np.int32)
    rasterise(places, np.ones(len(places)), np.ascontiguousarray(mesh.faces, np.int32), depth, face)
    rows, columns = np.nonzero(face >= 0)
    face = face[rows, columns]
    a, b, c = (places[mesh.faces[face, k]] for k in range(3))
    centre = np.stack([columns, rows], axis=1) + 0.5
    p, q, r = b - a, c - a, centre - a
    area = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    second = (r[:, 0] * q[:, 1] - r[:, 1] * q[:, 0]) / area
    third = (p[:, 0] * r[:, 1] - p[:, 1] * r[:, 0]) / area
    return rows, columns, face, np.stack([1 - second - third, second, third], axis=1)
