# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each texel of a texture lies on the surface.

Notation: a texture has T x T texels, row 0 at v = 0 (top, as glTF has it); texel centres at half integers. N texels
are covered by a chart; ``rows`` and ``columns`` (N,) say which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels.depth_raster import interpolate, rasterise


@dataclass(frozen=True)
class Texels:
    """The covered texels: ``rows``, ``columns`` (N,) int32, ``points`` and unit ``normals`` (N, 3) float32, world."""

    size: int
    rows: np.ndarray
    columns: np.ndarray
    points: np.ndarray
    normals: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Spread the texels' ``values`` (N, C) over a picture (T, T, C), zero elsewhere."""
        out = np.zeros((self.size, self.size, values.shape[1]), values.dtype)
        out[self.rows, self.columns] = values
        return out

    def covered(self) -> np.ndarray:
        """(T, T) bool."""
        out = np.zeros((self.size, self.size), bool)
        out[self.rows, self.columns] = True
        return out


def texels_of(vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray, uvs: np.ndarray, size: int) -> Texels:
    """Texels whose centres lie in a triangle of the atlas, with the places and normals interpolated there."""
    values = np.concatenate([vertices, normals], axis=1)
    rows, columns, seen = attributes_of(values, faces, uvs, size)
    directions = seen[:, 3:] / np.maximum(np.linalg.norm(seen[:, 3:], axis=1, keepdims=True), 1e-12)
    return Texels(size, rows, columns, np.ascontiguousarray(seen[:, :3]), np.ascontiguousarray(directions, np.float32))


def attributes_of(
    values: np.ndarray, faces: np.ndarray, uvs: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns (N,) int32 of the covered texels and vertex ``values`` (V, C) interpolated there, float32."""
    pixels = uvs.astype(np.float64) * size
    flat = np.ones(len(pixels))
    faces = np.ascontiguousarray(faces, np.int32)
    depth, face = np.zeros((size, size), np.float32), np.zeros((size, size), np.int32)
    rasterise(pixels, flat, faces, depth, face)
    out = np.zeros((size, size, values.shape[1]), np.float32)
    interpolate(pixels, flat, faces, np.ascontiguousarray(values, np.float32), face, out)
    rows, columns = np.nonzero(face >= 0)
    return rows.astype(np.int32), columns.astype(np.int32), out[rows, columns]
