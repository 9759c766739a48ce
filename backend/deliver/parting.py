# SPDX-License-Identifier: GPL-3.0-or-later
"""Part a closed surface where it touches itself, so that every edge has two faces and every vertex one fan.

Notation: half-edge 3 f + k runs from corner k of face f to the next; corner 3 f + k is where it starts. Where more than
two faces meet at an edge, each is joined to the one across the body between them, which the normals tell.
"""

from __future__ import annotations

import numpy as np

from ..mesh.triangles import Mesh

_SHIFT = 1e-5
"""Diagonals by which vertices in one place are drawn apart: nothing to a printer, enough to stay apart in 32 bits."""

_ROUNDS = 6


def parted(mesh: Mesh) -> tuple[Mesh, int]:
    """``mesh`` with the vertices doubled at which it touches itself, drawn into their own part of the body.

    ``mesh`` is closed: as many faces run along each edge one way as the other. Returns how many were added.
    """
    if not mesh.faces.size:
        return mesh, 0
    one, other, shared = _twins(mesh)
    label = _fans(one, other, mesh.faces.size)
    for _ in range(_ROUNDS):
        # A fan that passes an edge twice goes around both sides of it; joined the other way it falls in two.
        again = [place for place in shared if _meets_itself(label, one[place])]
        if not again:
            break
        for place in again:
            other[place] = np.roll(other[place], 1)
        label = _fans(one, other, mesh.faces.size)
    corners = mesh.faces.ravel()
    total, first = int(label.max()) + 1, np.unique(label, return_index=True)[1]
    source = corners[first]
    vertices = mesh.vertices[source].copy()
    double = np.bincount(source, minlength=len(mesh.vertices))[source] > 1
    if double.any():
        middles = np.repeat(mesh.vertices[mesh.faces].mean(axis=1), 3, axis=0)
        size = np.bincount(label, minlength=total)[:, None]
        inner = np.stack([np.bincount(label, middles[:, k], total) for k in range(3)], axis=1) / size
        away = inner - vertices
        length = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-30)
        step = _SHIFT * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
        vertices[double] += (away / length * np.minimum(step, 0.5 * length))[double]
    added = total - len(np.unique(corners))
    return Mesh(vertices, label.reshape(-1, 3).astype(np.int32)), int(added)


def _fans(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Which fan each of ``count`` corners belongs to, if the half-edges ``one`` and ``other`` (K,) are joined."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows = np.concatenate([one, _following(one)])
    columns = np.concatenate([_following(other), other])
    links = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), (count, count))
    return connected_components(links, directed=False)[1]


def _following(halves: np.ndarray) -> np.ndarray:
    """The next half-edges of the same faces."""
    return halves // 3 * 3 + (halves + 1) % 3


def _meets_itself(label: np.ndarray, halves: np.ndarray) -> bool:
    """Whether two of ``halves``, all along one edge, still run between the same two fans."""
    ends = np.stack([label[halves], label[_following(halves)]], axis=1)
    return len(np.unique(ends, axis=0)) < len(ends)


def _twins(mesh: Mesh) -> tuple[np.ndarray, np.ndarray, list[slice]]:
    """Pairs of half-edges to be joined, (K,) each, those of one direction in the first; and where, in both, the pairs
    lie that share an edge with others.
    """
    starts = mesh.faces.ravel().astype(np.int64)
    ends = np.roll(mesh.faces, -1, axis=1).ravel().astype(np.int64)
    up = starts < ends
    code = np.where(up, starts, ends) * (len(mesh.vertices) + 1) + np.where(up, ends, starts)
    ahead, back = np.nonzero(up)[0], np.nonzero(~up)[0]
    ahead, back = ahead[np.argsort(code[ahead], kind="stable")], back[np.argsort(code[back], kind="stable")]
    if not np.array_equal(code[ahead], code[back]):
        raise ValueError("expected a closed surface, got one with rims")
    _, begin, times = np.unique(code[ahead], return_index=True, return_counts=True)
    shared = [slice(b, b + n) for b, n in zip(begin[times > 1], times[times > 1], strict=True)]
    for place in shared:
        back[place] = _across(mesh, ahead[place], back[place])
    return ahead, back, shared


def _across(mesh: Mesh, ahead: np.ndarray, back: np.ndarray) -> np.ndarray:
    """``back`` in the order in which its faces lie across the body from those of ``ahead``; all at one edge."""
    corners = mesh.faces.ravel()
    start, end = corners[ahead[0]], corners[_following(ahead[:1])[0]]
    axis = mesh.vertices[end] - mesh.vertices[start]
    axis = axis / max(float(np.linalg.norm(axis)), 1e-30)
    helper = np.eye(3)[int(np.abs(axis).argmin())]
    x = np.cross(axis, helper)
    x /= np.linalg.norm(x)
    y = np.cross(axis, x)

    def angles(halves: np.ndarray) -> np.ndarray:
        opposite = mesh.vertices[corners[halves // 3 * 3 + (halves + 2) % 3]] - mesh.vertices[start]
        return np.arctan2(opposite @ y, opposite @ x)

    # Turning about the edge, the body lies behind a face that runs along it and ahead of one that runs against it.
    gap = (angles(ahead)[:, None] - angles(back)[None]) % (2 * np.pi)
    chosen, free = np.zeros(len(back), np.int64), np.ones(len(back), bool)
    for row in np.argsort(gap.min(axis=1)):
        column = int(np.where(free, gap[row], np.inf).argmin())
        chosen[row], free[column] = back[column], False
    return chosen
