# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cameras of a result look at the same thing from nearly the same side, and so must have matched well?"""

from __future__ import annotations

import numpy as np

from ..lens import Scene

_SAMPLES = 48
"""Points a camera by which its view is known."""


def views(scene: Scene, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """For each two cameras the share of their points that both have in the picture, (F, F), and the angle in degrees
    at which they see those, (F, F); the worse of both ways round. 0 and 180 where they see nothing together.

    Pictures are taken for undistorted: this is about halves of pictures, not pixels.
    """
    points = _sampled(scene, seed)
    centres = scene.centres()
    shared, angle = np.zeros((len(centres),) * 2), np.full((len(centres),) * 2, 180.0)
    flat = points.reshape(-1, 3)
    mine = _unit(points - centres[:, None])
    for j, lens in enumerate(scene.cameras):
        cam = flat @ lens.cam_from_world[:3, :3].T + lens.cam_from_world[:3, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            x, y = (cam[:, :2] / cam[:, 2:] * lens.K[[0, 1], [0, 1]] + lens.K[:2, 2]).T
            inside = (cam[:, 2] > 0) & (x >= 0) & (y >= 0) & (x < lens.width) & (y < lens.height)
        inside = inside.reshape(points.shape[:2])
        cosine = np.sum(mine * _unit(points - centres[j]), axis=2)
        shared[:, j] = inside.mean(axis=1)
        between = np.where(inside, np.degrees(np.arccos(np.clip(cosine, -1, 1))), np.nan)
        some = inside.any(axis=1)
        angle[some, j] = np.nanmedian(between[some], axis=1)
    return np.minimum(shared, shared.T), np.maximum(angle, angle.T)


def _sampled(scene: Scene, seed: int) -> np.ndarray:
    """Points (F, S, 3) that each camera observes, drawn evenly; those of a camera without any are not finite."""
    random = np.random.default_rng(seed)
    points = np.full((len(scene.cameras), _SAMPLES, 3), np.nan)
    for i in range(len(scene.cameras)):
        seen = np.unique(scene.observed_point[scene.observed_camera == i])
        if len(seen):
            points[i] = scene.points[random.choice(seen, _SAMPLES, replace=len(seen) < _SAMPLES)]
    return points


def _unit(vectors: np.ndarray) -> np.ndarray:
    """``vectors`` (..., 3) of length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)
