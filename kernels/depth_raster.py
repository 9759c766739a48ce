# SPDX-License-Identifier: GPL-3.0-or-later
"""Rasterise a triangle mesh into a depth buffer, and carry vertex attributes to its pixels.

Notation: ``pixels`` (N, 2) projected vertices, x to the right, y down, pixel centres at half integers; ``depth`` (N,)
along the camera's z axis; ``faces`` (M, 3) indices. A pixel belongs to a triangle when its centre lies inside or on
an edge. Depth is interpolated as 1/z, which is linear in the image (Pineda 1988, edge functions; Blinn 1992).
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial

_BANDS = 16
"""Horizontal bands rasterised side by side; each reads every triangle and draws its own rows only."""

_NEAR = 1e-6
"""Triangles with a vertex nearer than this are left out: they cross the image plane."""


@serial
def _weights(
    ax: float, ay: float, bx: float, by: float, cx: float, cy: float, x: float, y: float
) -> tuple[float, float, float]:
    """Barycentric weights of (x, y) in a triangle that has an area; either winding."""
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
    wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
    return wa, wb, 1.0 - wa - wb


@serial
def _draw_band(
    first: int,
    last: int,
    pixels: np.ndarray,
    depth: np.ndarray,
    faces: np.ndarray,
    out_depth: np.ndarray,
    out_face: np.ndarray,
) -> None:
    """All triangles in the rows from ``first`` up to ``last``. Apart from its caller because it compiles faster so."""
    width = out_depth.shape[1]
    out_depth[first:last] = np.inf
    out_face[first:last] = -1
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ay, by, cy = pixels[a, 1], pixels[b, 1], pixels[c, 1]
        top = max(first, math.ceil(min(ay, by, cy) - 0.5))
        bottom = min(last - 1, math.floor(max(ay, by, cy) - 0.5))
        if top > bottom or min(depth[a], depth[b], depth[c]) < _NEAR:
            continue
        ax, bx, cx = pixels[a, 0], pixels[b, 0], pixels[c, 0]
        left = max(0, math.ceil(min(ax, bx, cx) - 0.5))
        right = min(width - 1, math.floor(max(ax, bx, cx) - 0.5))
        if left > right or (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) == 0.0:
            continue
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                wa, wb, wc = _weights(ax, ay, bx, by, cx, cy, column + 0.5, row + 0.5)
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = np.float32(1.0 / (wa / depth[a] + wb / depth[b] + wc / depth[c]))
                if z < out_depth[row, column]:
                    out_depth[row, column] = z
                    out_face[row, column] = f


@parallel
def rasterise(
    pixels: np.ndarray, depth: np.ndarray, faces: np.ndarray, out_depth: np.ndarray, out_face: np.ndarray
) -> None:
    """Write the nearest depth (H, W) float32, inf where nothing is, and its face (H, W) int32, -1 where nothing is.

    ``pixels`` (N, 2) and ``depth`` (N,) float64; ``faces`` (M, 3) int32. Of equal depths the lower face wins.
    """
    height = out_depth.shape[0]
    for band in numba.prange(_BANDS):
        first, last = height * band // _BANDS, height * (band + 1) // _BANDS
        _draw_band(first, last, pixels, depth, faces, out_depth, out_face)


@serial
def _interpolate_row(
    row: int,
    pixels: np.ndarray,
    depth: np.ndarray,
    faces: np.ndarray,
    attributes: np.ndarray,
    face: np.ndarray,
    out: np.ndarray,
) -> None:
    """One row of ``interpolate``."""
    for column in range(face.shape[1]):
        f = face[row, column]
        if f < 0:
            out[row, column] = 0.0
            continue
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        wa, wb, wc = _weights(
            pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1], pixels[c, 0], pixels[c, 1],
            column + 0.5, row + 0.5,
        )  # fmt: skip
        wa, wb, wc = wa / depth[a], wb / depth[b], wc / depth[c]
        total = wa + wb + wc
        for k in range(attributes.shape[1]):
            value = wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]
            out[row, column, k] = value / total


@parallel
def interpolate(
    pixels: np.ndarray,
    depth: np.ndarray,
    faces: np.ndarray,
    attributes: np.ndarray,
    face: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write vertex ``attributes`` (N, C) float32, perspective-correct, to ``out`` (H, W, C) where ``face`` >= 0.

    ``face`` (H, W) int32 comes from ``rasterise`` with the same mesh and camera; other pixels of ``out`` are set to 0.
    """
    for row in numba.prange(face.shape[0]):
        _interpolate_row(row, pixels, depth, faces, attributes, face, out)
