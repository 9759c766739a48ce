# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mesh must be to be printed, cut or simulated: closed, each edge between two faces that agree on the outside.

Notation: faces (M, 3); a mesh's parts are what hangs together by edges.
"""

from __future__ import annotations

import numpy as np

from .triangles import Mesh, face_vectors


def is_closed(faces: np.ndarray) -> bool:
    """Whether every edge lies between exactly two faces, which run through it in opposite directions."""
    if not len(faces):
        return False
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    if (ends[:, 0] == ends[:, 1]).any():
        return False
    count = int(ends.max()) + 1
    there = ends[:, 0] * count + ends[:, 1]
    back = ends[:, 1] * count + ends[:, 0]
    alone = np.unique(there)
    return len(alone) == len(there) and bool(np.isin(back, alone, assume_unique=True).all())


def parts_of(faces: np.ndarray) -> np.ndarray:
    """The part (M,) int32 each face belongs to, numbered from 0: faces that share a vertex hang together."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(faces):
        return np.zeros(0, np.int32)
    count = int(faces.max()) + 1
    rows, columns = np.concatenate([faces[:, 0], faces[:, 1]]), np.concatenate([faces[:, 1], faces[:, 2]])
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1][faces[:, 0]]
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def without_islands(mesh: Mesh, least_share: float) -> tuple[Mesh, int]:
    """The closed ``mesh`` without parts of a volume below ``least_share`` of the largest part's, and without cavities.

    A cavity is a part that is inside out. Returns it with the number of parts taken away.
    """
    part = parts_of(mesh.faces)
    if not len(part):
        return mesh, 0
    corners = mesh.vertices[mesh.faces]
    six = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    volumes = np.bincount(part, six) / 6.0
    kept = volumes >= least_share * volumes.max()
    kept &= volumes > 0
    return used_only(Mesh(mesh.vertices, mesh.faces[kept[part]], mesh.colours)), int((~kept).sum())


def used_only(mesh: Mesh) -> Mesh:
    """The mesh without vertices that no face uses."""
    used, faces = np.unique(mesh.faces, return_inverse=True)
    colours = mesh.colours[used] if len(mesh.colours) else mesh.colours
    return Mesh(mesh.vertices[used], faces.reshape(-1, 3).astype(np.int32), colours)


def folded_share(mesh: Mesh) -> float:
    """Share of the edges of a closed mesh at which it turns back on itself by more than 150 degrees: a folded or
    overlapping place, where simplification has gone too far.
    """
    normals = face_vectors(mesh.vertices, mesh.faces)
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-30)[:, None]
    ends = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
    face = np.tile(np.arange(len(mesh.faces)), 3)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    pairs = face[order].reshape(-1, 2)
    return float((np.einsum("ij,ij->i", normals[pairs[:, 0]], normals[pairs[:, 1]]) < -0.866).mean())
