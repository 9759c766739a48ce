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


def without_broken(mesh: Mesh) -> Mesh:
    """``mesh`` without triangles that are no triangles: a corner that is not a number, or twice the same corner."""
    good = np.isfinite(mesh.vertices).all(axis=1)[mesh.faces].all(axis=1)
    good &= (mesh.faces != np.roll(mesh.faces, 1, axis=1)).all(axis=1)
    return mesh if good.all() else used_only(Mesh(mesh.vertices, mesh.faces[good], mesh.colours))


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


def sewn(mesh: Mesh) -> Mesh:
    """The mesh with vertices and edges at which it touches itself split, so that an edge lies between two faces.

    Where four faces meet at an edge, each is joined with the one on the other side of the solid between them (cutting
    and stitching, Guéziec et al. 2001). Where both pairs keep the same two ends, as at the waist of a ring that was
    drawn together, one pair gets a vertex in its middle and two faces more. Nothing moves. Faces with a repeated
    corner go. A real hole stays one.
    """
    corners = mesh.faces
    faces = corners[(corners != np.roll(corners, 1, axis=1)).all(axis=1)]
    if not len(faces):
        return Mesh(mesh.vertices, faces, mesh.colours)
    one, other = _joined_half_edges(mesh.vertices, faces)
    parted = _unglued(Mesh(mesh.vertices, faces, mesh.colours), one, other)
    twice = _second_pairs(parted.faces, one, other)
    return _halved(parted, one[twice], other[twice]) if len(twice) else parted


def _unglued(mesh: Mesh, one: np.ndarray, other: np.ndarray) -> Mesh:
    """The mesh with a vertex for every fan of faces that joined half edges ``one``, ``other`` (P,) hold together."""
    faces = mesh.faces
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    # A half edge h runs from corner h to the face's next; two that are joined run against each other.
    ahead = following(np.arange(faces.size))
    rows, columns = np.concatenate([one, ahead[one]]), np.concatenate([ahead[other], other])
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(faces.size,) * 2)
    count, label = connected_components(graph, directed=False)
    source = np.zeros(count, np.int64)
    source[label] = faces.ravel()
    colours = mesh.colours[source] if len(mesh.colours) else mesh.colours
    return Mesh(mesh.vertices[source], label.reshape(-1, 3).astype(np.int32), colours)


def _second_pairs(faces: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which (K,) of the joined half edges have the same two ends as joined ones before them."""
    start, end = faces.ravel()[one].astype(np.int64), faces.ravel()[other].astype(np.int64)
    ends = np.minimum(start, end) * (int(faces.max()) + 1) + np.maximum(start, end)
    first = np.unique(ends, return_index=True)[1]
    return np.setdiff1d(np.arange(len(ends)), first)


def _halved(mesh: Mesh, one: np.ndarray, other: np.ndarray) -> Mesh:
    """The mesh with a vertex in the middle of every joined pair of half edges (K,), (K,): few, so one by one."""
    faces = [tuple(int(v) for v in face) for face in mesh.faces]
    start, end = mesh.faces.ravel()[one], mesh.faces.ravel()[other]
    middles = (mesh.vertices[start] + mesh.vertices[end]) / 2
    pieces: dict[int, list[tuple[int, ...]]] = {}
    for k in range(len(one)):
        middle = len(mesh.vertices) + k
        for half, a, b in ((one[k], start[k], end[k]), (other[k], end[k], start[k])):
            whole = int(half) // 3
            parts = pieces.setdefault(whole, [faces[whole]])
            at = next(i for i, f in enumerate(parts) if (a, b) in zip(f, (*f[1:], f[0]), strict=True))
            cut = parts.pop(at)
            parts += [tuple(middle if v == old else v for v in cut) for old in (b, a)]
    kept = np.delete(mesh.faces, list(pieces), axis=0)
    added = np.array([f for parts in pieces.values() for f in parts], np.int32).reshape(-1, 3)
    colours = np.concatenate([mesh.colours, mesh.colours[start]]) if len(mesh.colours) else mesh.colours
    return Mesh(np.concatenate([mesh.vertices, middles]), np.concatenate([kept, added]), colours)


def following(half_edges: np.ndarray) -> np.ndarray:
    """The half edge after each of ``half_edges``, three a face, in its face."""
    return half_edges // 3 * 3 + (half_edges % 3 + 1) % 3


def _joined_half_edges(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of half edges (P,), (P,) that are joined; half edge 3 f + k runs from corner k of face f to the next."""
    start = faces.ravel().astype(np.int64)
    end = start[following(np.arange(len(start)))]
    low, high = np.minimum(start, end), np.maximum(start, end)
    order = np.lexsort((start > end, high, low))
    first = np.flatnonzero(np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)])
    size = np.diff(np.r_[first, len(order)])
    plain = first[size == 2]
    plain = plain[start[order[plain]] != start[order[plain + 1]]]
    one, other = [order[plain]], [order[plain + 1]]
    for at, count in zip(first[size > 2], size[size > 2], strict=True):
        pairs = _through_solid(vertices, faces, order[at : at + count], start)
        one.append(pairs[:, 0])
        other.append(pairs[:, 1])
    return np.concatenate(one), np.concatenate(other)


def _through_solid(vertices: np.ndarray, faces: np.ndarray, half: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Pairs (P, 2) of the half edges ``half`` of one edge whose faces bound the same piece of solid."""
    forward = start[half] == start[half[0]]
    a, b = vertices[start[half[0]]], vertices[start[following(half[:1])[0]]]
    axis = (b - a) / max(float(np.linalg.norm(b - a)), 1e-30)
    across = vertices[faces.ravel()[following(following(half))]] - a
    across -= (across @ axis)[:, None] * axis
    right = across[0]
    angle = np.arctan2(across @ np.cross(axis, right), across @ right)
    pairs, free = [], set(np.flatnonzero(~forward))
    for i in np.flatnonzero(forward):
        if not free:
            break
        # The solid lies against the turn of the normal: the next face that way closes it.
        nearest = min(free, key=lambda j, i=i: (angle[i] - angle[j]) % (2 * np.pi))  # type: ignore[misc]
        free.discard(nearest)
        pairs.append((half[i], half[nearest]))
    return np.array(pairs, np.int64).reshape(-1, 2)
