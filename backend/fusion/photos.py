# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos cut to their object and made no larger than needed, and which of them look at the same side of it.

Notation: a ``Photo``'s ``camera`` is that of the cut and reduced picture: world of ``cameras.json``, OpenCV axes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ..images import read_grey, read_rgb
from ..records import Camera

_RIM = 8
"""Pixels kept around the mask's box."""

_BEST_ANGLE = 18.0
"""Degrees between two views at which depth is read best: less is inexact, more looks at another side."""

_LEAST_ANGLE, _MOST_ANGLE = 3.0, 55.0
"""Degrees beyond which a second view is of no use."""

_LEAST_SIDE = 16
"""Pixels a side below which a cut picture shows nothing."""


@dataclass
class Photo:
    """``grey`` (H, W) float32, 0 to 255, and ``mask`` (H, W) uint8 of the cut, as ``camera`` sees it."""

    camera: Camera
    grey: np.ndarray
    mask: np.ndarray

    @property
    def lens(self) -> np.ndarray:
        """fx, fy, cx, cy (4,) float64."""
        K = self.camera.K
        return np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]])


def read_photo(camera: Camera, photo: Path, mask: Path, pixel: float) -> Photo | None:
    """The photo cut to its mask, reduced until a pixel covers ``pixel`` world units at the origin's distance.

    None where the mask holds nothing worth looking at.
    """
    inside = read_grey(mask)
    rows, columns = np.nonzero(inside.max(axis=1) > 127)[0], np.nonzero(inside.max(axis=0) > 127)[0]
    if not len(rows):
        return None
    top, bottom = max(rows[0] - _RIM, 0), min(rows[-1] + _RIM + 1, camera.height)
    left, right = max(columns[0] - _RIM, 0), min(columns[-1] + _RIM + 1, camera.width)
    grey = cv2.cvtColor(read_rgb(photo)[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    inside = inside[top:bottom, left:right]
    factor = min(1.0, float(np.linalg.norm(camera.centre)) / camera.K[0, 0] / pixel)
    width, height = round((right - left) * factor), round((bottom - top) * factor)
    if min(width, height) < _LEAST_SIDE:
        return None
    if factor < 1.0:
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        inside = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA)
    K = camera.K.copy()
    K[0, 2] -= left
    K[1, 2] -= top
    K[0] *= width / (right - left)
    K[1] *= height / (bottom - top)
    cut = replace(camera, K=K, width=width, height=height)
    return Photo(cut, np.ascontiguousarray(grey, np.float32), np.ascontiguousarray(inside))


def neighbours(photos: list[Photo], target: np.ndarray, count: int) -> list[list[int]]:
    """For every photo at most ``count`` others, by index, that see ``target`` (3,) from not too different a side."""
    rays = np.stack([p.camera.centre - target for p in photos])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip(rays @ rays.T, -1.0, 1.0)))
    chosen = []
    for row in angles:
        usable = np.nonzero((row > _LEAST_ANGLE) & (row < _MOST_ANGLE))[0]
        order = usable[np.argsort(np.abs(np.log(row[usable] / _BEST_ANGLE)), kind="stable")]
        chosen.append([int(i) for i in order[:count]])
    return chosen


def packed(pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (H, W) in one float32 array, where each starts, and their (height, width), as kernels take them."""
    sizes = np.array([p.shape for p in pictures], np.int64).reshape(-1, 2)
    starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))[:-1]]).astype(np.int64)[: len(pictures)]
    flat = np.concatenate([p.ravel() for p in pictures]) if pictures else np.zeros(0)
    return np.ascontiguousarray(flat, np.float32), starts, sizes


def pixels_from_camera(neighbour: Camera, camera: Camera) -> np.ndarray:
    """(3, 4): pixels of ``neighbour`` from points in the axes of ``camera``."""
    return np.ascontiguousarray(neighbour.K @ (neighbour.cam_from_world @ np.linalg.inv(camera.cam_from_world))[:3])


def pixels_from_world(camera: Camera) -> np.ndarray:
    """(3, 4): pixels from points in the world."""
    return np.ascontiguousarray(camera.K @ camera.cam_from_world[:3])


Tell = Callable[[float, str], None]
"""Told how far, 0 to 1, and at what; it may raise to stop."""
