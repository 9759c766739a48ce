# SPDX-License-Identifier: GPL-3.0-or-later
"""A triangle mesh with vertex colours, its file, its normals and points on it.

Notation: vertices (N, 3) float64 in one frame and unit, faces (M, 3) int32, counter-clockwise seen from outside,
colours (N, 3) uint8 sRGB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..ply import read_ply, table, write_ply


def _no_colours() -> np.ndarray:
    return np.zeros((0, 3), np.uint8)


@dataclass
class Mesh:
    """Vertices, faces and, where known, colours (N, 3) uint8; (0, 3) where not."""

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray = field(default_factory=_no_colours)

    def save(self, path: Path, comment: str = "") -> None:
        """Write a PLY with normals, and colours where there are any."""
        normals = vertex_normals(self.vertices, self.faces).astype(np.float32)
        columns = dict(zip(("x", "y", "z"), self.vertices.astype(np.float32).T, strict=True))
        columns |= dict(zip(("nx", "ny", "nz"), normals.T, strict=True))
        if len(self.colours):
            columns |= dict(zip(("red", "green", "blue"), self.colours.T, strict=True))
        write_ply(path, table(columns), self.faces, comment)

    @staticmethod
    def load(path: Path) -> Mesh:
        """Read a PLY that ``save`` or another program wrote; normals are computed anew where they are needed."""
        rows, faces = read_ply(path)
        vertices = np.stack([rows["x"], rows["y"], rows["z"]], axis=1).astype(np.float64)
        if "red" not in (rows.dtype.names or ()):
            return Mesh(vertices, faces)
        return Mesh(vertices, faces, np.stack([rows["red"], rows["green"], rows["blue"]], axis=1))

    def transformed(self, similarity: np.ndarray) -> Mesh:
        """The mesh under a similarity (4, 4) that does not mirror."""
        vertices = self.vertices @ similarity[:3, :3].T + similarity[:3, 3]
        return Mesh(vertices, self.faces, self.colours)


def face_vectors(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Outward normals (M, 3) of twice the faces' areas in length."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), the faces' normals weighted by area; (0, 0, 1) at a vertex without a face."""
    vectors = face_vectors(vertices, faces)
    index = faces.ravel()
    total = np.stack(
        [np.bincount(index, np.repeat(vectors[:, k], 3), len(vertices)) for k in range(3)], axis=1
    )  # fmt: skip
    length = np.linalg.norm(total, axis=1)
    flat = length < 1e-30
    total[flat] = (0.0, 0.0, 1.0)
    return total / np.where(flat, 1.0, length)[:, None]


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Volume inside a closed mesh (divergence theorem), positive when faces look outwards."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Area of all faces."""
    return float(np.linalg.norm(face_vectors(vertices, faces), axis=1).sum() / 2.0)


def sample(
    vertices: np.ndarray, faces: np.ndarray, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``count`` points spread over the surface by area, stratified.

    Returns points (count, 3), the face (count,) each lies on and its barycentric weights (count, 3).
    """
    areas = np.linalg.norm(face_vectors(vertices, faces), axis=1)
    edges = np.cumsum(areas)
    if count == 0 or not len(faces) or edges[-1] <= 0:
        return np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros((0, 3))
    # One draw in each of `count` equal shares of the area: less clumped than independent draws at no cost.
    shares = (np.arange(count) + random.random(count)) / count * edges[-1]
    face = np.minimum(np.searchsorted(edges, shares, side="right"), len(faces) - 1)
    root, second = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - root, root * (1 - second), root * second], axis=1)
    return np.einsum("nk,nkc->nc", weights, vertices[faces[face]]), face, weights


def edge_length(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Mean length of an edge; 0 without faces."""
    if not len(faces):
        return 0.0
    return float(np.linalg.norm(vertices[faces[:, 1]] - vertices[faces[:, 0]], axis=1).mean())
