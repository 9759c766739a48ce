# SPDX-License-Identifier: GPL-3.0-or-later
"""Incremental mapping (Schoenberger and Frahm 2016) of a matched database, and its result as a ``Scene``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..camera_files.checks import lens_of_colmap
from ..geometry import transform
from ..lens import LensCamera, Scene
from .final_adjustment import finished
from .interrupt import interruptible


@dataclass(frozen=True, kw_only=True)
class MapperSettings:
    """``relaxed``: start from fewer inliers and narrower angles, and register on fewer matches."""

    relaxed: bool = False
    threads: int = -1
    seed: int = 0


@dataclass(frozen=True)
class Mapped:
    """The largest model, and the frames of each other model into which the capture fell apart, the largest first."""

    scene: Scene
    others: list[set[str]] = field(default_factory=list)


def run_mapper(
    database: Path,
    images: Path,
    name_of_file: dict[str, str],
    settings: MapperSettings,
    alive: Callable[[], None],
    progress: Callable[[float], None],
    join: Callable[[list[Any]], list[Any]] = list,
) -> Mapped:
    """Map the database; ``name_of_file`` turns a picture's file name into its frame's name. No model: empty scene.

    ``join`` puts models that belong together into one (``merging.joined``).
    """
    import pycolmap

    options = _options(settings)
    pycolmap.set_random_seed(settings.seed)
    registered = [0]

    def count() -> None:
        registered[0] += 1

    def listen() -> None:
        alive()
        progress(min(1.0, registered[0] / max(len(name_of_file), 1)))

    output = database.parent / "models"
    output.mkdir(exist_ok=True)
    models = interruptible(
        lambda token: pycolmap.incremental_mapping(
            database, images, output, options, next_image_callback=count, cancellation_token=token
        ),
        listen,
    )
    if not models:
        return Mapped(Scene(cameras=[]))
    ranked = join(sorted(models.values(), key=lambda m: (-m.num_reg_images(), -m.num_points3D())))
    best = finished(ranked[0], settings.threads, alive)
    return Mapped(scene_of(best, name_of_file), [frames_of(m, name_of_file) for m in ranked[1:]])


def frames_of(model: Any, name_of_file: dict[str, str]) -> set[str]:
    """Names of the frames that a ``pycolmap.Reconstruction`` places."""
    return {name_of_file[model.image(i).name] for i in model.reg_image_ids()}


def _options(settings: MapperSettings) -> Any:
    """The mapper's options for ``settings``."""
    import pycolmap

    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = 3
    options.max_num_models = 10
    options.num_threads = settings.threads
    options.random_seed = settings.seed
    options.mapper.random_seed = settings.seed
    options.triangulation.random_seed = settings.seed
    options.mapper.num_threads = settings.threads
    # The model is adjusted whole when it has grown by a third instead of a tenth, in fewer rounds: on fox that saves a
    # fifth of the mapper's time and changes its centres by 2 thousandths of a per cent.
    options.ba_global_frames_ratio = options.ba_global_points_ratio = 1.3
    options.ba_global_max_refinements = 2
    options.ba_local_max_refinements = 1
    if settings.relaxed:
        options.min_num_matches = 10
        options.mapper.init_min_num_inliers = 30
        options.mapper.init_min_tri_angle = 4.0
        options.mapper.abs_pose_min_num_inliers = 15
        options.mapper.abs_pose_min_inlier_ratio = 0.15
    return options


def scene_of(model: Any, name_of_file: dict[str, str]) -> Scene:
    """A ``pycolmap.Reconstruction`` as a ``Scene``: cameras by name, points by their ids."""
    images = sorted((model.image(i) for i in model.reg_image_ids()), key=lambda i: name_of_file[i.name])
    cameras = []
    for image in images:
        camera = model.camera(image.camera_id)
        K, coefficients, fisheye = lens_of_colmap(camera.model_name, camera.params)
        pose = image.cam_from_world()
        cameras.append(
            LensCamera(
                name=name_of_file[image.name],
                width=camera.width,
                height=camera.height,
                K=K,
                coefficients=coefficients,
                fisheye=fisheye,
                cam_from_world=transform(pose.rotation.matrix(), pose.translation),
            )
        )
    place = {image.image_id: i for i, image in enumerate(images)}
    points = sorted(model.points3D.items())
    seen = [
        (p, place[e.image_id], e.image_id, e.point2D_idx) for p, (_, x) in enumerate(points) for e in x.track.elements
    ]
    keypoints = {image.image_id: [p.xy for p in image.points2D] for image in images}
    return Scene(
        cameras=cameras,
        points=np.array([x.xyz for _, x in points], np.float64).reshape(-1, 3),
        colours=np.array([x.color for _, x in points], np.uint8).reshape(-1, 3),
        errors=np.array([x.error for _, x in points], np.float64),
        observed_point=np.array([s[0] for s in seen], np.int64),
        observed_camera=np.array([s[1] for s in seen], np.int64),
        observed_xy=np.array([keypoints[s[2]][s[3]] for s in seen], np.float64).reshape(-1, 2),
    )
