# SPDX-License-Identifier: GPL-3.0-or-later
"""One surface from charts that were cut apart, and one without holes or islands for a printer.

Notation: a half-edge is a face's side, from one corner to the next; in a closed surface each has one twin that runs
the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.triangles import Mesh


@dataclass(frozen=True)
class Welded:
    """``vertices`` (V, 3) float64 that are float32 values; ``faces`` (M, 3) int32; ``source`` (V,) and ``index`` (N,)
    int64: a chart vertex of each welded one, and the welded one of each chart vertex.
    """

    vertices: np.ndarray
    faces: np.ndarray
    source: np.ndarray
    index: np.ndarray


def welded(vertices: np.ndarray, faces: np.ndarray) -> Welded:
    """Join the vertices (N, 3) that are one place in 32 bits, as a file stores it; every face stays, in its order."""
    stored = vertices.astype(np.float32)
    _, source, index = np.unique(stored, axis=0, return_index=True, return_inverse=True)
    index = index.reshape(-1)
    # The order of first appearance: neighbours in the file stay neighbours.
    rank = np.argsort(np.argsort(source, kind="stable"), kind="stable")
    source, index = np.sort(source), rank[index]
    return Welded(stored[source].astype(np.float64), index[faces].astype(np.int32), source, index)


def open_edges(faces: np.ndarray) -> np.ndarray:
    """Half-edges (K, 2) of ``faces`` (M, 3) that no twin runs along."""
    starts, ends = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    count = int(faces.max()) + 1 if len(faces) else 1
    forward, codes = np.unique(starts * count + ends, return_counts=True)
    backward, twins = np.unique(ends * count + starts, return_counts=True)
    everything = np.union1d(forward, backward)
    balance = np.zeros(len(everything), np.int64)
    balance[np.searchsorted(everything, forward)] += codes
    balance[np.searchsorted(everything, backward)] -= twins
    alone = np.repeat(everything[balance > 0], balance[balance > 0])
    return np.stack([alone // count, alone % count], axis=1)


def closed(mesh: Mesh) -> tuple[Mesh, int]:
    """``mesh`` without holes, and how many there were: each rim is closed by a fan around its middle.

    Faces that meet a place twice are left out first; they have no area, and their sides cancel each other.
    """
    a, b, c = mesh.faces.T
    faces = mesh.faces[(a != b) & (b != c) & (c != a)]
    rims = open_edges(faces)
    if not len(rims):
        return Mesh(mesh.vertices, faces), 0
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    corners, local = np.unique(rims, return_inverse=True)
    local = local.reshape(rims.shape)
    links = coo_matrix((np.ones(len(rims)), (local[:, 0], local[:, 1])), (len(corners), len(corners)))
    count, part = connected_components(links, directed=False)
    size = np.bincount(part, minlength=count)[:, None]
    middles = np.stack(
        [np.bincount(part, mesh.vertices[corners, k], count) for k in range(3)], axis=1
    ) / size  # fmt: skip
    middle = len(mesh.vertices) + part[local[:, 0]]
    fans = np.stack([rims[:, 1], rims[:, 0], middle], axis=1).astype(np.int32)
    return Mesh(np.concatenate([mesh.vertices, middles]), np.concatenate([faces, fans])), int(count)


def is_closed(faces: np.ndarray) -> bool:
    """Whether each side of a face has exactly one twin, and no edge has more than two faces."""
    starts, ends = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    if not len(faces):
        return False
    count = int(faces.max()) + 1
    forward, times = np.unique(starts * count + ends, return_counts=True)
    return bool((times == 1).all() and np.array_equal(forward, np.unique(ends * count + starts)))
