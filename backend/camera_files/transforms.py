# SPDX-License-Identifier: GPL-3.0-or-later
"""Read transforms.json of nerfstudio, instant-ngp and NeRF-synthetic.

Notation there: ``transform_matrix`` is camera-to-world with OpenGL axes (x right, y up, the camera looks along -z), and
the world's z is up. Intrinsics are for all frames, or a frame's own, which then win: ``fl_x`` (or ``camera_angle_x`` in
radians), ``fl_y``, ``cx``, ``cy``, ``w``, ``h``, and OpenCV's ``k1``, ``k2``, ``p1``, ``p2``, ``k3``, ``k4``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..lens import LensCamera, Scene
from .checks import matrix, rigid, size, stem

_OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
_PERSPECTIVE = ("k1", "k2", "p1", "p2", "k3", "k4")
_FISHEYE = ("k1", "k2", "k3", "k4")


def parse(data: dict[str, Any], file_name: str) -> Scene:
    """Cameras of the parsed file. Raises ``ValueError`` naming the frame that makes no sense."""
    cameras = []
    for index, frame in enumerate(data["frames"]):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise ValueError(
                f"expected a frame with 'file_path' in {file_name}, got {str(frame)[:80]!r} as frame {index}"
            )
        cameras.append(_camera(frame["file_path"], {**data, **frame}))
    if not cameras:
        raise ValueError(f"expected frames in {file_name}, got none")
    return Scene(cameras=cameras)


def _camera(path: str, values: dict[str, Any]) -> LensCamera:
    """One camera from a frame's values laid over the file's."""
    world_from_gl = matrix(values.get("transform_matrix"), (4, 4), path)
    world_from_cam = world_from_gl @ _OPENGL_FROM_OPENCV
    pose = rigid(world_from_cam[:3, :3], world_from_cam[:3, 3], path)
    cam_from_world = np.eye(4)
    cam_from_world[:3, :3] = pose[:3, :3].T
    cam_from_world[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    fisheye = str(values.get("camera_model", "")).upper() == "OPENCV_FISHEYE" or bool(values.get("is_fisheye"))
    coefficients = np.zeros(8)
    for place, key in enumerate(_FISHEYE if fisheye else _PERSPECTIVE):
        coefficients[place] = matrix(values.get(key, 0.0), (), f"{key} of {path}")
    K, width, height, relative = _intrinsics(path, values)
    return LensCamera(
        name=stem(path),
        width=width,
        height=height,
        K=K,
        cam_from_world=cam_from_world,
        coefficients=coefficients,
        fisheye=fisheye,
        relative=relative,
    )


def _intrinsics(path: str, values: dict[str, Any]) -> tuple[np.ndarray, int, int, bool]:
    """(K, width, height, relative): in pixels where the size is known, else in units of the photo's width."""

    def number(key: str) -> float | None:
        return float(matrix(values[key], (), f"{key} of {path}")) if values.get(key) is not None else None

    def focal(key: str, angle_key: str, length: float) -> float | None:
        value, angle = number(key), number(angle_key)
        if value is None and angle is not None and 0 < angle < np.pi:
            value = 0.5 * length / np.tan(0.5 * angle)
        return value

    w, h, cx, cy = number("w"), number("h"), number("cx"), number("cy")
    if w is None and number("fl_x") is not None and cx is not None and cy is not None:
        w, h = 2 * cx, 2 * cy  # some writers leave the size out and put the principal point in the middle
    if w is None or h is None:
        fx = focal("", "camera_angle_x", 1.0)
        if fx is None:
            raise ValueError(f"expected 'fl_x', 'w' and 'h', or 'camera_angle_x', for {path}, got neither")
        return np.diag([fx, fx, 1.0]), 0, 0, True
    width, height = size(w, h, path)
    fx = focal("fl_x", "camera_angle_x", width)
    if fx is None:
        raise ValueError(f"expected 'fl_x' or 'camera_angle_x' for {path}, got neither")
    # camera_angle_y is not asked before fl_x: writers that know one focal length leave a stale angle behind
    fy = number("fl_y") or fx
    if fx <= 0 or fy <= 0:
        raise ValueError(f"expected a positive focal length for {path}, got {min(fx, fy):g}")
    K = np.array([[fx, 0, width / 2 if cx is None else cx], [0, fy, height / 2 if cy is None else cy], [0, 0, 1.0]])
    return K, width, height, False
