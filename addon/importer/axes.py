# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place where Blender's axes and camera model appear.

Notation: files are in a right-handed world with z up, which is Blender's own, so points, meshes and splats need no
change. File cameras have OpenCV axes (x right, y down, z forward); Blender's have x right, y up and look along -z.
``K`` (3, 3) in pixels, the centre of the top left pixel at (0.5, 0.5). Quaternions are (w, x, y, z).

Blender's pinhole, with the sensor fitted horizontally (camera.c, ``BKE_camera_params_compute_viewplane``), for an image
of w x h pixels: fx = lens w / sensor_width; a pixel is a = aspect_y / aspect_x times as tall as wide, so fy = fx / a;
the principal point is (w/2 - shift_x w, h/2 + shift_y w / a).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SENSOR_WIDTH = 36.0
"""Millimetres; only its ratio to the focal length matters, and 36 is Blender's own default."""

BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""Camera axes (4, 4): y and z change sign."""

TURN_TO_Z = {"z": 0.0, "y": 0.5 * np.pi, "-y": -0.5 * np.pi}
"""Radians about x that turn what is up in a file to Blender's z."""


@dataclass(frozen=True)
class Lens:
    """A pinhole in Blender's terms: ``lens`` in millimetres on ``SENSOR_WIDTH``, shifts in widths, pixel aspect."""

    lens: float
    shift_x: float
    shift_y: float
    aspect_x: float
    aspect_y: float


def world_from_camera(cam_from_world: np.ndarray) -> np.ndarray:
    """Where Blender's camera stands, (4, 4), for an OpenCV ``cam_from_world`` (4, 4): a rotation and a translation."""
    matrix = np.asarray(cam_from_world, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"expected cam_from_world to be a finite (4, 4) matrix, got shape {matrix.shape}")
    rotation, translation = matrix[:3, :3], matrix[:3, 3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
        raise ValueError("expected cam_from_world to hold a rotation, got another matrix")
    inverse = np.eye(4)
    inverse[:3, :3] = rotation.T
    inverse[:3, 3] = -rotation.T @ translation
    return inverse @ BLENDER_FROM_OPENCV


def lens_of(K: np.ndarray, width: int, height: int) -> Lens:
    """Blender's lens for the intrinsics ``K`` (3, 3) of an image of ``width`` x ``height`` pixels."""
    K = np.asarray(K, np.float64)
    if K.shape != (3, 3) or not np.isfinite(K).all() or min(K[0, 0], K[1, 1], width, height) <= 0:
        raise ValueError(f"expected K to be (3, 3) with positive focal lengths, got {K.tolist()}")
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    tall = fx / fy
    return Lens(
        lens=fx * SENSOR_WIDTH / width,
        shift_x=(width / 2 - cx) / width,
        shift_y=(cy - height / 2) * tall / width,
        # Blender allows no aspect below 1, so the greater of the two carries the ratio.
        aspect_x=max(1.0, 1.0 / tall),
        aspect_y=max(1.0, tall),
    )
