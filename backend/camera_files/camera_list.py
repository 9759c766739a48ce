# SPDX-License-Identifier: GPL-3.0-or-later
"""Read cameras_gt.json: measured cameras, one entry a photo.

``{"images": {"name.png": {"w", "h", "K" (3, 3), "R" (3, 3), "t" (3,)}}}``: world-to-camera, OpenCV axes, no distortion.
"""

from __future__ import annotations

from typing import Any

from ..lens import LensCamera, Scene
from .checks import matrix, rigid, size, stem


def parse(data: dict[str, Any], file_name: str) -> Scene:
    """Cameras of the parsed file. Raises ``ValueError`` naming the photo whose entry makes no sense."""
    cameras = []
    for name, entry in data["images"].items():
        if not isinstance(entry, dict):
            raise ValueError(f"expected an object for {name} in {file_name}, got {type(entry).__name__}")
        width, height = size(entry.get("w"), entry.get("h"), name)
        K = matrix(entry.get("K"), (3, 3), name)
        if K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError(f"expected positive focal lengths for {name}, got {K[0, 0]:g} and {K[1, 1]:g}")
        K[0, 1] = 0.0
        cam_from_world = rigid(entry.get("R"), entry.get("t"), name)
        cameras.append(LensCamera(name=stem(name), width=width, height=height, K=K, cam_from_world=cam_from_world))
    if not cameras:
        raise ValueError(f"expected images in {file_name}, got none")
    return Scene(cameras=cameras)
