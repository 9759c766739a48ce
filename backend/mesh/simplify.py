# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer triangles: edges collapsed in the order of the error that their quadrics foretell (Garland and Heckbert 1997,
by the library ``fast-simplification``).
"""

from __future__ import annotations

import numpy as np

from .cleaning import is_closed, sewn, used_only
from .triangles import Mesh
from .untangling import untangled

_AGGRESSIVENESS = (3.0, 5.0, 7.0, 9.0)
"""The library's, 0 to 10, in turn: low keeps silhouettes and costs a little time, but may stop before it is there."""

_CORRECTIONS = 3
"""Times a run is repeated with fewer triangles, because cutting apart what touches itself adds some."""

_NEARLY = 1.05
"""Times the wanted triangles up to which fewer are asked for, instead of being less timid."""


def simplified(mesh: Mesh, triangles: int) -> Mesh:
    """``mesh`` with at most ``triangles`` triangles, colours taken over from the nearest vertex; as it is if it has no
    more. A closed mesh stays closed; where no try gets there, the smallest comes back, for the caller to see. Where
    the reduced mesh passes through itself it is smoothed until it does not, or little. Raises ``ValueError`` for fewer
    than four triangles, which no closed surface has.
    """
    if triangles < 4:
        raise ValueError(f"expected at least 4 triangles, got {triangles}")
    if len(mesh.faces) <= triangles:
        return mesh
    mesh = sewn(mesh)
    closed = is_closed(mesh.faces)
    reduced = _reduced(mesh, triangles, closed)
    if reduced is not mesh:
        reduced, _ = untangled(reduced)
    if reduced is not mesh and len(mesh.colours):
        from scipy.spatial import cKDTree

        reduced.colours = mesh.colours[cKDTree(mesh.vertices).query(reduced.vertices)[1]]
    return reduced


def _reduced(mesh: Mesh, triangles: int, closed: bool) -> Mesh:
    """The first try with at most ``triangles`` that is closed where ``closed`` says so; else the smallest that is."""
    best = mesh
    for aggressiveness in _AGGRESSIVENESS:
        wanted = triangles
        for _ in range(_CORRECTIONS):
            reduced = _collapsed(mesh, max(4, wanted), aggressiveness)
            if len(reduced.faces) < len(best.faces) and (not closed or is_closed(reduced.faces)):
                best = reduced
            excess = len(reduced.faces) - triangles
            if len(best.faces) <= triangles:
                return best
            if excess > (_NEARLY - 1) * triangles + 8:
                break
            wanted -= max(2 * excess, 8)
    return best


def _collapsed(mesh: Mesh, triangles: int, aggressiveness: float) -> Mesh:
    """One run of the library, without colours."""
    import fast_simplification

    # The library computes in 32 bits: a body about one unit large, around the origin, loses nothing.
    middle, size = mesh.vertices.mean(axis=0), float(np.ptp(mesh.vertices, axis=0).max())
    points = ((mesh.vertices - middle) / size).astype(np.float32)
    vertices, faces = fast_simplification.simplify(points, mesh.faces, target_count=triangles, agg=aggressiveness)
    # Collapsing may leave two sheets on one edge.
    return sewn(used_only(Mesh(vertices.astype(np.float64) * size + middle, faces.astype(np.int32))))
