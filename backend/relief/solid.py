# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed body between a front and a back, cut out by the rays of the silhouette.

It is the level 0 of a function on a lattice of rows, columns and depths in cells, found by marching cubes (Lewiner et
al. 2003, by scikit-image), whose vertices are then moved along their pixels' rays: the silhouette is kept exactly.
"""

from __future__ import annotations

import numpy as np

from .inflate import Inflated
from .viewing import off_plane, rays_of


def inflated_body(grid: Inflated, thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """The symmetric body: vertices (V, 3) (row, column, depth) in cells, faces (F, 3). Raises ``ValueError`` if none.

    ``thickness`` 1 makes a disc a ball.
    """
    most = int(np.ceil(thickness * grid.half.max())) + 2
    depth = np.arange(-most, most + 1)
    values = grid.square[..., None] - (depth / thickness) ** 2
    return _surface(values.astype(np.float32), most)


def fronted_body(grid: Inflated, front: np.ndarray, back: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The body between depths ``front`` and ``back`` (R, C) in cells, walled at the silhouette; as above."""
    most = int(np.ceil(max(np.abs(front).max(), np.abs(back).max()))) + 2
    depth = np.arange(-most, most + 1)
    # Near the contour the root of the square is not smooth, the square itself is nearly a distance.
    wall = grid.square / np.maximum(np.sqrt(np.abs(grid.square)), 1.0)
    values = np.minimum(depth - front[..., None], back[..., None] - depth)
    return _surface(np.minimum(values, wall[..., None]).astype(np.float32), most)


def _surface(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    from skimage.measure import marching_cubes

    vertices, faces, _, _ = marching_cubes(values, 0.0, gradient_direction="ascent")
    vertices = vertices.astype(np.float64) - [0, 0, most]
    # Rows, columns and depth are axes of a right-handed system only in this order: (column, row, depth).
    return vertices, faces[:, ::-1].astype(np.int32)


def in_camera(grid: Inflated, vertices: np.ndarray, K: np.ndarray, middle: np.ndarray, distance: float) -> np.ndarray:
    """``vertices`` (V, 3) (row, column, depth) in cells as points (V, 3), camera axes, the middle at ``distance``."""
    cell = grid.step * distance / K[0, 0]
    rays = rays_of(K, grid.pixels(vertices[:, 0], vertices[:, 1]))
    return off_plane(rays, middle, distance, cell * vertices[:, 2])
