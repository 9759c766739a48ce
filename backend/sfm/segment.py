# SPDX-License-Identifier: GPL-3.0-or-later
"""The length of a segment whose two ends were clicked on one photo or more, in the unit of the world.

Where an end is marked on two photos or more from different sides, it lies where their rays come nearest to each other.
Marked on one photo alone, it lies where its ray first meets the surface.

Notation: pixels are of the photos as they were taken, oriented and in full size, pixel centres at half integers. Rays
are an origin (3,) and a direction (3,) of unit length, world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..geometry import angle_degrees, nearest_point_to_lines
from ..records import Camera, Frame

_LEAST_ANGLE = 3.0
"""Degrees between two rays below which they do not tell how far off their meeting point is."""
_WORST = 0.02
"""Largest distance of a clicked pixel from the point it is said to show, in longer sides."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """``ends`` (2, 3), world; their distance; the largest distance, in longer sides, of a click from its end."""

    ends: np.ndarray
    method: str
    error: float

    @property
    def length(self) -> float:
        """Distance of the ends, in the world's unit."""
        return float(np.linalg.norm(self.ends[1] - self.ends[0]))


def measured_segment(
    clicks: Mapping[str, Sequence[float]],
    frames: list[Frame],
    cameras: list[Camera],
    vertices: np.ndarray,
    faces: np.ndarray,
) -> Segment:
    """Where the ends lie that ``clicks`` mark: (x, y, x, y) by the photo's name, with or without folder or suffix.

    ``vertices`` (N, 3) and ``faces`` (F, 3) are the surface in the world. Raises ``ValueError``, in words for people,
    where no photo of the clicks has a camera, a ray misses the surface, or the clicks contradict each other.
    """
    seen = _views(clicks, frames, cameras)
    if not seen:
        raise ValueError(f"none of the photos {', '.join(clicks)} has a camera")
    ends, worst, methods = [], 0.0, set()
    for end in (0, 1):
        rays = [ray_through(camera, xy[end]) for camera, xy in seen]
        if _widest([direction for _, direction in rays]) >= _LEAST_ANGLE:
            origins, directions = (np.array(part) for part in zip(*rays, strict=True))
            ends.append(nearest_point_to_lines(origins, directions))
            methods.add("triangulated")
        else:
            ends.append(first_hit(*rays[0], vertices, faces))
            methods.add("on the surface")
        worst = max(worst, *(_off(camera, ray, ends[-1]) for (camera, _), ray in zip(seen, rays, strict=True)))
    if worst > _WORST:
        raise ValueError(
            f"the clicks on different photos do not mean the same point ({100 * worst:.0f} % of a photo off)"
        )
    found = Segment(ends=np.array(ends), method=" and ".join(sorted(methods)), error=worst)
    if found.length < 1e-6:
        raise ValueError("both ends lie on the same point")
    return found


def ray_through(camera: Camera, pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origin and direction of what ``camera`` saw at ``pixel`` (2,) of the frame, before it was undistorted."""
    if camera.distortion:
        K, model = np.array(camera.distortion["K"], np.float64), np.array(camera.distortion["model"], np.float64)
        point = np.asarray(pixel, np.float64).reshape(1, 1, 2)
        if camera.distortion.get("fisheye"):
            x, y = cv2.fisheye.undistortPoints(point, K, model[:4]).ravel()
        else:
            done = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-12)
            x, y = cv2.undistortPointsIter(point, K, model, np.eye(3), np.eye(3), done).ravel()
    else:
        x, y = (np.asarray(pixel, np.float64) - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]
    direction = camera.cam_from_world[:3, :3].T @ np.array([x, y, 1.0])
    return camera.centre, direction / np.linalg.norm(direction)


def first_hit(origin: np.ndarray, direction: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Where a ray first meets the triangles (Moeller and Trumbore 1997), (3,). ``ValueError`` where it misses."""
    a, b, c = (np.asarray(vertices, np.float64)[faces[:, i]] for i in range(3))
    along, across = b - a, c - a
    p = np.cross(direction, across)
    determinant = np.sum(along * p, axis=1)
    safe = np.where(np.abs(determinant) > 1e-300, determinant, np.inf)
    offset = origin - a
    u = np.sum(offset * p, axis=1) / safe
    q = np.cross(offset, along)
    v = q @ direction / safe
    distance = np.sum(across * q, axis=1) / safe
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
    if not hit.any():
        raise ValueError("an end lies beside the object on the only photo that marks it")
    return origin + direction * float(distance[hit].min())


def _views(
    clicks: Mapping[str, Sequence[float]], frames: list[Frame], cameras: list[Camera]
) -> list[tuple[Camera, np.ndarray]]:
    """The cameras of the clicked photos with the ends (2, 2) in their frames' pixels."""
    placed = {camera.name: camera for camera in cameras}
    seen = []
    for frame in frames:
        keys = {frame.name, frame.source, frame.source.rsplit("/", 1)[-1], *frame.prompts}
        for key in sorted(keys & clicks.keys())[:1]:
            if frame.name in placed:
                seen.append((placed[frame.name], np.reshape(clicks[key], (2, 2)) * frame.scale))
    return seen


def _widest(directions: list[np.ndarray]) -> float:
    """Largest angle, degrees, between two of the ``directions``; 0 for one."""
    rays = np.array(directions)
    return float(np.max(angle_degrees(rays[:, None], rays[None])))


def _off(camera: Camera, ray: tuple[np.ndarray, np.ndarray], point: np.ndarray) -> float:
    """Distance of ``point`` (3,) from where the click saw it, in longer sides of the picture; 1 behind the camera."""
    rotation = camera.cam_from_world[:3, :3]
    meant, there = rotation @ ray[1], rotation @ (point - ray[0])
    if there[2] <= 0:
        return 1.0
    away = np.linalg.norm(there[:2] / there[2] - meant[:2] / meant[2])
    return float(away * camera.K[0, 0]) / max(camera.width, camera.height)
