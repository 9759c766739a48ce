# SPDX-License-Identifier: GPL-3.0-or-later
"""The dense surface's normals as a normal map of the reduced one.

Notation: tangent space is (tangent, bitangent, normal): tangent along growing u, bitangent along falling v (glTF's
convention, v runs down the picture), as MikkTSpace derives them from the texture coordinates of the vertices.
"""

from __future__ import annotations

import numpy as np

from ..mesh.triangles import Mesh, vertex_normals
from .texels import Texels, attributes_of

_NEIGHBOURS = 3


def tangents(vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """(N, 4) float32: unit tangent of each vertex and the sign of its bitangent, cross(normal, tangent) * sign.

    The sum of the faces' tangents at a vertex, made square to its normal (Lengyel 2001).
    """
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    p, q = b - a, c - a
    u, v, w = (uvs[faces[:, k]].astype(np.float64) for k in range(3))
    s, t = v - u, w - u
    area = s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]
    turn = np.where(area < 0, -1.0, 1.0)[:, None]
    along = (p * t[:, 1:] - q * s[:, 1:]) * turn
    down = (q * s[:, :1] - p * t[:, :1]) * turn
    tangent, bitangent = np.zeros_like(vertices, np.float64), np.zeros_like(vertices, np.float64)
    for k in range(3):
        np.add.at(tangent, faces[:, k], along)
        np.add.at(bitangent, faces[:, k], -down)
    tangent -= normals * (tangent * normals).sum(axis=1, keepdims=True)
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    fallback = np.cross(normals, np.where(np.abs(normals[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    tangent = np.where(length > 1e-12, tangent, fallback)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    sign = np.where((np.cross(normals, tangent) * bitangent).sum(axis=1) < 0, -1.0, 1.0)
    return np.concatenate([tangent, sign[:, None]], axis=1).astype(np.float32)


def bake(
    texels: Texels, vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray, uvs: np.ndarray, dense: Mesh
) -> np.ndarray:
    """(N, 3) uint8: the normals of ``dense`` at ``texels`` in the tangent space of the reduced surface.

    A texel looks up the nearest vertices of the dense surface that face its way; the two surfaces lie within less than
    a triangle of each other.
    """
    from scipy.spatial import cKDTree

    directions = vertex_normals(dense.vertices, dense.faces)
    count = min(_NEIGHBOURS, len(directions))
    distance, nearest = cKDTree(dense.vertices).query(texels.points, k=count, workers=-1)
    distance, nearest = distance.reshape(-1, count), nearest.reshape(-1, count)
    found = directions[nearest]
    facing = np.maximum((found * texels.normals[:, None]).sum(axis=2), 0.0)
    detailed = (found * (facing / np.maximum(distance, 1e-9))[..., None]).sum(axis=1)
    length = np.linalg.norm(detailed, axis=1, keepdims=True)
    detailed = np.where(length > 1e-12, detailed / np.maximum(length, 1e-12), texels.normals)
    _, _, frame = attributes_of(tangents(vertices, normals, faces, uvs), faces, uvs, texels.size)
    bitangent = np.cross(texels.normals, frame[:, :3]) * np.sign(frame[:, 3:])
    local = np.stack([(detailed * axis).sum(axis=1) for axis in (frame[:, :3], bitangent, texels.normals)], axis=1)
    local /= np.maximum(np.linalg.norm(local, axis=1, keepdims=True), 1e-12)
    return np.clip(np.round((local + 1.0) * 127.5), 0, 255).astype(np.uint8)
