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


def disc_from_gaussian(quaternions: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The disc that stands for each Gaussian: the plane of its two greatest axes.

    ``quaternions`` (N, 4) wxyz of any length and ``scales`` (N, 3), standard deviations. Returns rotations (N, 4) wxyz,
    normalised, and extents (N, 3) with the least scale last: the axes are permuted cyclically, which is a rotation, so
    that the disc's normal is its z axis.
    """
    length = np.linalg.norm(quaternions, axis=1, keepdims=True)
    kind = quaternions.dtype
    rotations = np.where(length > 1e-12, quaternions / np.maximum(length, 1e-12), np.array([1, 0, 0, 0], kind))
    least = np.argmin(scales, axis=1)
    # Rotations about (1, 1, 1) by 0, 120 and 240 degrees carry the z axis to z, x and y.
    turn = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, -0.5, -0.5], [1.0, 0.0, 0.0, 0.0]], kind)[least]
    order = np.array([[1, 2, 0], [2, 0, 1], [0, 1, 2]])[least]
    return multiply(rotations, turn), np.take_along_axis(scales, order, axis=1)


def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions (N, 4) wxyz: the rotation ``right`` first, then ``left``."""
    w0, x0, y0, z0 = left.T
    w1, x1, y1, z1 = right.T
    return np.stack(
        [
            w0 * w1 - x0 * x1 - y0 * y1 - z0 * z1,
            w0 * x1 + x0 * w1 + y0 * z1 - z0 * y1,
            w0 * y1 - x0 * z1 + y0 * w1 + z0 * x1,
            w0 * z1 + x0 * y1 - y0 * x1 + z0 * w1,
        ],
        axis=1,
    )


def linear_from_srgb(values: np.ndarray) -> np.ndarray:
    """Scene-linear colours for sRGB ones in [0, 1] (IEC 61966-2-1); values outside are clipped."""
    values = np.clip(values, 0.0, 1.0)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
