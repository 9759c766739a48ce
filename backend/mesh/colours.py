# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of points on a surface from the photos that see them.

A photo counts the more, the more squarely it looks at the point, the closer it was taken and the farther the point
lies from the mask's rim, where the background bleeds in. The best few photos a point are kept and averaged, those that
disagree with the others (a highlight, a wrong occlusion) counting less. Exposure is left as it was taken.

Notation: points and unit normals (N, 3), world of ``cameras.json``; colours (N, 3) float32, sRGB 0..255.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from ..images import read_grey, read_rgb
from ..records import Camera
from .rendering import depth_and_face
from .triangles import Mesh
from .visibility import visible

_KEPT = 5
"""Photos kept a point."""

_RIM = 7
"""Side in pixels of the window over which a mask's rim fades out."""

_STEEP = 0.15
"""Least cosine between a point's normal and its line of sight."""

_AGREE = 30.0
"""Distance in 8-bit colour at which a photo's say has dropped to a half."""


class Gatherer:
    """Keeps, for each of N points, the colours and weights of its best photos."""

    def __init__(self, points: np.ndarray, normals: np.ndarray) -> None:
        self.points, self.normals = points, normals
        self.weights = np.zeros((len(points), _KEPT), np.float32)
        self.colours = np.zeros((len(points), _KEPT, 3), np.float32)

    def add(self, camera: Camera, image: np.ndarray, mask: np.ndarray, depth: np.ndarray, tolerance: float) -> None:
        """Let one photo (H, W, 3) uint8 with its soft mask and the surface's depth buffer have its say."""
        weights = self._weights(camera, mask, depth, tolerance)
        better = np.nonzero(weights > self.weights.min(axis=1))[0]
        if not len(better):
            return
        pixels, _ = camera.project(self.points[better])
        slot = self.weights[better].argmin(axis=1)
        self.weights[better, slot] = weights[better]
        self.colours[better, slot] = sample_image(image, pixels)

    def _weights(self, camera: Camera, mask: np.ndarray, depth: np.ndarray, tolerance: float) -> np.ndarray:
        """How much one photo has to say about each point (N,)."""
        weights = np.zeros(len(self.points), np.float32)
        to_camera = camera.centre - self.points
        distance = np.linalg.norm(to_camera, axis=1)
        cosine = np.einsum("ij,ij->i", to_camera, self.normals) / np.maximum(distance, 1e-12)
        candidates = np.nonzero(cosine > _STEEP)[0]
        candidates = candidates[visible(self.points[candidates], camera, depth, tolerance)]
        if not len(candidates):
            return weights
        pixels, _ = camera.project(self.points[candidates])
        rim = cv2.blur(mask, (_RIM, _RIM), borderType=cv2.BORDER_REPLICATE)
        safe = np.clip(sample_image(rim[..., None], pixels)[:, 0] / 127.5 - 1.0, 0.0, 1.0)
        weights[candidates] = cosine[candidates] ** 4 * safe / np.maximum(distance[candidates], 1e-9) ** 2
        return weights

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Colours (N, 3) float32 and which points (N,) bool some photo saw."""
        seen = self.weights.max(axis=1) > 0
        weights = self.weights.astype(np.float64)
        mean = _mean(weights, self.colours)
        for _ in range(3):
            off = np.linalg.norm(self.colours - mean[:, None], axis=2)
            mean = _mean(weights / (1.0 + (off / _AGREE) ** 2), self.colours)
        return mean.astype(np.float32), seen


def _mean(weights: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Weighted mean over the second axis; 0 where nothing weighs."""
    total = weights.sum(axis=1)
    return np.einsum("nk,nkc->nc", weights, colours) / np.where(total > 0, total, 1.0)[:, None]


def sample_image(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Bilinear values (N, C) float32 of ``image`` (H, W, C) uint8 at ``pixels`` (N, 2), clamped to the border."""
    height, width = image.shape[:2]
    x, y = np.clip(pixels[:, 0] - 0.5, 0, width - 1), np.clip(pixels[:, 1] - 0.5, 0, height - 1)
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    a, b = (x - column)[:, None], (y - row)[:, None]
    upper = image[row, column] * (1 - a) + image[row, right] * a
    lower = image[below, column] * (1 - a) + image[below, right] * a
    return (upper * (1 - b) + lower * b).astype(np.float32)


def colours_from_photos(
    points: np.ndarray,
    normals: np.ndarray,
    mesh: Mesh,
    cameras: Iterable[Camera],
    photo_of: Callable[[Camera], Path],
    mask_of: Callable[[Camera], Path],
    tolerance: float,
    tell: Callable[[str], None] = lambda name: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, 3) float32 and seen (N,) bool of points on ``mesh`` from the photos of ``cameras``.

    ``tolerance`` is how far behind the mesh's depth a point may lie and still be seen; ``tell`` is called before each
    photo and may raise to stop.
    """
    gatherer = Gatherer(points, normals)
    for camera in cameras:
        tell(camera.name)
        depth, _ = depth_and_face(mesh, camera)
        gatherer.add(camera, read_rgb(photo_of(camera)), read_grey(mask_of(camera)), depth, tolerance)
    return gatherer.result()


def fill_unseen(points: np.ndarray, colours: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Give each point that no photo saw the mean of its nearest seen ones, nearer ones more; grey if none was seen."""
    from scipy.spatial import cKDTree

    filled = colours.copy()
    if not seen.any():
        filled[:] = 128.0
    elif not seen.all():
        count = min(16, int(seen.sum()))
        distance, nearest = cKDTree(points[seen]).query(points[~seen], k=count)
        distance, nearest = distance.reshape(-1, count), nearest.reshape(-1, count)
        filled[~seen] = _mean(1.0 / np.maximum(distance, 1e-9), colours[seen][nearest])
    return filled


def as_bytes(colours: np.ndarray) -> np.ndarray:
    """Round to (N, 3) uint8."""
    return np.clip(np.round(colours), 0, 255).astype(np.uint8)
