# SPDX-License-Identifier: GPL-3.0-or-later
"""A tolerant visual hull of all masks, and what it says about each frame without that frame's own vote.

Notation: ``view`` is a mask at a small size with its camera's matrices for that size; world as ``cameras.json``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from ...kernels.votes import add_votes, least_along_rays
from ..records import Camera
from .shape import fill_holes

_ENCLOSED = 0.35
"""Share of its vote that a hole in a mask keeps: holes are rarer than patches of the background's colour."""

_SEEN_SHARE = 0.3
"""A voxel must be seen by this share of the best seen one's weight, else nothing vouches for it."""


_BODY_SHARE = 0.2
"""A body of the hull that does not touch the largest stays if it has this share of its volume."""


@dataclass(kw_only=True)
class View:
    """A camera at the size at which hulls are made: ``denial`` (h, w) float32 and the frame's ``weight``."""

    pixel_from_world: np.ndarray
    world_from_pixel: np.ndarray
    centre: np.ndarray
    denial: np.ndarray
    weight: float


@dataclass(kw_only=True)
class Hull:
    """Dissent (X, Y, Z) float32 on a grid with least corner ``origin`` (3,) and voxel edge ``spacing``, world."""

    dissent: np.ndarray
    seen: np.ndarray
    origin: np.ndarray
    spacing: float
    tolerance: float


def make_view(camera: Camera, mask: np.ndarray, weight: float, side: int) -> View:
    """A view of ``camera``, an undistorted pinhole, with soft ``mask`` (h, w) of its picture, at ``side`` pixels."""
    scale = min(1.0, side / max(mask.shape))
    size = (max(2, round(mask.shape[1] * scale)), max(2, round(mask.shape[0] * scale)))
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    filled = fill_holes(mask, 1.0)
    K = np.diag([size[0] / camera.width, size[1] / camera.height, 1.0]) @ camera.K
    rotation, translation = camera.cam_from_world[:3, :3], camera.cam_from_world[:3, 3]
    return View(
        pixel_from_world=K @ np.column_stack([rotation, translation]),
        world_from_pixel=rotation.T @ np.linalg.inv(K),
        centre=camera.centre,
        denial=np.ascontiguousarray((1 - filled) + _ENCLOSED * (filled - mask), np.float32),
        weight=weight,
    )


def make_hull(views: list[View], box: np.ndarray, voxels: int, tolerated: float) -> Hull:
    """Gather the dissent of all ``views`` in ``box`` (2, 3) world, about ``voxels`` along its longest edge.

    Tolerated are half a confident mask and the share ``tolerated`` of all: the larger a capture, the more masks fail.
    """
    spacing = float((box[1] - box[0]).max()) / voxels
    shape = np.maximum(np.ceil((box[1] - box[0]) / spacing), 1).astype(int)
    dissent, seen = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    origin = np.asarray(box[0], np.float64)
    for view in views:
        add_votes(view.denial, view.weight, view.pixel_from_world, origin, spacing, dissent, seen)
    total = sum(view.weight for view in views)
    # A voxel that few frames see is judged by the share of them that deny it.
    enough = seen > max(_SEEN_SHARE * float(seen.max()), 1e-9)
    dissent[:] = np.where(enough, dissent * (total / np.where(enough, seen, 1)), total)
    tolerance = 0.5 + tolerated * total
    _keep_bodies(dissent, tolerance, max(total, 2 * tolerance))
    return Hull(dissent=dissent, seen=seen, origin=origin, spacing=spacing, tolerance=tolerance)


def _keep_bodies(dissent: np.ndarray, tolerance: float, empty: float) -> None:
    """Set ``dissent`` to ``empty`` in small bodies apart from the object: what else stands about, or background."""
    labels, count = ndimage.label(dissent < 1.25 * tolerance)
    if count < 2:
        return
    sizes = np.bincount(labels.ravel())[1:]
    small = np.concatenate([[False], sizes < _BODY_SHARE * sizes.max()])
    dissent[small[labels]] = empty


def silhouette(hull: Hull, view: View) -> np.ndarray:
    """What all other frames say about ``view``: belief (h, w) float32 in [0, 1] that a pixel shows the object.

    A pixel's own denial is the same all along its ray, so that taking it off the least dissent leaves the others'.
    """
    least = np.zeros(view.denial.shape, np.float32)
    farthest = float(hull.dissent.max())
    least_along_rays(hull.dissent, hull.origin, hull.spacing, view.centre, view.world_from_pixel, farthest, least)
    others = np.maximum(least - view.weight * view.denial, 0)
    softness = 0.25 * hull.tolerance
    return (1 / (1 + np.exp(np.clip((others - hull.tolerance) / softness, -30, 30)))).astype(np.float32)
