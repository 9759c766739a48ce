# SPDX-License-Identifier: GPL-3.0-or-later
"""Dissent of masks over a voxel grid: a soft visual hull that no single bad mask can ruin.

A voxel that is part of the object is covered by the object in every frame that sees it. Its *dissent* is the sum over
frames of the frame's weight times how much its mask denies it; its *seen* is the sum of the weights. A strict hull
(Laurentini 1994) keeps dissent 0; a tolerant one keeps dissent below what bad masks can add up to.

Notation: grids are (X, Y, Z) float32; the centre of voxel (i, j, k) is ``origin + spacing * (i + 0.5, ...)``, world.
``pixel_from_world`` (3, 4) float64 maps world to homogeneous pixels with pixel centres at half integers.
"""

from __future__ import annotations

import numba
import numpy as np

from ._jit import parallel, serial


@serial
def _bilinear(image: np.ndarray, x: float, y: float) -> float:
    height, width = image.shape
    x = min(max(x - 0.5, 0.0), width - 1.0)
    y = min(max(y - 0.5, 0.0), height - 1.0)
    i, j = int(y), int(x)
    down, right = min(i + 1, height - 1), min(j + 1, width - 1)
    fy, fx = y - i, x - j
    top = image[i, j] * (1.0 - fx) + image[i, right] * fx
    bottom = image[down, j] * (1.0 - fx) + image[down, right] * fx
    return top * (1.0 - fy) + bottom * fy


@parallel
def add_votes(
    denial: np.ndarray,
    weight: float,
    pixel_from_world: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    dissent: np.ndarray,
    seen: np.ndarray,
) -> None:
    """Add one frame's votes. Voxels behind the camera or beside its picture get none.

    Args:
        denial: (H, W) float32 in [0, 1], how surely a pixel is not the object.
        weight: >= 0, the frame's confidence.
        pixel_from_world: (3, 4) float64.
        origin: (3,) float64, world, the grid's least corner.
        spacing: edge of a voxel, world.
        dissent: (X, Y, Z) float32, added to.
        seen: (X, Y, Z) float32, added to.

    """
    height, width = denial.shape
    p = pixel_from_world
    for i in numba.prange(dissent.shape[0]):
        x = origin[0] + spacing * (i + 0.5)
        for j in range(dissent.shape[1]):
            y = origin[1] + spacing * (j + 0.5)
            for k in range(dissent.shape[2]):
                z = origin[2] + spacing * (k + 0.5)
                depth = p[2, 0] * x + p[2, 1] * y + p[2, 2] * z + p[2, 3]
                if depth <= 1e-9:
                    continue
                u = (p[0, 0] * x + p[0, 1] * y + p[0, 2] * z + p[0, 3]) / depth
                v = (p[1, 0] * x + p[1, 1] * y + p[1, 2] * z + p[1, 3]) / depth
                if u < 0.0 or v < 0.0 or u >= width or v >= height:
                    continue
                dissent[i, j, k] += np.float32(weight * _bilinear(denial, u, v))
                seen[i, j, k] += np.float32(weight)


@parallel
def least_along_rays(
    dissent: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    centre: np.ndarray,
    world_from_pixel: np.ndarray,
    farthest: float,
    out: np.ndarray,
) -> None:
    """Least dissent that the ray through each pixel's centre meets; ``farthest`` where it misses the grid.

    Steps of one voxel, nearest voxel: the grid is finer than what the masks agree to.

    Args:
        dissent: (X, Y, Z) float32.
        origin: (3,) float64, world, the grid's least corner.
        spacing: edge of a voxel, world.
        centre: (3,) float64, the camera's centre, world.
        world_from_pixel: (3, 3) float64, direction in the world of homogeneous pixels.
        farthest: value where nothing is met.
        out: (H, W) float32, overwritten.

    """
    height, width = out.shape
    for row in numba.prange(height):
        for column in range(width):
            near, far = 0.0, np.inf
            direction = np.zeros(3)
            for axis in range(3):
                direction[axis] = (
                    world_from_pixel[axis, 0] * (column + 0.5)
                    + world_from_pixel[axis, 1] * (row + 0.5)
                    + world_from_pixel[axis, 2]
                )
            length = np.sqrt(direction[0] ** 2 + direction[1] ** 2 + direction[2] ** 2)
            for axis in range(3):
                direction[axis] /= length
                step = direction[axis] if abs(direction[axis]) > 1e-12 else 1e-12
                a = (origin[axis] - centre[axis]) / step
                b = (origin[axis] + spacing * dissent.shape[axis] - centre[axis]) / step
                near, far = max(near, min(a, b)), min(far, max(a, b))
            least = farthest
            travelled = near + 0.5 * spacing
            while travelled < far:
                i = int((centre[0] + direction[0] * travelled - origin[0]) / spacing)
                j = int((centre[1] + direction[1] * travelled - origin[1]) / spacing)
                k = int((centre[2] + direction[2] * travelled - origin[2]) / spacing)
                if 0 <= i < dissent.shape[0] and 0 <= j < dissent.shape[1] and 0 <= k < dissent.shape[2]:
                    least = min(least, dissent[i, j, k])
                travelled += spacing
            out[row, column] = least
