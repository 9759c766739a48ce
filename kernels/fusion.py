# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth maps fused into a truncated signed distance field on sparse blocks (Curless and Levoy 1996).

A view with depth d at the pixel where a voxel of depth z projects says that the voxel lies (z - d) s inside, s being
the cosine between the ray's and the surface's directions that turns a distance along the optical axis into one along
the normal. Voxels farther behind the surface than ``reach`` are hidden and hear nothing; those in front count as
``-reach``. The weighted mean takes in a ``prior`` of weight ``trust``, which stays where nothing is seen.

Notation: voxel (i, j, k) has its centre at ``origin + step * (i, j, k)``; a block holds BLOCK voxels a side, block
(a, b, c) those from BLOCK * (a, b, c) on; fields are float32, positive inside, in world units. ``projections``
(V, 3, 4) pixels from the world; ``depths``, ``weights``, ``slopes`` all views' images in one (T,) float32 array each,
view v from ``starts[v]`` on and of ``sizes[v]`` = (height, width). Weight 0: nothing is known at that pixel.
"""

from __future__ import annotations

import numba
import numpy as np

from ._jit import parallel, serial

BLOCK = 8
"""Edge of a block in voxels."""


@serial
def _fuse_voxel(
    x: float,
    y: float,
    z: float,
    projections: np.ndarray,
    depths: np.ndarray,
    weights: np.ndarray,
    slopes: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    reach: float,
    prior: float,
    trust: float,
) -> tuple[float, float]:
    """Field and the views' joint weight at one place."""
    total, heard = trust * min(max(prior, -reach), reach), 0.0
    for v in range(starts.shape[0]):
        m = projections[v]
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
        if depth <= 0.0:
            continue
        u = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) / depth
        w = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) / depth
        if not (u >= 0.0 and w >= 0.0 and u < sizes[v, 1] and w < sizes[v, 0]):
            continue
        at = starts[v] + int(w) * sizes[v, 1] + int(u)
        weight = weights[at]
        if weight <= 0.0:
            continue
        inside = (depth - depths[at]) * slopes[at]
        if inside > reach:
            continue
        total += weight * max(inside, -reach)
        heard += weight
    return total / (trust + heard), heard


@parallel
def fuse(
    blocks: np.ndarray,
    origin: np.ndarray,
    step: float,
    projections: np.ndarray,
    depths: np.ndarray,
    weights: np.ndarray,
    slopes: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    reach: float,
    trust: float,
    prior: np.ndarray,
    field: np.ndarray,
    heard: np.ndarray,
) -> None:
    """Write ``field`` and ``heard`` (the views' joint weight), (B, BLOCK, BLOCK, BLOCK) float32, of the ``blocks``.

    ``blocks`` (B, 3) int32; ``prior`` of the field's shape; ``trust`` above 0.
    """
    for b in numba.prange(blocks.shape[0]):
        for n in range(BLOCK**3):
            i, j, k = n // (BLOCK * BLOCK), n // BLOCK % BLOCK, n % BLOCK
            value, weight = _fuse_voxel(
                origin[0] + step * (blocks[b, 0] * BLOCK + i), origin[1] + step * (blocks[b, 1] * BLOCK + j),
                origin[2] + step * (blocks[b, 2] * BLOCK + k), projections, depths, weights, slopes, starts, sizes,
                reach, prior[b, i, j, k], trust,
            )  # fmt: skip
            field[b, i, j, k] = value
            heard[b, i, j, k] = weight


@parallel
def agreeing(
    depth: np.ndarray,
    lens: np.ndarray,
    depths: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    projections: np.ndarray,
    tolerance: float,
    counts: np.ndarray,
) -> None:
    """Write how many (H, W) int32 of V neighbours have, where a pixel's place projects, a depth within ``tolerance``.

    ``depth`` (H, W) float32, 0 where unknown, ``lens`` (4,) = fx, fy, cx, cy; ``projections`` (V, 3, 4) the
    neighbours' pixels from this camera's axes; ``depths`` as above, 0 where unknown.
    """
    for row in numba.prange(depth.shape[0]):
        for column in range(depth.shape[1]):
            z = depth[row, column]
            counts[row, column] = 0
            if z <= 0.0:
                continue
            x, y = (column + 0.5 - lens[2]) / lens[0] * z, (row + 0.5 - lens[3]) / lens[1] * z
            for v in range(starts.shape[0]):
                m = projections[v]
                there = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
                if there <= 0.0:
                    continue
                u = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) / there
                w = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) / there
                if not (u >= 0.0 and w >= 0.0 and u < sizes[v, 1] and w < sizes[v, 0]):
                    continue
                other = depths[starts[v] + int(w) * sizes[v, 1] + int(u)]
                if other > 0.0 and abs(other - there) <= tolerance:
                    counts[row, column] += 1
