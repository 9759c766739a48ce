# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimated cameras against true ones.

Notation: ``truth`` maps a frame's name to its ``cam_from_world`` (4, 4) in the truth's world. Frames count when they
have a truth and entered the job, registered or not; one that was not registered fails in all its pairs.

AUC: the share of frame pairs whose error is below an angle, as a curve, and the area under it up to a limit, relative
to a perfect curve (the mean of max(0, 1 - error / limit)). A pair's error is the larger of two angles: between the two
relative rotations, and between the two directions of relative translation. Neither depends on the choice of world.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .camera_files import read_cameras
from .geometry import angle_degrees, apply, rotation_angle_degrees, similarity_between
from .records import Cameras

LIMITS_DEGREES = (3, 5, 30)


def load_truth_cameras(folder: Path) -> dict[str, np.ndarray]:
    """True cameras of a data set, ``cam_from_world`` (4, 4) by frame name.

    ``folder`` (or a file in it) holds a COLMAP model, a transforms.json, a cameras_gt.json or a NAME_par.txt, as
    ``camera_files.read_cameras`` finds them. Raises ``ValueError`` where there is none.
    """
    return {camera.name: camera.cam_from_world for camera in read_cameras(folder).cameras}


def camera_metrics(estimated: Cameras, truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The camera figures of ``protocol.METRICS``: AUC at 3, 5 and 30 degrees, centre error and up error.

    ``camera_centre_rms_percent`` is the rms distance of the centres after the best similarity, in per cent of the
    diagonal of the box of the counted true centres; it and ``up_error_degrees`` need three registered frames with a
    truth and are left out otherwise. Raises ``ValueError`` where no frame of the job has a truth.
    """
    used = {c.name for c in estimated.cameras} | {u["name"] for u in estimated.unregistered}
    counted = sorted(used & set(truth))
    if not counted:
        raise ValueError("expected true cameras of the job's frames, got none")
    errors = pair_errors(estimated, truth)
    pairs = len(counted) * (len(counted) - 1) // 2
    metrics = {
        f"camera_auc_{limit}": 100.0 * float(np.sum(np.clip(1 - errors / limit, 0, 1))) / max(pairs, 1)
        for limit in LIMITS_DEGREES
    }
    metrics["frames_registered"] = float(sum(c.name in truth for c in estimated.cameras))
    if metrics["frames_registered"] >= 3:
        truth_from_world = align_to_truth(estimated, truth)
        own, true = _centres(estimated, truth)
        everything = np.array([_centre(truth[name]) for name in counted])
        diagonal = float(np.linalg.norm(np.ptp(everything, axis=0)))
        rms = float(np.sqrt(np.mean(np.sum((apply(truth_from_world, own) - true) ** 2, axis=1))))
        metrics["camera_centre_rms_percent"] = 100.0 * rms / diagonal
        metrics["up_error_degrees"] = float(angle_degrees(truth_from_world[:3, 2], np.array([0.0, 0.0, 1.0])))
    return metrics


def align_to_truth(estimated: Cameras, truth: Mapping[str, np.ndarray]) -> np.ndarray:
    """The similarity ``truth_from_world`` (4, 4) that brings the estimated camera centres to the true ones.

    Raises ``ValueError`` for fewer than three frames in common.
    """
    return similarity_between(*_centres(estimated, truth))


def pair_errors(estimated: Cameras, truth: Mapping[str, np.ndarray]) -> np.ndarray:
    """Error in degrees of every pair of registered frames with a truth, (P,), P = n (n - 1) / 2."""
    common = [c for c in estimated.cameras if c.name in truth]
    own = np.array([c.cam_from_world for c in common]).reshape(-1, 4, 4)
    true = np.array([truth[c.name] for c in common]).reshape(-1, 4, 4)
    i, j = np.triu_indices(len(common), k=1)
    own_rotation, own_direction = _relative(own, i, j)
    true_rotation, true_direction = _relative(true, i, j)
    rotation = rotation_angle_degrees(own_rotation @ np.swapaxes(true_rotation, 1, 2))
    return np.maximum(rotation, angle_degrees(own_direction, true_direction))


def _relative(cams_from_world: np.ndarray, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (P, 3, 3) and translation (P, 3) of camera j as seen from camera i."""
    rotation = cams_from_world[i, :3, :3] @ np.swapaxes(cams_from_world[j, :3, :3], 1, 2)
    return rotation, cams_from_world[i, :3, 3] - np.einsum("pij,pj->pi", rotation, cams_from_world[j, :3, 3])


def _centre(cam_from_world: np.ndarray) -> np.ndarray:
    """Camera centre (3,)."""
    return -cam_from_world[:3, :3].T @ cam_from_world[:3, 3]


def _centres(estimated: Cameras, truth: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Estimated and true centres, (n, 3) each, of the frames in common."""
    common = [c for c in estimated.cameras if c.name in truth]
    own = np.array([c.centre for c in common]).reshape(-1, 3)
    return own, np.array([_centre(truth[c.name]) for c in common]).reshape(-1, 3)
