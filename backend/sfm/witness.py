# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the cameras of a result agree with what the pictures showed before there were any cameras?

Points alone do not tell: bent cameras find points that suit them. The verified matches of all pairs are independent of
the model, and most of them keep the epipolar constraint of cameras that are right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..lens import Scene
from .estimate import Estimator
from .features import positions

_ERROR = 0.003
"""Largest Sampson distance of a match that agrees, in longer sides: 5 px of 1600."""


@dataclass(frozen=True)
class Pairs:
    """Verified pairs of placed cameras: places in the scene ``first`` and ``second`` (P,), the number of ``matches``
    (P,), and how many of them keep the epipolar constraint of the cameras, ``kept`` (P,).
    """

    first: np.ndarray
    second: np.ndarray
    matches: np.ndarray
    kept: np.ndarray


def agreement(scene: Scene, e: Estimator) -> float:
    """Share of the verified matches between placed cameras that keep their epipolar constraint; 1 without matches."""
    pairs = verified_pairs(scene, e)
    total = int(pairs.matches.sum())
    return float(pairs.kept.sum()) / total if total else 1.0


def verified_pairs(scene: Scene, e: Estimator) -> Pairs:
    """What the database says of each pair of placed cameras.

    Distances are Sampson's (Hartley and Zisserman 2004, equation 11.9), between undistorted directions.
    """
    import pycolmap

    place = {c.name: i for i, c in enumerate(scene.cameras)}
    rows: list[tuple[int, int, int, int]] = []
    with pycolmap.Database.open(e.keypoints.database) as opened:
        ids = {i.image_id: place[e.name_of_file[i.name]] for i in opened.read_all_images()
               if e.name_of_file[i.name] in place}  # fmt: skip
        directions = {i: scene.cameras[k].undistort(positions(opened, i)) for i, k in ids.items()}
        for pair_id, geometry in zip(*opened.read_two_view_geometries(), strict=True):
            a, b = pycolmap.pair_id_to_image_pair(pair_id)
            matches = np.asarray(geometry.inlier_matches, np.int64)
            if a in ids and b in ids and len(matches):
                one, other = scene.cameras[ids[a]], scene.cameras[ids[b]]
                relative = other.cam_from_world @ np.linalg.inv(one.cam_from_world)
                distance = sampson(relative, directions[a][matches[:, 0]], directions[b][matches[:, 1]])
                limit = _ERROR * max(one.width, one.height) / one.K[0, 0]
                rows.append((ids[a], ids[b], len(matches), int(np.count_nonzero(distance < limit))))
    return Pairs(*np.array(rows, np.int64).reshape(-1, 4).T)


def sampson(b_from_a: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sampson distances (N,) of matched directions (N, 2), (N, 2) under the pose ``b_from_a`` (4, 4)."""
    x, y, z = b_from_a[:3, 3]
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ b_from_a[:3, :3]
    one = np.column_stack([one, np.ones(len(one))])
    other = np.column_stack([other, np.ones(len(other))])
    in_b, in_a = one @ essential.T, other @ essential
    scale = np.sum(in_b[:, :2] ** 2, axis=1) + np.sum(in_a[:, :2] ** 2, axis=1)
    return np.abs(np.sum(other * in_b, axis=1)) / np.sqrt(np.maximum(scale, 1e-30))
