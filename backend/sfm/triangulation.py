# SPDX-License-Identifier: GPL-3.0-or-later
"""Sparse points for cameras that were given without any: keypoints matched between near views, poses held fixed.

They cost far less than structure from motion, because each view is compared with its nearest few alone, and they tell
where the ground is. Nothing about the cameras changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..lens import Scene
from ..records import Frame
from .features import FeatureSettings, Keypoints
from .interrupt import Voice, interruptible
from .mapping import scene_of
from .matching import match

_NEIGHBOURS = 5
_BEST_ANGLE_DEGREES = 12.0


def triangulate(
    scene: Scene,
    frames: list[Frame],
    images: Path,
    work: Path,
    features: FeatureSettings,
    progress: Callable[[float, str], None],
    seed: int = 0,
) -> Scene:
    """``scene`` with points triangulated from the pictures in ``images``; without any where too little matches."""
    import pycolmap

    voice = Voice(progress)
    posed = {c.name for c in scene.cameras}
    used = [f for f in frames if f.name in posed]
    files = {f.name: Path(f.image).name for f in used}
    keypoints = Keypoints(work / "database.db", images, used, voice.alive, {c.name: c for c in scene.cameras})
    keypoints.extract(features, {}, voice.part(0.0, 0.5, "Finding keypoints"))
    names = [files[c.name] for c in scene.cameras]
    match(
        keypoints.database,
        names,
        near_pairs(scene),
        voice.alive,
        voice.part(0.5, 0.95, "Matching frames"),
        features.threads,
        seed,
    )
    model = _reconstruction(scene, keypoints.database, files)
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = features.threads
    options.random_seed = seed
    options.triangulation.random_seed = seed
    done = interruptible(
        lambda token: pycolmap.triangulate_points(
            model, keypoints.database, images, work / "models", options=options, cancellation_token=token
        ),
        voice.alive,
    )
    found = scene_of(done, {file: name for name, file in files.items()})
    order = {c.name: i for i, c in enumerate(scene.cameras)}
    camera_of = np.array([order[c.name] for c in found.cameras], np.int64)
    return replace(found, cameras=scene.cameras, observed_camera=camera_of[found.observed_camera])


def near_pairs(scene: Scene) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of cameras: each with the few whose view directions differ by about 12 degrees or less."""
    views = np.array([c.cam_from_world[2, :3] for c in scene.cameras])
    centres = scene.centres()
    spread = float(np.median(np.linalg.norm(centres - centres.mean(axis=0), axis=1))) or 1.0
    angles = np.degrees(np.arccos(np.clip(views @ views.T, -1, 1)))
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) / spread
    # twins from one place see no depth; beyond the best angle every degree makes a match less likely
    cost = np.abs(angles - _BEST_ANGLE_DEGREES) / 90.0 + apart + np.where(apart < 0.02, 1e3, 0.0)
    np.fill_diagonal(cost, np.inf)
    nearest = np.argsort(cost, axis=1, kind="stable")[:, :_NEIGHBOURS]
    return sorted({(min(i, int(j)), max(i, int(j))) for i, row in enumerate(nearest) for j in row if i != j})


def _reconstruction(scene: Scene, database: Path, files: dict[str, str]) -> Any:
    """A ``pycolmap.Reconstruction`` with the given cameras, under the database's image ids."""
    import pycolmap

    model = pycolmap.Reconstruction()
    with pycolmap.Database.open(database) as opened:
        known = {image.name: image for image in opened.read_all_images()}
        for lens in scene.cameras:
            if files[lens.name] not in known:
                continue  # a picture that pycolmap could not read has no keypoints
            stored = known[files[lens.name]]
            if not model.exists_camera(stored.camera_id):
                model.add_camera_with_trivial_rig(opened.read_camera(stored.camera_id))
            image = pycolmap.Image(
                name=stored.name,
                keypoints=np.asarray(opened.read_keypoints(stored.image_id))[:, :2].astype(np.float64),
                camera_id=stored.camera_id,
                image_id=stored.image_id,
            )
            model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(lens.cam_from_world[:3]))
    return model
