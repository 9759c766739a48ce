# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels of detail: the delivered surface reduced, with a texture of its own, taken from the full one.

A reduced surface has other charts, so each of its texels looks up the full surface's texels nearest to it in space
that face its way. Its normal map holds what the reduction took away: the dense surface's relief, brought along where
the photos moved the surface while it was textured.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ..mesh.simplify import simplified
from ..mesh.textured import TexturedMesh
from ..mesh.triangles import Mesh, vertex_normals
from ..texture.align import carried
from ..texture.fill import spread_outwards
from ..texture.relief import bake
from ..texture.texels import Texels, texels_of
from ..texture.unwrap import unwrap

_NEIGHBOURS = 4
_SURFACE_SHARE = 4
"""Ambient occlusion changes slowly: its texture is a quarter as large, as the full one's is."""
_LEAST_SIZE = 64

_LEVELS = (4, 16)
"""How many times fewer triangles each level has."""

_LEAST_LEVEL = 400
"""Triangles below which a level of detail is of no use."""


def levels_of(surface: Mesh, tell: Callable[[], None]) -> list[Mesh]:
    """Coarser copies of ``surface``, finest first, each as closed as it is; none where they would be of no use."""
    levels = []
    for divisor in _LEVELS:
        tell()
        wanted = len(surface.faces) // divisor
        if wanted < _LEAST_LEVEL:
            break
        reduced = simplified(surface, wanted)
        if len(reduced.faces) > wanted:
            break
        levels.append(reduced)
    return levels


def brought_along(dense: Mesh, bare: Mesh, full: TexturedMesh) -> Mesh:
    """``dense`` moved as texturing moved ``bare``, whose faces ``full`` has in the same order; one world."""
    vertices = bare.vertices.copy()
    vertices[bare.faces.ravel()] = full.vertices[full.faces.ravel()]
    return Mesh(carried(bare, Mesh(vertices, bare.faces), dense.vertices), dense.faces, dense.colours)


def textured_like(full: TexturedMesh, mesh: Mesh, dense: Mesh, size: int, tell: Callable[[], None]) -> TexturedMesh:
    """``mesh`` with ``size`` x ``size`` texels of the colours of ``full``, and the relief of ``dense``; one world.

    Raises ``ValueError`` for a mesh without faces.
    """
    size = max(_LEAST_SIZE, size)
    unwrapped = unwrap(mesh, size)
    tell()
    vertices = mesh.vertices[unwrapped.source]
    normals = vertex_normals(mesh.vertices, mesh.faces)[unwrapped.source].astype(np.float32)
    shape = (vertices, normals, unwrapped.faces, unwrapped.uvs)
    texels = texels_of(*shape, size)
    colour = _taken_over(full, full.colour, texels)
    tell()
    coarse = texels_of(*shape, max(size // _SURFACE_SHARE, 1))
    surface = _taken_over(full, full.surface, coarse)
    tell()
    baked = bake(texels, vertices, normals, unwrapped.faces, unwrapped.uvs, dense)
    normal = spread_outwards(texels.picture(baked), texels.covered())
    seen = np.full((size, size), 255, np.uint8)
    return TexturedMesh(vertices, unwrapped.faces, normals, unwrapped.uvs, colour, normal, surface, seen)


def _taken_over(full: TexturedMesh, picture: np.ndarray, texels: Texels) -> np.ndarray:
    """``picture`` (T, T, 3) uint8 of ``full`` as a texture for ``texels``."""
    from scipy.spatial import cKDTree

    # One texel of the reduced surface is the mean of those it replaces.
    side = min(texels.size, len(picture))
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    known = texels_of(full.vertices, full.normals, full.faces, full.uvs, side)
    if not len(known) or not len(texels):
        return np.full((texels.size, texels.size, 3), 128, np.uint8)
    count = min(_NEIGHBOURS, len(known))
    distance, nearest = cKDTree(known.points).query(texels.points, k=count, workers=-1)
    distance, nearest = distance.reshape(-1, count), nearest.reshape(-1, count)
    facing = np.maximum((known.normals[nearest] * texels.normals[:, None]).sum(axis=2), 1e-3)
    weight = facing / np.maximum(distance, 1e-9)
    values = small[known.rows, known.columns][nearest].astype(np.float64)
    mean = np.einsum("nk,nkc->nc", weight, values) / weight.sum(axis=1)[:, None]
    return spread_outwards(texels.picture(np.round(mean).astype(np.uint8)), texels.covered())
