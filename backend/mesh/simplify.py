# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer triangles: edges collapsed in the order of the error that their quadrics foretell (Garland and Heckbert 1997,
by the library ``fast-simplification``).
"""

from __future__ import annotations

import numpy as np

from .triangles import Mesh

_AGGRESSIVENESS = (3.0, 7.0, 10.0)
"""The library's, 0 to 10: low keeps silhouettes best, but may stop before the number wanted is reached."""


def simplified(mesh: Mesh, triangles: int) -> Mesh:
    """``mesh`` with at most ``triangles`` triangles, colours taken over from the nearest vertex; as it is if it has no
    more. Raises ``ValueError`` for fewer than four, which no closed surface has.
    """
    if triangles < 4:
        raise ValueError(f"expected at least 4 triangles, got {triangles}")
    if len(mesh.faces) <= triangles:
        return mesh
    import fast_simplification
    from scipy.spatial import cKDTree

    # The library computes in 32 bits: a body about one unit large, around the origin, loses nothing.
    middle, size = mesh.vertices.mean(axis=0), float(np.ptp(mesh.vertices, axis=0).max())
    points = ((mesh.vertices - middle) / size).astype(np.float32)
    for aggressiveness in _AGGRESSIVENESS:
        vertices, faces = fast_simplification.simplify(points, mesh.faces, target_count=triangles, agg=aggressiveness)
        if len(faces) <= triangles:
            break
    vertices = vertices.astype(np.float64) * size + middle
    colours = mesh.colours
    if len(colours):
        colours = colours[cKDTree(mesh.vertices).query(vertices)[1]]
    return Mesh(vertices, faces.astype(np.int32), colours)
