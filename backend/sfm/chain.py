# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras one by one, by OpenCV: an essential matrix for the first two (Nister 2004), the others by perspective from
the points known so far (Lepetit et al. 2009, EPnP, in RANSAC), then one adjustment of everything.

It starts from the pair with the most points in front of both cameras, however narrow, and so begins where the mapper
finds no pair good enough. Focal lengths are those of the calibrated view graph.

Notation: directions are (x/z, y/z), undistorted; a track is a list of (image id, keypoint).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ..geometry import transform
from ..lens import Scene
from .estimate import Estimator
from .features import positions
from .global_mapping import best_of, calibrated, keep_believable
from .mapping import Mapped
from .poses import adjusted

_STARTS, _CHAINS = 12, 3
"""Pairs looked at for a start, and chains grown from the best of them."""
_ERROR = 4.0
"""Largest distance in pixels at which a match or an observation is believed."""
_LEAST_ANGLE = np.cos(np.radians(2.0))
_FEWEST = 15
_LEAST_SHARE = 0.35


@dataclass
class _Pairs:
    """What the database knows: directions (N, 2) by image id, focal length by image id, and inlier matches."""

    directions: dict[int, np.ndarray] = field(default_factory=dict)
    focal: dict[int, float] = field(default_factory=dict)
    matches: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)


def chain(e: Estimator) -> Mapped:
    """Place as many cameras as hang together."""
    e.part(0.0, 0.7, "Placing cameras one by one")(0.0)
    database = calibrated(e)
    pairs = _read(e, database)
    chains = [_grown(e, pairs, poses) for poses in _starts(pairs, e.settings.seed)]
    poses = max(chains, key=len, default={})
    if len(poses) < 3:
        return Mapped(Scene(cameras=[]))
    model = adjusted(poses, database, e)
    return best_of([model] if keep_believable(model) else [], e)


def _read(e: Estimator, database: Path) -> _Pairs:
    """Directions, focal lengths and verified matches."""
    import pycolmap

    pairs = _Pairs()
    with pycolmap.Database.open(database) as opened:
        for image in opened.read_all_images():
            camera = opened.read_camera(image.camera_id)
            xy = positions(opened, image.image_id)
            pairs.directions[image.image_id] = np.asarray(camera.cam_from_img(xy)).reshape(-1, 2)
            pairs.focal[image.image_id] = float(camera.mean_focal_length())
        for pair_id, geometry in zip(*opened.read_two_view_geometries(), strict=True):
            if len(geometry.inlier_matches) >= _FEWEST:
                pairs.matches[pycolmap.pair_id_to_image_pair(pair_id)] = np.asarray(geometry.inlier_matches, np.int64)
    return pairs


def _grown(e: Estimator, pairs: _Pairs, poses: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """``poses`` with all cameras that can be placed one after the other."""
    points = _triangulate_all(pairs, poses)
    while True:
        e.part(0.0, 0.7, "Placing cameras one by one")(len(poses) / len(pairs.directions))
        found = _next(pairs, poses, points)
        if found is None:
            return poses
        poses[found[0]] = found[1]
        points = _triangulate_all(pairs, poses)


def _starts(pairs: _Pairs, seed: int) -> list[dict[int, np.ndarray]]:
    """Poses of the first two cameras, by image id, for the pairs that see most points; two views alone may be
    mistaken in their depth, so that there are several.
    """
    found: list[tuple[int, dict[int, np.ndarray]]] = []
    cv2.setRNGSeed(seed)
    ranked = sorted(pairs.matches.items(), key=lambda item: -len(item[1]))
    for (a, b), matches in ranked[:_STARTS]:
        one, other = pairs.directions[a][matches[:, 0]], pairs.directions[b][matches[:, 1]]
        error = 2.0 * _ERROR / (pairs.focal[a] + pairs.focal[b])
        matrix, inliers = cv2.findEssentialMat(one, other, np.eye(3), cv2.RANSAC, 0.999, error)
        if matrix is None or matrix.shape != (3, 3):
            continue
        _, rotation, shift, _ = cv2.recoverPose(matrix, one, other, np.eye(3), mask=inliers)
        poses = {a: np.eye(4), b: transform(rotation, shift[:, 0])}
        count = int(np.count_nonzero(_triangulate(pairs, poses, a, b, matches)[1]))
        if count > _FEWEST:
            found.append((count, poses))
    return [poses for _, poses in sorted(found, key=lambda item: -item[0])[:_CHAINS]]


def _triangulate(
    pairs: _Pairs, poses: dict[int, np.ndarray], a: int, b: int, matches: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, 3) of ``matches``, and which (M,) bool lie in front of both, wide enough, and where they are seen."""
    one, other = pairs.directions[a][matches[:, 0]], pairs.directions[b][matches[:, 1]]
    x = cv2.triangulatePoints(poses[a][:3], poses[b][:3], one.T.copy(), other.T.copy())
    points = (x[:3] / np.where(np.abs(x[3]) > 1e-12, x[3], 1e-12)).T
    good = np.ones(len(points), bool)
    rays = []
    for image, seen in ((a, one), (b, other)):
        in_camera = points @ poses[image][:3, :3].T + poses[image][:3, 3]
        depth = np.where(in_camera[:, 2] > 1e-9, in_camera[:, 2], np.inf)
        off = np.linalg.norm(in_camera[:, :2] / depth[:, None] - seen, axis=1)
        good &= (in_camera[:, 2] > 1e-9) & (off * pairs.focal[image] < _ERROR)
        ray = points + poses[image][:3, :3].T @ poses[image][:3, 3]
        rays.append(ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-12))
    return points, good & (np.sum(rays[0] * rays[1], axis=1) < _LEAST_ANGLE)


def _triangulate_all(pairs: _Pairs, poses: dict[int, np.ndarray]) -> dict[tuple[int, int], np.ndarray]:
    """Points (3,) by (image id, keypoint): the median of what the pairs of placed cameras say."""
    said: dict[tuple[int, int], list[np.ndarray]] = {}
    for (a, b), matches in pairs.matches.items():
        if a in poses and b in poses:
            points, good = _triangulate(pairs, poses, a, b, matches)
            for (i, j), point in zip(matches[good], points[good], strict=True):
                said.setdefault((a, int(i)), []).append(point)
                said.setdefault((b, int(j)), []).append(point)
    return {key: np.median(points, axis=0) for key, points in said.items()}


def _next(
    pairs: _Pairs, poses: dict[int, np.ndarray], points: dict[tuple[int, int], np.ndarray]
) -> tuple[int, np.ndarray] | None:
    """The camera that sees most known points, and its pose; None where none sees enough of them."""
    seen: dict[int, dict[int, np.ndarray]] = {}
    for (a, b), matches in pairs.matches.items():
        for known, new, columns in ((a, b, (0, 1)), (b, a, (1, 0))):
            if known in poses and new not in poses:
                for i, j in matches[:, columns]:
                    if (known, int(i)) in points:
                        seen.setdefault(new, {})[int(j)] = points[known, int(i)]
    for image, observed in sorted(seen.items(), key=lambda item: -len(item[1])):
        if len(observed) < _FEWEST:
            return None
        found = _placed(pairs.directions[image][list(observed)], np.array(list(observed.values())), pairs.focal[image])
        if found is not None:
            return image, found
    return None


def _placed(directions: np.ndarray, points: np.ndarray, focal: float) -> np.ndarray | None:
    """``cam_from_world`` (4, 4) of a camera that sees ``points`` (N, 3) in ``directions`` (N, 2), or None."""
    ok, turn, shift, inliers = cv2.solvePnPRansac(
        points, directions, np.eye(3), None, reprojectionError=2 * _ERROR / focal, iterationsCount=1000,
        flags=cv2.SOLVEPNP_EPNP,
    )  # fmt: skip
    if not ok or inliers is None or len(inliers) < max(_FEWEST, _LEAST_SHARE * len(points)):
        return None
    kept = inliers[:, 0]
    turn, shift = cv2.solvePnPRefineLM(points[kept], directions[kept], np.eye(3), None, turn, shift)
    return transform(cv2.Rodrigues(turn)[0], shift[:, 0])
