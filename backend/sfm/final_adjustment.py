# SPDX-License-Identifier: GPL-3.0-or-later
"""The last bundle adjustment of a model: with a loss that bad observations cannot bend, and with as many unknowns of
the lens as the pictures ask for.

The mappers adjust by least squares, in which a match that is 3 px off weighs as much as a hundred good ones. A Cauchy
loss (Triggs et al. 2000, "Bundle adjustment, a modern synthesis", section 3.2) as wide as the median error halves the
error of the camera centres where the truth is known: 0.22 to 0.12 mm on the rendered duck, 0.079 to 0.047 per cent on
the temple ring, 11.0 to 8.8 mm on Herz-Jesu.

Then the principal point is freed, and after it a second radial term; each is kept where it gains much in
log-likelihood (a likelihood ratio test). A decentred lens gains a hundred and more (Herz-Jesu 120, fox 415, temple ring
680), a centred one 1 to 3 (duck, monkey, kermit), and there the principal point would only trade places with the
rotations. The second radial term gains 3034 on fox and takes its error from 0.13 to 0.06 per cent; 24 or less
elsewhere. Last, pixels that are not square: pictures that were stretched have two focal lengths.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from .interrupt import interruptible

_TOLERANCE = 1e-5
"""Relative gain of a step at which an adjustment ends; 1e-6 costs twice the time and moves nothing."""
_LEAST_SCALE = 0.02
"""Least width of the loss, px: without noise the median error is nothing."""
_ROUGH = 0.5
"""A model whose median error the adjustment more than halves had not been adjusted before: its loss was too wide."""
_LEAST_GAIN = 50.0
_MOST_OFFSET = 0.06
_LEAST_STRETCH = 0.003
_FEWEST = 5
"""When a freed lens is believed: gain in log-likelihood a camera; offset of the principal point from the middle, in
longer sides; by how much two focal lengths differ, as a share; photos by every camera."""
_FIRST_STEPS = 5
"""Steps after which it shows whether two focal lengths are worth more."""


def finished(model: Any, threads: int, alive: Callable[[], None]) -> Any:
    """``model`` (a ``pycolmap.Reconstruction``, changed in place) adjusted; or a copy of it with a better lens."""
    scale = _width(model)
    _adjust(model, scale, False, threads, alive)
    if _width(model) < _ROUGH * scale:
        scale = _width(model)
        _adjust(model, scale, False, threads, alive)
    taken_by = Counter(model.image(i).camera_id for i in model.reg_image_ids())
    if not taken_by or min(taken_by.values()) < _FEWEST:
        return model
    best, free = model, False
    least = _LEAST_GAIN * len(taken_by)
    for second in (False, True):
        tried = copy.deepcopy(best)
        if second and not _with_second_term(tried):
            break
        _adjust(tried, scale, free or not second, threads, alive)
        centred = max(_offset(tried.camera(i)) for i in taken_by) < _MOST_OFFSET
        if _gain(best, tried, scale) > least and centred:
            best, free = tried, free or not second
    return _with_aspect(best, scale, free, least, threads, alive)


def _with_aspect(model: Any, scale: float, free: bool, least: float, threads: int, alive: Callable[[], None]) -> Any:
    """``model``, or a copy with two focal lengths where these differ and gain more than ``least``."""
    tried = copy.deepcopy(model)
    if not _with_two_focal_lengths(tried):
        return model
    _adjust(tried, scale, free, threads, alive, _FIRST_STEPS, bent=False)
    stretch = max(abs(camera.focal_length_x / camera.focal_length_y - 1) for camera in tried.cameras.values())
    if stretch < _LEAST_STRETCH or _gain(model, tried, scale) <= least:
        return model
    _adjust(tried, scale, free, threads, alive)
    return tried


def _gain(before: Any, after: Any, scale: float) -> float:
    """By how much the log-likelihood grew from one model to the other."""
    return log_likelihood(errors(after), scale) - log_likelihood(errors(before), scale)


def _width(model: Any) -> float:
    """Width of the loss, px: the median error."""
    return max(float(np.median(errors(model))) if model.num_points3D() else 0.0, _LEAST_SCALE)


def errors(model: Any) -> np.ndarray:
    """Distances (M,) px of all observations from their projected points; those behind their camera are left out."""
    points = {i: np.append(p.xyz, 1.0) for i, p in model.points3D.items()}
    found = [np.zeros(0)]
    for image_id in model.reg_image_ids():
        image = model.image(image_id)
        seen = image.get_observation_points2D()
        if seen:
            in_camera = np.array([points[p.point3D_id] for p in seen]) @ image.cam_from_world().matrix().T
            pixels = np.asarray(model.camera(image.camera_id).img_from_cam(in_camera))
            found.append(np.linalg.norm(pixels - np.array([p.xy for p in seen]), axis=1)[in_camera[:, 2] > 0])
    return np.concatenate(found)


def log_likelihood(distances: np.ndarray, scale: float) -> float:
    """Of ``distances`` (M,) px under the loss of width ``scale``, up to a constant."""
    return -float(np.sum(np.log1p((distances / scale) ** 2)))


def _adjust(
    model: Any,
    scale: float,
    free: bool,
    threads: int,
    alive: Callable[[], None],
    steps: int = 100,
    bent: bool = True,
) -> None:
    """Bundle adjustment in place; ``free``: of the principal point too, ``bent``: of the distortion."""
    import pycolmap

    options = pycolmap.BundleAdjustmentOptions()
    options.refine_principal_point = free
    options.refine_extra_params = bent
    options.ceres.solver_options.max_num_iterations = steps
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = scale
    options.ceres.solver_options.num_threads = threads
    options.ceres.solver_options.function_tolerance = _TOLERANCE
    interruptible(lambda token: pycolmap.bundle_adjustment(model, options, cancellation_token=token), alive)
    model.update_point_3d_errors()


def _with_second_term(model: Any) -> bool:
    """Give all cameras of ``model`` a second radial term; False where they are not of the model that has one."""
    import pycolmap

    if any(camera.model != pycolmap.CameraModelId.SIMPLE_RADIAL for camera in model.cameras.values()):
        return False
    for camera in model.cameras.values():
        values = [*camera.params, 0.0]
        camera.model = pycolmap.CameraModelId.RADIAL
        camera.params = values
    return True


def _with_two_focal_lengths(model: Any) -> bool:
    """Give all cameras of ``model`` one focal length across and one down; False where their model is another."""
    import pycolmap

    radial = (pycolmap.CameraModelId.SIMPLE_RADIAL, pycolmap.CameraModelId.RADIAL)
    if any(camera.model not in radial for camera in model.cameras.values()):
        return False
    for camera in model.cameras.values():
        focal, x, y, *terms = camera.params
        camera.model = pycolmap.CameraModelId.OPENCV
        camera.params = [focal, focal, x, y, *[*terms, 0.0][:2], 0.0, 0.0]
    return True


def _offset(camera: Any) -> float:
    """Distance of the principal point from the middle, in longer sides."""
    away = np.hypot(camera.principal_point_x - camera.width / 2, camera.principal_point_y - camera.height / 2)
    return float(away) / max(camera.width, camera.height)
