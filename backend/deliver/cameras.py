# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras in the delivered unit, and, where asked for, their photos beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..records import Cameras

PHOTOS = "photos"


def write_cameras(folder: Path, cameras: Cameras, factor: float, unit: str, pictures: str) -> None:
    """Write ``folder/cameras.json``, its world times ``factor``.

    ``pictures`` is the path of the folder that holds the photos, relative to ``folder``; masks stay where they are.
    """
    scaled = []
    for camera in cameras.cameras:
        cam_from_world = camera.cam_from_world.copy()
        cam_from_world[:3, 3] *= factor
        scaled.append(replace(camera, image=f"{pictures}/{camera.image}", cam_from_world=cam_from_world))
    world = np.diag([factor, factor, factor, 1.0]) @ cameras.world_from_sfm
    replace(
        cameras, cameras=scaled, world_from_sfm=world, box=cameras.box * factor, unit=unit,
        metres_per_unit=1.0 if unit == "m" else None,
    ).save(folder)  # fmt: skip


def copy_photos(source: Path, target: Path, cameras: Cameras, tell: Callable[[float], None]) -> int:
    """Copy the cameras' undistorted photos from ``source`` to ``target``, names and sub-folders kept; return how many.

    Copies and not links: what is handed on must not change with the job.
    """
    for index, camera in enumerate(cameras.cameras):
        tell(index / len(cameras.cameras))
        path = target / camera.image
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / camera.image, path)
    return len(cameras.cameras)
