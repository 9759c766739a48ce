# SPDX-License-Identifier: GPL-3.0-or-later
"""The scale of the world from a printed ArUco or AprilTag marker whose size is known (Garrido-Jurado et al. 2014).

Any marker of the usual dictionaries will do, several of one size too. Its corners are found in the frames, triangulated
from all cameras that see it, and its four edges measured; they must be equally long, which a misread one's are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..images import read_grey
from ..lens import LensCamera, Scene

_DICTIONARIES = ("DICT_4X4_250", "DICT_5X5_250", "DICT_6X6_250", "DICT_ARUCO_ORIGINAL", "DICT_APRILTAG_36H11")
_FEWEST_VIEWS = 3
_MOST_FRAMES = 60
_ERROR = 0.004
"""Largest distance of a corner from its own point in a frame, in longer sides."""
_UNEVEN = 0.03


@dataclass(frozen=True, kw_only=True)
class MarkerScale:
    """``metres_per_unit`` of the scene's own world; by how much edges differ, as a share; markers and views used."""

    metres_per_unit: float
    uneven: float
    markers: int
    views: int


def marker_scale(
    scene: Scene, pictures: dict[str, Path], size: float, progress: Callable[[float], None]
) -> MarkerScale | None:
    """The scale of ``scene``'s world from markers with edges of ``size`` metres; None where none was found in three
    frames or more. ``pictures`` are the frames as they were taken, by the cameras' names.
    """
    lenses = scene.cameras[:: -(-len(scene.cameras) // _MOST_FRAMES) or 1]
    corners: dict[tuple[str, int], list[tuple[LensCamera, np.ndarray]]] = {}
    for done, lens in enumerate(lenses):
        progress(done / len(lenses))
        for key, found in _detect(read_grey(pictures[lens.name])).items():
            corners.setdefault(key, []).append((lens, found))
    edges, views = [], 0
    for seen in corners.values():
        points, used = _triangulated(seen)
        lengths = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1)
        if used >= _FEWEST_VIEWS and np.ptp(lengths) < 2 * _UNEVEN * lengths.mean():
            edges.append(lengths)
            views += used
    if not edges:
        return None
    every = np.concatenate(edges)
    middle = float(np.median([e.mean() for e in edges]))
    return MarkerScale(
        metres_per_unit=size / middle,
        uneven=float(np.max(np.abs(every / middle - 1))),
        markers=len(edges),
        views=views,
    )


def _detect(grey: np.ndarray) -> dict[tuple[str, int], np.ndarray]:
    """Corners (4, 2) px, pixel centres at half integers, of each marker by dictionary and number."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    found = {}
    for name in _DICTIONARIES:
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))
        corners, numbers, _ = cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers(grey)
        for quad, number in zip(corners, [] if numbers is None else numbers.ravel(), strict=True):
            found[name, int(number)] = quad.reshape(4, 2).astype(np.float64) + 0.5
    return found


def _triangulated(seen: list[tuple[LensCamera, np.ndarray]]) -> tuple[np.ndarray, int]:
    """Corners (4, 3) of a marker from its views, the worst of which are left out until all agree; number of the rest.

    Linear triangulation (Hartley and Zisserman 2004, section 12.2).
    """
    while True:
        rows = [
            xy[:, None] * lens.cam_from_world[2] - lens.cam_from_world[:2]
            for lens, quad in seen
            for xy in lens.undistort(quad)
        ]
        by_corner = np.array(rows).reshape(len(seen), 4, 2, 4).transpose(1, 0, 2, 3).reshape(4, -1, 4)
        homogeneous = np.linalg.svd(by_corner)[2][:, -1]
        points = homogeneous[:, :3] / np.where(np.abs(homogeneous[:, 3:]) > 1e-12, homogeneous[:, 3:], 1e-12)
        errors = [np.nanmax(np.append(_off(lens, quad, points), 0.0)) for lens, quad in seen]
        worst = int(np.argmax(errors))
        if errors[worst] < _ERROR or len(seen) <= 2:
            return points, len(seen) if errors[worst] < _ERROR else 0
        seen = seen[:worst] + seen[worst + 1 :]


def _off(lens: LensCamera, quad: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distances (4,) of corners from their projected points, in longer sides; far off behind the camera."""
    pixels, depth = lens.project(points)
    away = np.linalg.norm(pixels - quad, axis=1) / max(lens.width, lens.height)
    return np.where(depth > 0, away, 1.0)
