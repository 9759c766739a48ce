# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what ``04_cameras`` promises: undistorted images, cameras.json, points.ply and a COLMAP model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..camera_files.colmap_writer import write_model
from ..geometry import apply, camera_in_new_world
from ..images import read_rgb, write_image
from ..lens import LensCamera, Scene
from ..ply import table, write_ply
from ..records import Camera, Frame
from ..undistort import pinhole_of, undistort_image


def pinhole_cameras(scene: Scene, world_from_source: np.ndarray, frames: dict[str, Frame]) -> list[Camera]:
    """The records of all cameras of ``scene``, sorted by name; which are held out is their readers' to say."""
    cameras = []
    for lens in sorted(scene.cameras, key=lambda c: c.name):
        K, distortion = pinhole_of(lens)
        suffix = ".png" if Path(frames[lens.name].image).suffix.lower() == ".png" else ".jpg"
        cameras.append(
            Camera(
                name=lens.name,
                image=f"images/{lens.name}{suffix}",
                width=lens.width,
                height=lens.height,
                K=K,
                cam_from_world=camera_in_new_world(lens.cam_from_world, world_from_source),
                distortion=distortion,
            )
        )
    return cameras


def write_images(
    cameras: list[Camera],
    frames: dict[str, Frame],
    source: Path,
    output: Path,
    progress: Callable[[float], None],
) -> None:
    """Write ``output/images``; a frame that needs no undistortion is copied byte for byte."""
    (output / "images").mkdir()
    for done, camera in enumerate(cameras):
        progress(done / len(cameras))
        path = source / frames[camera.name].image
        if not camera.distortion and path.suffix.lower() == Path(camera.image).suffix:
            shutil.copyfile(path, output / camera.image)
        else:
            write_image(output / camera.image, undistort_image(read_rgb(path), camera))


def write_points(scene: Scene, world_from_source: np.ndarray, cameras: list[Camera], output: Path) -> None:
    """Write ``points.ply`` (N vertices, N may be 0) and the model in ``sparse``."""
    points = apply(world_from_source, scene.points)
    columns = {axis: points[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    columns |= {name: scene.colours[:, i] for i, name in enumerate(("red", "green", "blue"))}
    write_ply(output / "points.ply", table(columns))
    place = {camera.name: i for i, camera in enumerate(cameras)}
    camera_of = np.array([place[c.name] for c in scene.cameras], np.int64)
    xy = np.zeros_like(scene.observed_xy)
    for i, lens in enumerate(scene.cameras):
        seen = scene.observed_camera == i
        xy[seen] = _in_pinhole(lens, cameras[place[lens.name]], scene.observed_xy[seen])
    observed = (scene.observed_point, camera_of[scene.observed_camera], xy)
    write_model(output / "sparse", cameras, points, scene.colours, scene.errors, observed)


def _in_pinhole(lens: LensCamera, camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Photo ``pixels`` (N, 2) in the undistorted image."""
    return lens.undistort(pixels) * camera.K[[0, 1], [0, 1]] + camera.K[:2, 2]


def reprojection_error(scene: Scene) -> float | None:
    """Mean distance in photo pixels between observations and projected points; None where there are none."""
    total, count = 0.0, 0
    for i, lens in enumerate(scene.cameras):
        seen = scene.observed_camera == i
        if seen.any():
            pixels, depth = lens.project(scene.points[scene.observed_point[seen]])
            distance = np.linalg.norm(pixels - scene.observed_xy[seen], axis=1)[depth > 0]
            total, count = total + float(distance.sum()), count + len(distance)
    return total / count if count else None
