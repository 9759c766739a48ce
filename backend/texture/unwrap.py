# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture coordinates: charts that xatlas cuts where the surface bends, packed into one square by ``packing``.

Charts are cut and flattened on a smoothed copy of the surface, since the noise of a reconstruction bends everywhere:
a sample of 50 000 triangles falls into 842 charts as it is and into 85 smoothed, in less time. A texture coordinate
belongs to a vertex and not to a place, so that it holds for the surface as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.triangles import Mesh
from .packing import pack

_PADDING = 2
"""Texels between charts at the size packed for: bilinear sampling and a mip level or two stay within a chart."""


_FACES_A_PASS = 8000
_MOST_PASSES = 6
"""Smoothing reaches some triangles far, which is noise in a fine mesh and shape in a coarse one."""

_COST = 4.0
"""What xatlas lets a chart's growth cost (2 is its own): more charts of a size, of which small ones fill the gaps
between large ones. Measured: 0.70 of the square is used on the duck and 0.68 on the sample, 0.63 and 0.67 without."""

_COARSE = 256
"""Texels a side for which xatlas packs what is packed again anyway: the more, the longer it takes."""


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
    if not len(mesh.faces):
        raise ValueError("expected a mesh with faces to unwrap, got none")
    # xatlas judges lengths absolutely in places; a body about one unit large is what it is made for.
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    positions = smoothed(mesh, min(len(mesh.faces) // _FACES_A_PASS, _MOST_PASSES))
    positions = ((positions - low) / max(float((high - low).max()), 1e-12)).astype(np.float32)
    source, faces, uvs, sides, charts = _charts(positions, mesh.faces, _COARSE)
    denser = pack(uvs * sides, faces.astype(np.int64))
    if denser is None:
        # xatlas's own packing is kept for a surface whose charts are too many or too thin for the denser one.
        source, faces, uvs, _, charts = _charts(positions, mesh.faces, size)
    uvs = (uvs if denser is None else denser).astype(np.float32)
    return Unwrapped(source.astype(np.int64), faces.astype(np.int32), uvs, charts, _covered(uvs, faces))


def _charts(
    positions: np.ndarray, faces: np.ndarray, resolution: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Sources of the new vertices, faces, texture coordinates in [0, 1], the atlas's two sides, how many charts."""
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(positions, faces.astype(np.uint32))
    charts, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    charts.max_iterations, charts.max_cost = 1, _COST
    packing.resolution, packing.padding = resolution, _PADDING
    packing.bilinear, packing.bruteForce, packing.create_image = True, False, False
    atlas.generate(chart_options=charts, pack_options=packing)
    return *atlas[0], np.array([atlas.width, atlas.height], np.float64), atlas.chart_count


def smoothed(mesh: Mesh, passes: int) -> np.ndarray:
    """Vertices (N, 3) float64 moved half way to the mean of their neighbours, ``passes`` times."""
    from scipy.sparse import coo_matrix, diags

    count = len(mesh.vertices)
    ends = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    ends = np.concatenate([ends, ends[:, ::-1]])
    joined = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count)).tocsr()
    around = np.asarray(joined.sum(axis=1)).ravel()
    mean = diags(1.0 / np.maximum(around, 1.0)) @ joined
    places = mesh.vertices.astype(np.float64)
    for _ in range(passes):
        places = np.where(around[:, None] > 0, (places + mean @ places) / 2, places)
    return places


def _covered(uvs: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (uvs[faces[:, k]].astype(np.float64) for k in range(3))
    return float(np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2)
