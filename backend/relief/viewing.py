# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the camera of a picture is taken to stand: level, so far away that the object has the size it should have.

Notation: camera axes as OpenCV's. The *middle ray* goes through the middle of the object's box in the picture; the
*middle plane* is perpendicular to it and goes through the object's middle. World: z up; at azimuth 0 the camera looks
along +y, so that the object shows its front to Blender's front view.
"""

from __future__ import annotations

import numpy as np

from ..geometry import rotation_about_z, rotation_between

FRONT = np.array([0.0, 1.0, 0.0])
"""Where a camera at azimuth 0 and elevation 0 looks."""


def assumed_k(width: int, height: int, focal_px: float | None, field_of_view: float) -> np.ndarray:
    """K (3, 3): the known focal length, or the one that shows ``field_of_view`` degrees along the longer side."""
    focal = focal_px or max(width, height) / 2 / np.tan(np.radians(field_of_view) / 2)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])


def rays_of(K: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Rays (..., 3), camera axes, through ``pixels`` (..., 2); their z is 1."""
    return np.concatenate([(pixels - K[:2, 2]) / K[[0, 1], [0, 1]], np.ones((*pixels.shape[:-1], 1))], axis=-1)


def middle_ray(K: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Unit vector (3,), camera axes, through the middle of the object's box in ``mask`` (H, W) uint8."""
    rows, columns = np.nonzero(mask > 127)
    middle = np.array([columns.min() + columns.max() + 1, rows.min() + rows.max() + 1]) / 2.0
    ray = rays_of(K, middle)
    return ray / np.linalg.norm(ray)


def world_from_camera(middle: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """Rotation (3, 3) under which the ``middle`` ray looks at the object from ``elevation`` degrees above, level."""
    e = np.radians(elevation)
    forward = np.array([0.0, np.cos(e), -np.sin(e)])
    right = np.array([1.0, 0.0, 0.0])
    level = np.stack([right, np.cross(forward, right), forward], axis=1)
    return rotation_about_z(float(np.radians(azimuth))) @ level @ rotation_between(middle, np.array([0.0, 0.0, 1.0]))


def off_plane(rays: np.ndarray, middle: np.ndarray, distance: float, depth: np.ndarray) -> np.ndarray:
    """Points (..., 3), camera axes, on ``rays`` (..., 3), ``depth`` (...,) behind the plane at ``distance``."""
    return rays * ((distance + depth) / (rays @ middle))[..., None]
