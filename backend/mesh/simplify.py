# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer triangles: edges collapsed in the order of the error that their quadrics foretell (Garland and Heckbert 1997,
by the library ``fast-simplification``).
"""

from __future__ import annotations

import numpy as np

from .cleaning import is_closed, sewn, used_only
from .triangles import Mesh

_TIMID = 3.0
"""The library's aggressiveness, 0 to 10: low keeps silhouettes and costs a little time."""

_TRIES = ((_TIMID, 1.0), (5.0, 1.0), (7.0, 1.0), (_TIMID, 0.95), (5.0, 0.95), (7.0, 0.9))
"""Aggressiveness and share of the wanted triangles, in turn, until a mesh is small enough and a closed
one has stayed closed: a timid run may stop before it is there."""


def simplified(mesh: Mesh, triangles: int) -> Mesh:
    """``mesh`` with at most ``triangles`` triangles, colours taken over from the nearest vertex; as it is if it has no
    more. A closed mesh stays closed: where no try keeps it so, it comes back as it is, for the caller to see.
    Raises ``ValueError`` for fewer than four, which no closed surface has.
    """
    if triangles < 4:
        raise ValueError(f"expected at least 4 triangles, got {triangles}")
    if len(mesh.faces) <= triangles:
        return mesh
    mesh = sewn(mesh)
    closed = is_closed(mesh.faces)
    for aggressiveness, share in _TRIES:
        reduced = _collapsed(mesh, max(4, int(triangles * share)), aggressiveness)
        if len(reduced.faces) <= triangles and (not closed or is_closed(reduced.faces)):
            break
    else:
        return mesh
    if len(mesh.colours):
        from scipy.spatial import cKDTree

        reduced.colours = mesh.colours[cKDTree(mesh.vertices).query(reduced.vertices)[1]]
    return reduced


def _collapsed(mesh: Mesh, triangles: int, aggressiveness: float) -> Mesh:
    """One run of the library, without colours."""
    import fast_simplification

    # The library computes in 32 bits: a body about one unit large, around the origin, loses nothing.
    middle, size = mesh.vertices.mean(axis=0), float(np.ptp(mesh.vertices, axis=0).max())
    points = ((mesh.vertices - middle) / size).astype(np.float32)
    vertices, faces = fast_simplification.simplify(points, mesh.faces, target_count=triangles, agg=aggressiveness)
    # Collapsing may leave two sheets on one edge.
    return sewn(used_only(Mesh(vertices.astype(np.float64) * size + middle, faces.astype(np.int32))))
