# SPDX-License-Identifier: GPL-3.0-or-later
"""A turntable that nothing else could solve: the pictures, in the order of their names, are one full even turn.

Only the tilt of the axis, the focal length and the sense of the turn are then unknown; each combination is a guess,
judged by the share of matches that keep its epipolar constraint. The best guess is adjusted to the pictures with all
its freedom, and believed only if the matches bear it out clearly better than its rivals by chance would be.

Notation: the object turns about its z axis, at the origin of its world; the camera is one unit away from it.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ..geometry import rotation_about_z, rotation_between, transform
from ..images import read_grey
from ..lens import Scene
from .estimate import Estimator
from .features import positions
from .global_mapping import best_of, keep_believable
from .mapping import Mapped
from .poses import adjusted

_TILTS = range(0, 75, 5)
_FOCALS = (0.9, 1.2, 1.6, 2.2, 3.0)
"""Focal lengths tried, in longer sides."""
_ERROR = 4.0
_LEAST_SHARE = 0.5
_FEWEST = 60


def place_on_orbit(e: Estimator) -> Mapped:
    """Cameras around the object, or none where the matches contradict an even turn."""
    import pycolmap

    e.part(0.0, 0.5, "Trying an even turn")(0.0)
    with pycolmap.Database.open(e.keypoints.database) as opened:
        ids = {image.name: image.image_id for image in opened.read_all_images()}
        order = [ids[file] for file in e.files if file in ids]
        xy = {i: positions(opened, i) for i in order}
        found = zip(*opened.read_two_view_geometries(), strict=True)
        pairs = {pycolmap.pair_id_to_image_pair(p): np.asarray(g.inlier_matches, np.int64) for p, g in found}
    frame = e.frames[0]
    middle = np.array([frame.width, frame.height]) / 2
    axis_at = _seen_axis(e, middle)
    best: tuple[float, int, dict[int, np.ndarray]] = (0.0, 0, {})
    for tilt, sense, share in product(_TILTS, (1, -1), _FOCALS):
        e.voice.alive()
        focal = share * max(frame.width, frame.height)
        poses = _poses(order, float(tilt), sense, (axis_at - middle) / focal)
        good, count = _agreement(poses, xy, pairs, middle, focal)
        if good > best[0]:
            best = good, count, poses
    if best[0] < _LEAST_SHARE or best[1] < _FEWEST:
        return Mapped(Scene(cameras=[]))
    model = adjusted(best[2], e.keypoints.database, e)
    return best_of([model] if keep_believable(model) else [], e)


def _seen_axis(e: Estimator, otherwise: np.ndarray) -> np.ndarray:
    """Where the turning object stands in the pictures (2,) px: the mean of its masks' middles."""
    middles = []
    for frame in e.frames:
        if frame.name in e.masks:
            rows, columns = np.nonzero(read_grey(e.masks[frame.name][0]) > 127)
            if len(rows):
                middles.append((columns.mean() + 0.5, rows.mean() + 0.5))
    return np.mean(middles, axis=0) if middles else otherwise


def _poses(order: list[int], tilt: float, sense: int, offset: np.ndarray) -> dict[int, np.ndarray]:
    """``cam_from_world`` (4, 4) by image id: a camera looking down by ``tilt`` degrees, its object turning evenly.

    ``offset`` (2,) is the direction (x/z, y/z) in which the camera sees the axis.
    """
    angle = np.radians(tilt)
    base = np.array([[1, 0, 0], [0, -np.sin(angle), -np.cos(angle)], [0, np.cos(angle), -np.sin(angle)]])
    aside = rotation_between(np.array([0.0, 0.0, 1.0]), np.append(offset, 1.0))
    step = sense * 2 * np.pi / len(order)
    shift = aside @ np.array([0.0, 0.0, 1.0])
    return {i: transform(aside @ base @ rotation_about_z(k * step), shift) for k, i in enumerate(order)}


def _agreement(
    poses: dict[int, np.ndarray],
    xy: dict[int, np.ndarray],
    pairs: dict[tuple[int, int], np.ndarray],
    middle: np.ndarray,
    focal: float,
) -> tuple[float, int]:
    """Share of the verified matches within 4 px of the epipolar lines of ``poses`` (Sampson's distance; Hartley and
    Zisserman 2004, equation 11.9), and the number of matches.
    """
    good = total = 0
    for (a, b), matches in pairs.items():
        if not len(matches):
            continue
        b_from_a = poses[b] @ np.linalg.inv(poses[a])
        t = b_from_a[:3, 3]
        essential = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]]) @ b_from_a[:3, :3]
        one = np.column_stack([(xy[a][matches[:, 0]] - middle) / focal, np.ones(len(matches))])
        other = np.column_stack([(xy[b][matches[:, 1]] - middle) / focal, np.ones(len(matches))])
        in_b, in_a = one @ essential.T, other @ essential
        residual = np.sum(other * in_b, axis=1) ** 2
        scale = np.sum(in_b[:, :2] ** 2, axis=1) + np.sum(in_a[:, :2] ** 2, axis=1)
        good += int(np.count_nonzero(residual < (_ERROR / focal) ** 2 * scale))
        total += len(matches)
    return good / max(total, 1), total
