# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth and orientation of what Gaussians show: what a mesh, a mask or an import at the right distance is made from.

*Expected* depth and normals are features like colours, blended with the same weights; the *median* depth is that of the
Gaussian at which half of the light is gone (transmittance crosses 1/2), which, unlike a mean, never lies in the empty
space between a front and a back. The twins are in ``depth_reference.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange

from .._jit import parallel, serial
from . import TILE_HEIGHT, TILE_PIXELS, TILE_WIDTH
from .blending import CHECK_EVERY, blend, is_finished, reached, weigh
from .normals import normals_in_camera
from .render import Rendered

_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)


@dataclass(frozen=True)
class Geometry:
    """What each pixel looks at. Depths along the optical axis, in the world's unit; 0 where there is nothing.

    ``expected`` (H, W) mean depth by weight (0 where alpha is 0); ``median`` (H, W), 0 where alpha stays below 1/2;
    ``normals`` (H, W, 3) of unit length in the camera's axes, towards the camera, 0 where alpha is 0; ``alpha`` (H, W).
    """

    expected: np.ndarray
    median: np.ndarray
    normals: np.ndarray
    alpha: np.ndarray


def geometry(rendered: Rendered, means: np.ndarray, quats: np.ndarray, scales: np.ndarray, camera: np.ndarray):
    """``Geometry`` of what ``render`` drew of these Gaussians; ``camera`` is ``cam_from_world`` (4, 4) float32."""
    r = rendered
    height, width = r.image.shape[:2]
    features = np.zeros((len(means), 4), np.float32)
    features[:, 0] = r.depths
    normals_in_camera(means, quats, scales, camera, features[:, 1:])
    image, median = np.zeros((height, width, 5), np.float32), np.zeros((height, width), np.float32)
    blend(r.means2d, r.conics, r.extents, r.opacities, features, r.starts, r.ids, r.tile_order, image)
    median_depth(r.means2d, r.conics, r.extents, r.opacities, r.depths, r.starts, r.ids, r.tile_order, median)
    alpha = image[..., 4]
    expected = image[..., 0] / np.where(alpha > 0, alpha, np.inf)
    length = np.linalg.norm(image[..., 1:4], axis=2)
    return Geometry(expected, median, image[..., 1:4] / np.where(length > 0, length, np.inf)[..., None], alpha)


@serial
def _median_of_tile(left, top, ids, means2d, conics, extents, opacities, depths, t, weights, median):
    """Write ``median`` (TILE_PIXELS,), one tile's; stops when nothing more can cross."""
    for k in range(ids.shape[0]):
        if k % CHECK_EVERY == 0 and is_finished(t):
            return
        i = ids[k]
        u, v = means2d[i, 0] - (left + _HALF), means2d[i, 1] - (top + _HALF)
        start, stop = reached(u, v, conics[i, 0], conics[i, 1], conics[i, 2], extents[i, 0], extents[i, 1])
        if start >= stop:
            continue
        inside, found = t[start:stop], median[start:stop]
        weigh(inside, weights[start:stop], start, u, v, conics[i, 0], conics[i, 1], conics[i, 2], opacities[i])
        for p in range(inside.shape[0]):
            # A pixel that ended has transmittance 0 without this Gaussian having hidden anything: its weight is 0.
            crossed = weights[start + p] > _ZERO and inside[p] <= _HALF
            if crossed:
                found[p] = depths[i]
                inside[p] = _ZERO


@parallel
def median_depth(means2d, conics, extents, opacities, depths, starts, ids, tile_order, median):
    """Write ``median`` (H, W): the depth of the Gaussian at which transmittance falls to 1/2 or less.

    0 where it never does. Arguments as ``blending.blend``'s; ``depths`` (N,).
    """
    height, width = median.shape
    columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    for job in prange(tile_order.shape[0]):
        tile = tile_order[job]
        x0, y0 = tile % columns * TILE_WIDTH, tile // columns * TILE_HEIGHT
        found = np.zeros(TILE_PIXELS, np.float32)
        _median_of_tile(
            np.float32(x0), np.float32(y0), ids[starts[tile] : starts[tile + 1]],
            means2d, conics, extents, opacities, depths,
            np.ones(TILE_PIXELS, np.float32), np.zeros(TILE_PIXELS, np.float32), found,
        )  # fmt: skip
        for y in range(min(TILE_HEIGHT, height - y0)):
            for x in range(min(TILE_WIDTH, width - x0)):
                median[y0 + y, x0 + x] = found[y * TILE_WIDTH + x]
