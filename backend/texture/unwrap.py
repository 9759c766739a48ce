# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture coordinates: charts that xatlas cuts where the surface bends, packed into one square by ``packing``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.triangles import Mesh
from .packing import pack

_PADDING = 2
"""Texels between charts at the size packed for: bilinear sampling and a mip level or two stay within a chart."""


@dataclass(frozen=True)
class Unwrapped:
    """``source`` (N,) int64: the mesh's vertex that each of the N new ones is a copy of; ``faces`` (M, 3) int32 of new
    vertices, in the mesh's order; ``uvs`` (N, 2) float32 in [0, 1]; ``charts``; ``used``: share of the square covered.
    """

    source: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray
    charts: int
    used: float


def unwrap(mesh: Mesh, size: int) -> Unwrapped:
    """Cut and pack ``mesh`` for a square texture of ``size`` texels.

    Raises ``ValueError`` for a mesh without faces.
    """
    import xatlas

    if not len(mesh.faces):
        raise ValueError("expected a mesh with faces to unwrap, got none")
    # xatlas judges lengths absolutely in places; a body about one unit large is what it is made for.
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    positions = ((mesh.vertices - low) / max(float((high - low).max()), 1e-12)).astype(np.float32)
    atlas = xatlas.Atlas()
    atlas.add_mesh(positions, mesh.faces.astype(np.uint32))
    charts, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    charts.max_iterations = 2
    packing.resolution, packing.padding = size, _PADDING
    packing.bilinear, packing.bruteForce, packing.create_image = True, False, False
    atlas.generate(chart_options=charts, pack_options=packing)
    source, faces, uvs = atlas[0]
    # xatlas's own packing is kept for a surface whose charts are too many or too thin for the denser one.
    denser = pack(uvs * np.array([atlas.width, atlas.height], np.float64), faces.astype(np.int64))
    uvs = (uvs if denser is None else denser).astype(np.float32)
    return Unwrapped(source.astype(np.int64), faces.astype(np.int32), uvs, atlas.chart_count, _covered(uvs, faces))


def _covered(uvs: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (uvs[faces[:, k]].astype(np.float64) for k in range(3))
    return float(np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2)
