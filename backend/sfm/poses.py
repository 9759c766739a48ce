# SPDX-License-Identifier: GPL-3.0-or-later
"""A model built by hand from poses, and completed by pycolmap: points triangulated, everything adjusted together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .interrupt import interruptible

if TYPE_CHECKING:
    from .estimate import Estimator

_ROUNDS = 3
_LOOSE = 3.0
"""First rounds take observations this many times further off than the last, as the poses are still rough."""


def adjusted(poses: dict[int, np.ndarray], database: Path, e: Estimator, cameras: dict[int, Any] | None = None) -> Any:
    """A ``pycolmap.Reconstruction`` that starts from ``cam_from_world`` (4, 4) by image id, with refined cameras.

    ``cameras`` by id are where their refinement starts, else the database's. Points are triangulated from the verified
    matches and cameras, focal length and points adjusted, in turn.
    """
    model = with_poses(poses, database, cameras)
    for turn in range(_ROUNDS):
        e.voice.alive()
        model = _triangulated(model, database, e, _LOOSE if turn < _ROUNDS - 1 else 1.0)
        if model.num_points3D() < 2 * len(poses):
            return model
        _adjust(model, e)
    model.update_point_3d_errors()
    return model


def _adjust(model: Any, e: Estimator) -> None:
    """Bundle adjustment of ``model``, in place; a soft loss, because some matches are still wrong."""
    import pycolmap

    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    options.ceres.solver_options.num_threads = e.settings.threads
    options.ceres.solver_options.function_tolerance = 1e-6
    interruptible(lambda token: pycolmap.bundle_adjustment(model, options, cancellation_token=token), e.voice.alive)


def with_poses(poses: dict[int, np.ndarray], database: Path, cameras: dict[int, Any] | None = None) -> Any:
    """A ``pycolmap.Reconstruction`` without points. ``cameras`` by id take the place of the database's."""
    import pycolmap

    model = pycolmap.Reconstruction()
    with pycolmap.Database.open(database) as opened:
        for image_id, cam_from_world in poses.items():
            stored = opened.read_image(image_id)
            if not model.exists_camera(stored.camera_id):
                model.add_camera_with_trivial_rig(
                    (cameras or {}).get(stored.camera_id) or opened.read_camera(stored.camera_id)
                )
            image = pycolmap.Image(
                name=stored.name,
                keypoints=np.asarray(opened.read_keypoints(image_id))[:, :2].astype(np.float64),
                camera_id=stored.camera_id,
                image_id=image_id,
            )
            model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(cam_from_world[:3]))
    return model


def _triangulated(model: Any, database: Path, e: Estimator, loose: float) -> Any:
    """The poses and cameras of ``model`` with points triangulated afresh."""
    import pycolmap

    poses = {i: np.vstack([model.image(i).cam_from_world().matrix(), [0, 0, 0, 1]]) for i in model.reg_image_ids()}
    bare = with_poses(poses, database, dict(model.cameras))
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = e.settings.threads
    options.random_seed = options.triangulation.random_seed = e.settings.seed
    options.triangulation.create_max_angle_error *= loose
    options.triangulation.continue_max_angle_error *= loose
    options.triangulation.complete_max_reproj_error *= loose
    options.triangulation.merge_max_reproj_error *= loose
    options.mapper.filter_max_reproj_error *= loose
    output = e.work / "triangulated"
    output.mkdir(exist_ok=True)
    for file in output.iterdir():
        file.unlink()
    return interruptible(
        lambda token: pycolmap.triangulate_points(
            bare, database, e.images, output, refine_intrinsics=False, options=options, cancellation_token=token
        ),
        e.voice.alive,
    )
