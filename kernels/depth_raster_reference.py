# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of ``depth_raster.py``: one triangle after the other, all pixels at once."""

from __future__ import annotations

import numpy as np


def _weights(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """Barycentric weights (3, H, W) of all pixel centres in the triangle ``corners`` (3, 2)."""
    y, x = np.mgrid[:height, :width] + 0.5
    (ax, ay), (bx, by), (cx, cy) = corners
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
    wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
    return np.stack([wa, wb, 1.0 - wa - wb])


def _has_area(corners: np.ndarray) -> bool:
    """Whether the triangle (3, 2) covers anything."""
    (ax, ay), (bx, by), (cx, cy) = corners
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) != 0.0


def rasterise(
    pixels: np.ndarray, depth: np.ndarray, faces: np.ndarray, out_depth: np.ndarray, out_face: np.ndarray
) -> None:
    """Nearest depth and its face a pixel; arguments as ``depth_raster.rasterise``."""
    out_depth[:], out_face[:] = np.inf, -1
    for index, face in enumerate(faces):
        if depth[face].min() < 1e-6 or not _has_area(pixels[face]):
            continue
        weights = _weights(pixels[face], *out_depth.shape)
        inside = (weights >= 0).all(axis=0)
        with np.errstate(divide="ignore"):
            z = (1.0 / np.tensordot(1.0 / depth[face], weights, 1)).astype(np.float32)
        nearer = inside & (z < out_depth)
        out_depth[nearer], out_face[nearer] = z[nearer], index


def interpolate(
    pixels: np.ndarray,
    depth: np.ndarray,
    faces: np.ndarray,
    attributes: np.ndarray,
    face: np.ndarray,
    out: np.ndarray,
) -> None:
    """Vertex attributes at pixels; arguments as ``depth_raster.interpolate``."""
    out[:] = 0.0
    for index in np.unique(face[face >= 0]):
        here = face == index
        corners = faces[index]
        weights = _weights(pixels[corners], *face.shape)[:, here] / depth[corners][:, None]
        out[here] = (weights / weights.sum(axis=0)).T @ attributes[corners]
