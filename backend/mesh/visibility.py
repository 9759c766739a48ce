# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points near a surface a camera sees, by the surface's own depth buffer."""

from __future__ import annotations

import numpy as np

from ..records import Camera
from .rendering import depth_and_face
from .triangles import Mesh


def visible(points: np.ndarray, camera: Camera, depth_buffer: np.ndarray, tolerance: float) -> np.ndarray:
    """Whether (N,) each of ``points`` (N, 3), world, lies in the image and at most ``tolerance`` behind the buffer.

    ``depth_buffer`` (H, W), inf where nothing is. The farthest of the four pixels around the point counts, so that a
    point on a steep part of the surface is not hidden by its own neighbour.
    """
    pixels, depth = camera.project(points)
    height, width = depth_buffer.shape
    inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    column = np.clip(np.floor(np.where(inside, pixels[:, 0], 0) - 0.5).astype(int), 0, max(width - 2, 0))
    row = np.clip(np.floor(np.where(inside, pixels[:, 1], 0) - 0.5).astype(int), 0, max(height - 2, 0))
    right, below = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    corners = np.stack([depth_buffer[row, column], depth_buffer[row, right], depth_buffer[below, column],
                        depth_buffer[below, right]])  # fmt: skip
    # Beside the silhouette the buffer is infinite and hides nothing; a finite neighbour there is the surface itself.
    finite = np.where(np.isfinite(corners), corners, -np.inf).max(axis=0)
    return inside & ((depth <= finite + tolerance) | ~np.isfinite(finite))


def seen_by_any(points: np.ndarray, mesh: Mesh, cameras: list[Camera], tolerance: float) -> np.ndarray:
    """Whether (N,) at least one of ``cameras`` sees each of ``points``, which lie on ``mesh``."""
    seen = np.zeros(len(points), bool)
    for camera in cameras:
        hidden = np.nonzero(~seen)[0]
        if not len(hidden):
            break
        buffer, _ = depth_and_face(mesh, camera)
        seen[hidden] = visible(points[hidden], camera, buffer, tolerance)
    return seen
