# SPDX-License-Identifier: GPL-3.0-or-later
"""Global mapping (Pan et al. 2024, "Global structure-from-motion revisited"), after the focal lengths were calibrated.

All cameras are placed at once, so that no bad start spoils the rest; focal lengths come from the fundamental matrices
of all pairs first (Sweeney et al. 2015, "Optimizing the viewing graph for structure-from-motion"). What it places on
too little is taken out again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..lens import Scene
from .estimate import Estimator
from .final_adjustment import finished
from .interrupt import interruptible
from .mapping import Mapped, frames_of, scene_of
from .merging import joined

FEWEST_OBSERVATIONS = 20
"""Points, each seen in three views or more, without which a camera is not believed."""


def map_globally(e: Estimator) -> Mapped:
    """Place all cameras of the matched database together."""
    import pycolmap

    e.part(0.0, 0.2, "Calibrating the view graph")(0.0)
    database = calibrated(e)
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = options.mapper.num_threads = e.settings.threads
    options.random_seed = options.mapper.random_seed = e.settings.seed
    options.mapper.global_positioning.use_gpu = False
    options.mapper.bundle_adjustment.ceres.use_gpu = False
    output = e.work / "global"
    output.mkdir(exist_ok=True)
    e.part(0.2, 1.0, "Placing all cameras together")(0.0)
    models = interruptible(lambda token: pycolmap.global_mapping(database, e.images, output, options), e.voice.alive)
    return best_of([m for m in models.values() if keep_believable(m)], e)


def calibrated(e: Estimator) -> Path:
    """A copy of the database whose focal lengths are calibrated, as far as they can be."""
    import pycolmap

    database = e.work / "calibrated.db"
    shutil.copyfile(e.keypoints.database, database)
    options = pycolmap.ViewGraphCalibrationOptions()
    options.random_seed = e.settings.seed
    interruptible(lambda token: pycolmap.calibrate_view_graph(database, options), e.voice.alive)
    return database


def keep_believable(model: Any) -> bool:
    """Take out the cameras of ``model`` that too few points fix; whether three or more are left."""
    for image_id in list(model.reg_image_ids()):
        image = model.image(image_id)
        tracks = (model.point3D(p.point3D_id).track.length() for p in image.get_observation_points2D())
        if sum(length >= 3 for length in tracks) < FEWEST_OBSERVATIONS:
            model.deregister_frame(image.frame_id)
    return len(list(model.reg_image_ids())) >= 3


def best_of(models: list[Any], e: Estimator) -> Mapped:
    """The largest of ``models``, finished; an empty scene where there is none."""
    if not models:
        return Mapped(Scene(cameras=[]))
    ranked = joined(sorted(models, key=lambda m: (-m.num_reg_images(), -m.num_points3D())), e)
    best = finished(ranked[0], e.settings.threads, e.voice.alive)
    return Mapped(scene_of(best, e.name_of_file), [frames_of(m, e.name_of_file) for m in ranked[1:]])
