# SPDX-License-Identifier: GPL-3.0-or-later
"""What a renderer wants to know of the surface beside its colour: how much sky each place sees, and how rough it is."""

from __future__ import annotations

import numpy as np

from ..mesh.rendering import depth_and_face, looking_at
from ..mesh.triangles import Mesh
from ..mesh.visibility import visible
from .texels import Texels

_DIRECTIONS = 48
_SIDE = 256
"""Pixels of the picture of the surface from each direction."""
_FAR = 40.0
"""Distance of the looks, in diagonals: so far that all lines of sight are nearly parallel."""
_SLACK = 0.01
"""How far behind the depth buffer is still seen, in diagonals: half a pixel on a steep surface."""

ROUGHNESS = 0.8
"""Of a surface of which nothing else is known: most things that hold still for a capture are rather matt. Photos whose
light was not measured do not tell roughness from pattern, so no map is made up."""


def occlusion(points: np.ndarray, normals: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Share (N,) float64 in [0, 1] of the directions that leave the surface unhindered, weighted by their cosine.

    The object stands on nothing: its ground, which a scene will have its own of, shades nothing.
    """
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    middle, diagonal = (low + high) / 2, float(np.linalg.norm(high - low))
    free, total = np.zeros(len(points)), np.zeros(len(points))
    field_of_view = 2 * np.degrees(np.arctan(0.55 / _FAR))
    for azimuth, elevation in _even_directions(_DIRECTIONS):
        camera = looking_at(middle, azimuth, elevation, _FAR * diagonal, _SIDE, field_of_view)
        direction = (camera.centre - middle) / np.linalg.norm(camera.centre - middle)
        cosine = np.maximum(normals @ direction, 0.0)
        facing = np.nonzero(cosine > 0)[0]
        depth, _ = depth_and_face(mesh, camera)
        seen = visible(points[facing], camera, depth, _SLACK * diagonal)
        total[facing] += cosine[facing]
        free[facing] += cosine[facing] * seen
    return free / np.where(total > 0, total, 1.0)


def occlusion_of(texels: Texels, mesh: Mesh) -> np.ndarray:
    """(N,) uint8: ambient occlusion of ``texels``, 255 where nothing is in the way."""
    return np.round(255 * occlusion(texels.points, texels.normals, mesh)).astype(np.uint8)


def _even_directions(count: int) -> list[tuple[float, float]]:
    """Azimuths and elevations in degrees of ``count`` directions spread evenly (Fibonacci's lattice, Gonzalez 2010)."""
    index = np.arange(count) + 0.5
    azimuth = np.degrees(index * np.pi * (3 - np.sqrt(5))) % 360
    elevation = np.degrees(np.arcsin(1 - 2 * index / count))
    return list(zip(azimuth.tolist(), elevation.tolist(), strict=True))
