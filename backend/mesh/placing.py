# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay Gaussians flat on a surface: evenly spread, as wide as the gaps between them, thin along the normal.

Notation: points and unit normals (N, 3), one world; axes (N, 3, 3) hold two tangents and the normal as columns.
"""

from __future__ import annotations

import numpy as np

from ...kernels.neighbours import even_subset, nearest
from .triangles import Mesh, area, sample, vertex_normals

_OVERSAMPLE = 5
"""Candidates a point before thinning."""

_PACKING = 0.53
"""Points times squared radius over area that thinning ``_OVERSAMPLE`` candidates a point leaves, as measured."""

_NEIGHBOURS = 6
"""Neighbours that tell a point's spacing: as many as surround it on an even surface."""

_MOST_STRETCH = 2.0
"""Most by which the wider tangent exceeds the narrower."""


def spread(
    mesh: Mesh, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """About ``count`` points evenly over ``mesh``: points, normals (N, 3), faces (N,), barycentric weights (N, 3)."""
    points, face, weights = sample(mesh.vertices, mesh.faces, _OVERSAMPLE * count, random)
    mixed = random.permutation(len(points))
    points, face, weights = points[mixed], face[mixed], weights[mixed]
    kept = even_subset(points, float(np.sqrt(_PACKING * area(mesh.vertices, mesh.faces) / max(count, 1))))
    points, face, weights = points[kept], face[kept], weights[kept]
    corner_normals = vertex_normals(mesh.vertices, mesh.faces)[mesh.faces[face]]
    normals = np.einsum("nk,nkc->nc", weights, corner_normals)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return points, normals / np.maximum(length, 1e-12), face, weights


def tangents(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit tangents (N, 3) each, right-handed with the normal (Duff et al. 2017)."""
    sign = np.where(normals[:, 2] >= 0, 1.0, -1.0)
    a = -1.0 / (sign + normals[:, 2])
    b = normals[:, 0] * normals[:, 1] * a
    one = np.stack([1 + sign * normals[:, 0] ** 2 * a, sign * b, -sign * normals[:, 0]], axis=1)
    other = np.stack([b, sign + normals[:, 1] ** 2 * a, -normals[:, 1]], axis=1)
    return one, other


def lay(points: np.ndarray, normals: np.ndarray, width: float, thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """Axes (N, 3, 3) and standard deviations (N, 3) of one Gaussian a point.

    ``width`` times the mean distance to the neighbours is the size in the surface, stretched along the direction in
    which they lie farther off; ``thickness`` times that is the size along the normal.
    """
    index, distance = nearest(points, _NEIGHBOURS)
    found = index >= 0
    near = np.where(found, distance, 0.0)
    spacing = near.sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    spacing = np.maximum(spacing, 1e-9)
    first, second = tangents(normals)
    offset = points[np.where(found, index, 0)] - points[:, None]
    u = np.where(found, np.einsum("nkc,nc->nk", offset, first), 0.0)
    v = np.where(found, np.einsum("nkc,nc->nk", offset, second), 0.0)
    angle = 0.5 * np.arctan2(2 * (u * v).sum(1), (u * u - v * v).sum(1))
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    long, short = cosine * first + sine * second, cosine * second - sine * first
    spread_long = ((u * cosine + v * sine) ** 2).sum(axis=1)
    spread_short = ((v * cosine - u * sine) ** 2).sum(axis=1)
    ratio = np.sqrt(spread_long / np.maximum(spread_short, 1e-18))
    stretch = np.sqrt(np.clip(ratio, 1.0, _MOST_STRETCH))
    size = width * spacing
    scales = np.stack([size * stretch, size / stretch, size * thickness], axis=1)
    return np.stack([long, short, normals], axis=2), scales
