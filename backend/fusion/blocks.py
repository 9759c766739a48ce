# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed distance field on sparse blocks, begun as the visual hull's, and its closed surface.

Only blocks near the hull's surface are stored, so that memory grows with the surface; of all others only the side they
lie on is known. The surface is taken from it in bricks and sewn together at the voxel edges its vertices lie on.

Notation: voxel (i, j, k) has its centre at ``origin + step * (i, j, k)``; fields are float32, positive inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels import carving
from ...kernels.fusion import BLOCK
from ..mesh.cleaning import sewn
from ..mesh.hull import Views
from ..mesh.triangles import Mesh

OUTSIDE, INSIDE = -1, -2
"""What ``index`` holds of a block that is not stored."""

_BRICK = 8
"""Blocks a side of a brick: 64 voxels, a megabyte."""

_TINY = 1e-3
"""Steps: values nearer to zero would put vertices on the voxels themselves and make triangles without area."""


@dataclass
class Blocks:
    """``index`` (A, B, C) int32: a block's place in ``values`` or its side; ``places`` (N, 3) int32 and ``values``
    (N, BLOCK, BLOCK, BLOCK) of the stored ones.
    """

    origin: np.ndarray
    step: float
    index: np.ndarray
    places: np.ndarray
    values: np.ndarray

    @staticmethod
    def around_hull(box: np.ndarray, step: float, views: Views, depth: float) -> Blocks:
        """Blocks over ``box`` (2, 3) that may hold the hull's surface or lie less than ``depth`` inside it."""
        shape = np.ceil((box[1] - box[0]) / step / BLOCK).astype(int) + 1
        origin = box.mean(axis=0) - step * (shape * BLOCK - 1) / 2
        places = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
        centre = _field(origin + step * (places * BLOCK + (BLOCK - 1) / 2), views)
        # A block's corners lie this far from its centre; overruled masks make the field steeper than a distance.
        reach = 2.0 * step * BLOCK * np.sqrt(3.0) / 2.0
        stored = (centre > -reach) & (centre < depth + reach)
        index = np.where(centre > 0, INSIDE, OUTSIDE).astype(np.int32)
        index[stored] = np.arange(stored.sum())
        kept = np.ascontiguousarray(places[stored], np.int32)
        blocks = Blocks(
            origin, step, index.reshape(*shape), kept, np.zeros((len(kept), BLOCK, BLOCK, BLOCK), np.float32)
        )
        blocks.values = _field(blocks.points(), views).reshape(blocks.values.shape)
        return blocks

    def points(self) -> np.ndarray:
        """Centres (N * BLOCK ** 3, 3) of all stored voxels, world."""
        within = np.stack(np.meshgrid(*(np.arange(BLOCK),) * 3, indexing="ij"), axis=-1).reshape(1, -1, 3)
        return (self.origin + self.step * (self.places[:, None] * BLOCK + within)).reshape(-1, 3)

    def gathered(self, values: np.ndarray, first: np.ndarray, count: int, far: float) -> np.ndarray:
        """``values`` of ``count`` blocks a side from block ``first`` on, dense; ``far`` or less if not stored."""
        index = np.full((count,) * 3, OUTSIDE, np.int32)
        low, high = np.maximum(first, 0), np.minimum(first + count, self.index.shape)
        at, to = low - first, high - first
        index[at[0] : to[0], at[1] : to[1], at[2] : to[2]] = self.index[
            low[0] : high[0], low[1] : high[1], low[2] : high[2]
        ]
        dense = np.where(index == INSIDE, far, -far).astype(np.float32)
        dense = np.broadcast_to(dense[..., None, None, None], (*index.shape, BLOCK, BLOCK, BLOCK)).copy()
        dense[index >= 0] = values[index[index >= 0]]
        return dense.transpose(0, 3, 1, 4, 2, 5).reshape((count * BLOCK,) * 3)

    def sampled(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        """``values`` (N,) of the voxels nearest to ``points`` (N, 3), world; 0 where nothing is stored."""
        voxel = np.round((points - self.origin) / self.step).astype(int)
        voxel = np.clip(voxel, 0, np.array(self.index.shape) * BLOCK - 1)
        block = self.index[tuple((voxel // BLOCK).T)]
        within = voxel % BLOCK
        found = values[np.maximum(block, 0), within[:, 0], within[:, 1], within[:, 2]] if len(values) else 0.0
        return np.where(block >= 0, found, 0.0)

    def mesh(self, smoothing: float, far: float) -> Mesh:
        """The surface at zero of the field blurred by ``smoothing`` voxels, cut off at ``far`` world units."""
        vertices, faces, keys, count = [], [], [], 0
        for first in self._bricks():
            found = self._brick_surface(first, smoothing, far)
            if found is None:
                continue
            points, triangles = found
            points += first * BLOCK
            vertices.append(points)
            faces.append(triangles + count)
            keys.append(_edges(points, np.array(self.index.shape) * BLOCK + 2))
            count += len(points)
        if not count:
            return Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
        _, kept, same = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
        joined = same.ravel()[np.concatenate(faces)]
        points = np.concatenate(vertices)[kept]
        return sewn(Mesh(self.origin + self.step * points, np.ascontiguousarray(joined, np.int32)))

    def _bricks(self) -> list[np.ndarray]:
        """First blocks of the bricks that hold something stored; one block beyond the grid, where all is outside."""
        # A cube reaches one voxel into the next block, so that the brick before a block may need it as well.
        corners = np.stack(np.meshgrid((0, 1), (0, 1), (0, 1), indexing="ij"), axis=-1).reshape(-1, 1, 3)
        bricks = np.unique(((self.places[None] + corners) // _BRICK).reshape(-1, 3), axis=0)
        return [b.astype(int) * _BRICK - 1 for b in bricks]

    def _brick_surface(self, first: np.ndarray, smoothing: float, far: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Vertices (V, 3) in voxels of the brick and faces (F, 3), or None."""
        from scipy import ndimage
        from skimage import measure

        dense = np.clip(self.gathered(self.values, first - 1, _BRICK + 2, far), -far, far)
        if smoothing > 0:
            dense = ndimage.gaussian_filter(dense, smoothing, mode="nearest")
        end = BLOCK + BLOCK * _BRICK + 1
        dense = dense[BLOCK:end, BLOCK:end, BLOCK:end]
        tiny = np.float32(_TINY * self.step)
        dense = np.where(np.abs(dense) < tiny, -tiny, dense)
        if dense.min() > 0 or dense.max() < 0:
            return None
        vertices, faces, _, _ = measure.marching_cubes(dense, 0.0, allow_degenerate=True, gradient_direction="ascent")
        return vertices.astype(np.float64), faces.astype(np.int64)


def _field(points: np.ndarray, views: Views) -> np.ndarray:
    """The hull's field (N,) float32 at ``points``."""
    out = np.zeros(len(points), np.float32)
    carving.carve_points(np.ascontiguousarray(points), *views.arguments(), out)
    return out


def _edges(points: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """A number (N,) for the voxel edge that each vertex (N, 3), in voxels, lies on: the same in every brick."""
    nearest = np.round(points)
    axis = np.abs(points - nearest).argmax(axis=1)
    corner = nearest.astype(np.int64)
    rows = np.arange(len(points))
    corner[rows, axis] = np.floor(points[rows, axis])
    corner += 2 * BLOCK
    width = shape.astype(np.int64) + 4 * BLOCK
    return ((corner[:, 0] * width[1] + corner[:, 1]) * width[2] + corner[:, 2]) * 3 + axis
