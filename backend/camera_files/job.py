# SPDX-License-Identifier: GPL-3.0-or-later
"""Read our own cameras.json: undistorted pinhole cameras, from ``04_cameras`` or from an export."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from ..lens import LensCamera, Scene
from .checks import matrix, rigid, size


def parse(data: dict[str, Any], file_name: str) -> Scene:
    """Cameras of the parsed file. Raises ``ValueError`` naming the camera that makes no sense."""
    cameras = []
    for entry in data["cameras"]:
        name = str(entry.get("name", "")) if isinstance(entry, dict) else ""
        if not name:
            raise ValueError(f"expected cameras with names in {file_name}, got {str(entry)[:80]!r}")
        width, height = size(entry.get("width"), entry.get("height"), name)
        K = matrix(entry.get("K"), (3, 3), name)
        if K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError(f"expected positive focal lengths for {name}, got {K[0, 0]:g} and {K[1, 1]:g}")
        pose = matrix(entry.get("cam_from_world"), (4, 4), name)
        cameras.append(
            LensCamera(
                name=name, width=width, height=height, K=K, cam_from_world=rigid(pose[:3, :3], pose[:3, 3], name)
            )
        )
    if not cameras:
        raise ValueError(f"expected cameras in {file_name}, got none")
    return Scene(cameras=cameras)


def files(data: dict[str, Any]) -> dict[str, str]:
    """File names of the pictures by the cameras' names."""
    return {str(e["name"]): PurePosixPath(str(e["image"])).name for e in data["cameras"] if "image" in e}
