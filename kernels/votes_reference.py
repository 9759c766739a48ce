# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``votes.py``."""

from __future__ import annotations

import numpy as np


def _bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of ``image`` (H, W) at pixels ``x``, ``y``, centres at half integers, borders repeated."""
    height, width = image.shape
    x, y = np.clip(x - 0.5, 0, width - 1), np.clip(y - 0.5, 0, height - 1)
    i, j = y.astype(int), x.astype(int)
    down, right = np.minimum(i + 1, height - 1), np.minimum(j + 1, width - 1)
    fy, fx = y - i, x - j
    top = image[i, j] * (1 - fx) + image[i, right] * fx
    bottom = image[down, j] * (1 - fx) + image[down, right] * fx
    return top * (1 - fy) + bottom * fy


def add_votes(
    denial: np.ndarray,
    weight: float,
    pixel_from_world: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    dissent: np.ndarray,
    seen: np.ndarray,
) -> None:
    """As ``votes.add_votes``."""
    height, width = denial.shape
    centres = np.stack(np.meshgrid(*[np.arange(n) + 0.5 for n in dissent.shape], indexing="ij"), -1)
    points = origin + spacing * centres
    homogeneous = points @ pixel_from_world[:, :3].T + pixel_from_world[:, 3]
    depth = homogeneous[..., 2]
    front = depth > 1e-9
    pixels = homogeneous[..., :2] / np.where(front, depth, 1.0)[..., None]
    u, v = pixels[..., 0], pixels[..., 1]
    inside = front & (u >= 0) & (v >= 0) & (u < width) & (v < height)
    dissent[inside] += (weight * _bilinear(denial, u[inside], v[inside])).astype(np.float32)
    seen[inside] += np.float32(weight)


def least_along_rays(
    dissent: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    centre: np.ndarray,
    world_from_pixel: np.ndarray,
    farthest: float,
    out: np.ndarray,
) -> None:
    """As ``votes.least_along_rays``, ray by ray."""
    shape = np.array(dissent.shape)
    for row, column in np.ndindex(*out.shape):
        direction = world_from_pixel @ [column + 0.5, row + 0.5, 1.0]
        direction = direction / np.linalg.norm(direction)
        step = np.where(np.abs(direction) > 1e-12, direction, 1e-12)
        a, b = (origin - centre) / step, (origin + spacing * shape - centre) / step
        near, far = max(0.0, np.minimum(a, b).max()), np.maximum(a, b).min()
        travelled = np.arange(near + 0.5 * spacing, far, spacing)
        voxels = np.trunc((centre + travelled[:, None] * direction - origin) / spacing).astype(int)
        voxels = voxels[((voxels >= 0) & (voxels < shape)).all(1)]
        out[row, column] = min([farthest, *dissent[tuple(voxels.T)]])
