# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the cameras of a result agree with what the pictures showed before there were any cameras?

Points alone do not tell: bent cameras find points that suit them. The verified matches of all pairs are independent of
the model, and most of them keep the epipolar constraint of cameras that are right.
"""

from __future__ import annotations

import numpy as np

from ..lens import Scene
from .estimate import Estimator
from .features import positions

_ERROR = 0.003
"""Largest Sampson distance of a match that agrees, in longer sides: 5 px of 1600."""


def agreement(scene: Scene, e: Estimator) -> float:
    """Share of the verified matches between placed cameras that keep their epipolar constraint; 1 without matches.

    Distances are Sampson's (Hartley and Zisserman 2004, equation 11.9), between undistorted directions.
    """
    import pycolmap

    placed = {c.name: c for c in scene.cameras}
    good = total = 0
    with pycolmap.Database.open(e.keypoints.database) as opened:
        lens_of, directions = {}, {}
        for image in opened.read_all_images():
            name = e.name_of_file[image.name]
            if name in placed:
                lens_of[image.image_id] = placed[name]
                directions[image.image_id] = placed[name].undistort(positions(opened, image.image_id))
        for pair_id, geometry in zip(*opened.read_two_view_geometries(), strict=True):
            a, b = pycolmap.pair_id_to_image_pair(pair_id)
            matches = np.asarray(geometry.inlier_matches, np.int64)
            if a in lens_of and b in lens_of and len(matches):
                relative = lens_of[b].cam_from_world @ np.linalg.inv(lens_of[a].cam_from_world)
                distance = sampson(relative, directions[a][matches[:, 0]], directions[b][matches[:, 1]])
                limit = _ERROR * max(lens_of[a].width, lens_of[a].height) / lens_of[a].K[0, 0]
                good, total = good + int(np.count_nonzero(distance < limit)), total + len(matches)
    return good / total if total else 1.0


def sampson(b_from_a: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sampson distances (N,) of matched directions (N, 2), (N, 2) under the pose ``b_from_a`` (4, 4)."""
    x, y, z = b_from_a[:3, 3]
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ b_from_a[:3, :3]
    one = np.column_stack([one, np.ones(len(one))])
    other = np.column_stack([other, np.ones(len(other))])
    in_b, in_a = one @ essential.T, other @ essential
    scale = np.sum(in_b[:, :2] ** 2, axis=1) + np.sum(in_a[:, :2] ** 2, axis=1)
    return np.abs(np.sum(other * in_b, axis=1)) / np.sqrt(np.maximum(scale, 1e-30))
