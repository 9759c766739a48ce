# SPDX-License-Identifier: GPL-3.0-or-later
"""The robust box of the object, from masks, from sparse points, or from what the cameras look at in common.

With masks from all around, the visual hull bounds the object on every side. Where the cameras leave a wide gap the hull
runs on towards it, and the sparse points that the masks call object bound it instead, with a margin, because texture
does not reach everywhere. Without masks the object is what lies around the point nearest to all optical axes.

Notation: everything in the aligned frame: the source's world turned upright by the rotation ``axes`` (3, 3).
"""

from __future__ import annotations

import numpy as np

from ..geometry import nearest_point_to_lines
from ..lens import Scene
from .hull import hull_box
from .silhouettes import Silhouettes
from .up import largest_gap_degrees

_FEWEST_POINTS = 50
_OBJECT_SHARE = 0.8
_BACKGROUND_SHARE = 0.6
"""Least share of the masks that a point of the object lies in, and most that one of the background does: the ground
behind the object lies in the masks of all views from the other side."""
_WIDEST_GAP_DEGREES = 120.0
_FOOT_MARGIN = 0.05
_MANY_POINTS = 400
_POINT_MARGIN = 0.1
"""Margin around the points' box, in its diagonals."""
_PLANE_SHARE = 0.08
"""Height above the ground, in radii of the object, from which points are not the ground's."""
_LOOK_SHARE = 0.25
"""Without masks: radius of what is taken for the object, as a share of the median distance of the cameras."""


def label_points(scene: Scene, silhouettes: Silhouettes) -> tuple[np.ndarray, np.ndarray]:
    """Which points (N,) bool are of the object, and which of the background; both False where the masks disagree."""
    if not len(silhouettes) or not len(scene.points):
        return np.zeros(len(scene.points), bool), np.ones(len(scene.points), bool)
    share, seen = silhouettes.share_inside(scene.points)
    return (share >= _OBJECT_SHARE) & (seen > 0.3), (share <= _BACKGROUND_SHARE) & (seen > 0.0)


def find_object(
    scene: Scene, silhouettes: Silhouettes, axes: np.ndarray, plane: tuple[np.ndarray, float] | None = None
) -> tuple[np.ndarray, str]:
    """(box (2, 3), what it is from): ``masks``, ``masks and points``, ``points`` or ``view``.

    ``plane`` (normal (3,), offset; source's world) is what the object stands on, where that is known.
    """
    if len(silhouettes) >= 3:
        hull = _hull(silhouettes, axes)
        if hull is not None:
            return _bounded_by_points(hull, scene, silhouettes, axes)
    return _looked_at(scene, axes, plane)


def first_guess(scene: Scene, silhouettes: Silhouettes, axes: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (3,), in the source's world, and diagonal of the object before its ground is known."""
    if len(silhouettes) >= 3:
        box, _ = find_object(scene, silhouettes, axes)
        return box.mean(axis=0) @ axes, float(np.linalg.norm(box[1] - box[0]))
    focus, radius = _focus(scene)
    return focus, 2.0 * radius


def _hull(silhouettes: Silhouettes, axes: np.ndarray) -> np.ndarray | None:
    """Bounds (2, 3) of the hull: a first look at the whole ball, then a closer one at what was found."""
    centre, radius = silhouettes.centre_and_radius()
    coarse = hull_box(silhouettes, axes, axes @ centre, np.full(3, 1.5 * radius), side=36)
    if coarse is None:
        return None
    half = np.diff(coarse, axis=0)[0] / 2
    return hull_box(silhouettes, axes, coarse.mean(axis=0), 1.1 * half + 0.1 * radius, side=60)


def _bounded_by_points(
    hull: np.ndarray, scene: Scene, silhouettes: Silhouettes, axes: np.ndarray
) -> tuple[np.ndarray, str]:
    """The hull's bounds, cut by those of the object's points towards which no camera looks from outside.

    That is where the cameras leave a wide gap around the object, and below it where all look down.
    """
    offsets = scene.centres() @ axes.T - hull.mean(axis=0)
    gap = largest_gap_degrees(np.degrees(np.arctan2(offsets[:, 1], offsets[:, 0])))
    mine = scene.points[label_points(scene, silhouettes)[0]]
    if len(mine) < _FEWEST_POINTS:
        return hull, "masks"
    box = _percentile_box(mine @ axes.T, 1.0)
    diagonal = float(np.linalg.norm(box[1] - box[0]))
    if gap <= _WIDEST_GAP_DEGREES:
        if np.all(offsets[:, 2] > 0):
            foot = _foot(mine @ axes[2], _FOOT_MARGIN * diagonal)
            hull[0, 2] = max(hull[0, 2], min(foot, hull[:, 2].mean()))
        return hull, "masks"
    margin = _POINT_MARGIN * diagonal
    cut = np.stack([np.maximum(hull[0], box[0] - margin), np.minimum(hull[1], box[1] + margin)])
    return (cut, "masks and points") if np.all(cut[1] > cut[0]) else (box, "points")


def _foot(heights: np.ndarray, margin: float) -> float:
    """Where an object ends below that is seen from above alone, from the ``heights`` (N,) of its points.

    Many points lie close enough to say so themselves, but for the outermost, which may be strays: the step from their
    first percentile to half of it goes on once more. Fewer are given a ``margin`` below the first.
    """
    lower, low = np.percentile(heights, [0.5, 1.0])
    return float(lower - min(low - lower, margin) if len(heights) >= _MANY_POINTS else low - margin)


def _looked_at(scene: Scene, axes: np.ndarray, plane: tuple[np.ndarray, float] | None) -> tuple[np.ndarray, str]:
    """What lies around the point nearest to all optical axes, without the plane below it."""
    focus, radius = _focus(scene)
    points = scene.points
    if plane is not None:
        points = points[points @ plane[0] - plane[1] > _PLANE_SHARE * radius]
    near = points[np.linalg.norm(points - focus, axis=1) < radius]
    if len(near) >= _FEWEST_POINTS:
        return _percentile_box(near @ axes.T, 3.0), "points"
    middle = axes @ focus
    return np.stack([middle - radius / np.sqrt(3), middle + radius / np.sqrt(3)]), "view"


def _focus(scene: Scene) -> tuple[np.ndarray, float]:
    """The point nearest to all optical axes (3,), and the radius of what is taken for the object around it.

    Where the axes part, so that no such point lies in front of the cameras, all points together are the object.
    """
    centres = scene.centres()
    forwards = np.array([c.cam_from_world[2, :3] for c in scene.cameras])
    focus = nearest_point_to_lines(centres, forwards)
    distance = float(np.median(np.linalg.norm(centres - focus, axis=1)))
    if np.median(np.sum((focus - centres) * forwards, axis=1)) > 0.1 * distance > 0.0:
        return focus, _LOOK_SHARE * distance
    points = scene.points if len(scene.points) >= 3 else centres + forwards
    middle = np.median(points, axis=0)
    return middle, max(float(np.percentile(np.linalg.norm(points - middle, axis=1), 80)), 1e-9)


def _percentile_box(points: np.ndarray, per_cent: float) -> np.ndarray:
    """Bounds (2, 3) of ``points`` (N, 3) without the outermost ``per_cent`` at each end; never flat."""
    low, high = np.percentile(points, [per_cent, 100 - per_cent], axis=0)
    least = 1e-3 * max(float(np.max(high - low)), 1e-9)
    return np.stack([np.minimum(low, high - least), high])
