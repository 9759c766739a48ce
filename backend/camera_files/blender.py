# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras in Blender's own terms, as JSON: a script of five lines makes cameras of it, and it is read back.

``{"format": "Blender cameras 1", "cameras": [{...}]}``; of each camera ``name``, ``file``, ``matrix_world`` (4, 4:
Blender's axes, x right, y up, the camera looks along -z), ``lens`` (mm), ``sensor_width`` (mm, sensor fit horizontal),
``shift_x``, ``shift_y`` (widths of the picture), ``resolution`` (x, y), ``pixel_aspect`` (x, y). Blender has no lens
distortion.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..lens import LensCamera, Scene
from .checks import matrix, rigid, size

FORMAT = "Blender cameras 1"
SENSOR_WIDTH = 36.0
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def write_cameras(path: Path, scene: Scene, files: dict[str, str]) -> None:
    """Write ``scene``'s cameras; ``files`` maps names to pictures. Raises ``ValueError`` for a distorted lens."""
    if distorted := [c.name for c in scene.cameras if c.distorted]:
        raise ValueError(f"expected pinhole cameras for Blender, got a distorted lens of {distorted[0]}")
    listed = [_entry(camera, files.get(camera.name, camera.name)) for camera in scene.cameras]
    path.write_text(json.dumps({"format": FORMAT, "cameras": listed}, indent=1) + "\n", encoding="utf-8")


def _entry(camera: LensCamera, file: str) -> dict[str, Any]:
    """One camera."""
    fx, fy, cx, cy = camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]
    tall = fx / fy
    return {
        "name": camera.name,
        "file": file,
        "matrix_world": (np.linalg.inv(camera.cam_from_world) @ _FLIP).tolist(),
        "lens": fx * SENSOR_WIDTH / camera.width,
        "sensor_width": SENSOR_WIDTH,
        "shift_x": (camera.width / 2 - cx) / camera.width,
        "shift_y": (cy - camera.height / 2) * tall / camera.width,
        "resolution": [camera.width, camera.height],
        "pixel_aspect": [max(1.0, 1 / tall), max(1.0, tall)],
    }


def parse(data: dict[str, Any], file_name: str) -> Scene:
    """Cameras of the parsed file. Raises ``ValueError`` naming the camera that makes no sense."""
    cameras = []
    for entry in data["cameras"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ValueError(f"expected cameras with names in {file_name}, got {str(entry)[:80]!r}")
        cameras.append(_camera(entry, entry["name"]))
    if not cameras:
        raise ValueError(f"expected cameras in {file_name}, got none")
    return Scene(cameras=cameras)


def _camera(entry: dict[str, Any], name: str) -> LensCamera:
    """One camera of the file."""

    def number(key: str) -> float:
        return float(matrix(entry.get(key), (), f"{key} of {name}"))

    resolution = matrix(entry.get("resolution"), (2,), f"the resolution of {name}")
    width, height = size(resolution[0], resolution[1], name)
    aspect = matrix(entry.get("pixel_aspect", (1, 1)), (2,), f"the pixel aspect of {name}")
    fx = number("lens") / number("sensor_width") * width
    if not fx > 0 or not (aspect > 0).all():
        raise ValueError(f"expected a positive lens and pixel aspect of {name}, got {fx:g} and {aspect.tolist()}")
    tall = aspect[1] / aspect[0]
    cx = width / 2 - number("shift_x") * width
    cy = height / 2 + number("shift_y") * width / tall
    pose = matrix(entry.get("matrix_world"), (4, 4), name) @ _FLIP
    world_from_cam = rigid(pose[:3, :3], pose[:3, 3], name)
    K = np.array([[fx, 0, cx], [0, fx / tall, cy], [0, 0, 1.0]])
    return LensCamera(name=name, width=width, height=height, K=K, cam_from_world=np.linalg.inv(world_from_cam))
