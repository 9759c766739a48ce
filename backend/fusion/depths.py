# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth maps by photo-consistency, around a surface that is roughly right.

Notation: depths (H, W) float32 along the optical axis, world units, 0 where unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels import fusion, paths, sweeping
from ..mesh.rendering import depth_and_face
from ..mesh.triangles import Mesh
from .photos import Photo, packed, pixels_from_camera

_SMALL, _LARGE = 0.08, 0.5
"""What a change of depth by one step, and by more, costs a path; an agreement costs 1 less what it is."""

_SURE = (0.35, 0.75)
"""Agreement at which a depth begins to count, and at which it counts fully."""

_STEEPEST = 0.25
"""Cosine between ray and normal below which a depth counts little: there it is badly defined."""


@dataclass
class Search:
    """Depths tried, from ``nearest`` before the surface to ``deepest`` behind it in ``step``, world units."""

    nearest: float
    deepest: float
    step: float
    radius: int
    best: int = 3

    def shifts(self) -> np.ndarray:
        """Shifts (K,) of the depth."""
        return np.arange(self.nearest, self.deepest + self.step / 2, self.step)


@dataclass
class Depth:
    """``depth`` and how far it is believed, ``weight``, in [0, 1]; ``slope`` the cosine between ray and normal times
    the ray's stretch: what turns a difference of depths into a distance from the surface. All (H, W) float32.
    """

    depth: np.ndarray
    weight: np.ndarray
    slope: np.ndarray


def base_depth(mesh: Mesh, photo: Photo) -> np.ndarray:
    """Depth of ``mesh`` where the mask holds the object."""
    depth, _ = depth_and_face(mesh, photo.camera)
    return np.where(np.isfinite(depth) & (photo.mask > 127), depth, 0.0).astype(np.float32)


def search_depth(photo: Photo, base: np.ndarray, others: list[Photo], bases: list[np.ndarray], search: Search) -> Depth:
    """Depth of ``photo`` near ``base`` at which ``others``, whose own view of the same surface is ``bases``, agree."""
    images, starts, sizes = packed([o.grey for o in others])
    projections = np.stack([pixels_from_camera(o.camera, photo.camera) for o in others])
    seen = np.stack([
        _seen(base, photo.lens, p, b, 2 * search.step + 0.01 * float(base.max(initial=0.0)))
        for p, b in zip(projections, bases, strict=True)
    ])  # fmt: skip
    shifts = search.shifts()
    scores = np.full((*base.shape, len(shifts)), sweeping.UNKNOWN, np.float32)
    sweeping.sweep(
        photo.grey, base, photo.lens, shifts, images, starts, sizes, projections, seen, search.radius, search.best,
        scores,
    )  # fmt: skip
    costs = 1.0 - np.maximum(scores, 0.0)
    total = np.zeros_like(costs)
    paths.smooth_costs(costs, base, _SMALL, _LARGE, 8 * search.step, total)
    choice = np.zeros(base.shape, np.float32)
    paths.choose(total, choice)
    index = np.clip(np.round(choice).astype(int), 0, len(shifts) - 1)[..., None]
    score = np.take_along_axis(scores, index, 2)[..., 0]
    depth = np.where(base > 0, base + shifts[0] + choice * search.step, 0.0).astype(np.float32)
    slope = slopes(depth, photo.lens)
    low, high = _SURE
    weight = np.clip((score - low) / (high - low), 0.0, 1.0) * np.minimum(slope / _STEEPEST, 1.0) * slope
    # At the ends of the search the best place may lie beyond.
    ends = (index[..., 0] == 0) | (index[..., 0] == len(shifts) - 1)
    weight[(depth <= 0) | ends] = 0.0
    return Depth(depth, weight.astype(np.float32), slope)


def _seen(
    base: np.ndarray, lens: np.ndarray, projection: np.ndarray, other: np.ndarray, tolerance: float
) -> np.ndarray:
    """Whether (H, W) uint8 the neighbour's own view of the surface shows this camera's places."""
    counts = np.zeros(base.shape, np.int32)
    flat, starts, sizes = packed([other])
    fusion.agreeing(base, lens, flat, starts, sizes, projection[None], tolerance, counts)
    return counts.astype(np.uint8)


def slopes(depth: np.ndarray, lens: np.ndarray) -> np.ndarray:
    """Cosine between the optical axis' direction and the surface's normal (H, W) float32, from the depths around."""
    row, column = np.mgrid[: depth.shape[0], : depth.shape[1]] + 0.5
    known = depth > 0
    z = np.where(known, depth, np.nan)
    points = np.stack([(column - lens[2]) / lens[0] * z, (row - lens[3]) / lens[1] * z, z], axis=2)
    across, down = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normal = np.cross(across, down)
    # A difference of depths at one pixel lies along its ray, so that normal and ray both count.
    ray = points / np.where(known, z, 1.0)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.abs(np.einsum("hwc,hwc->hw", normal, ray)) / np.linalg.norm(normal, axis=2)
    return np.nan_to_num(cosine, nan=0.0, posinf=0.0).astype(np.float32)


def keep_consistent(
    photos: list[Photo], found: list[Depth], near: list[list[int]], tolerance: float, least: int
) -> None:
    """Take the weight from depths that fewer than ``least`` neighbours have found as well, in place."""
    believed = [np.where(d.weight > 0, d.depth, 0.0).astype(np.float32) for d in found]
    for photo, depth, own, indices in zip(photos, found, believed, near, strict=True):
        counts = np.zeros(depth.depth.shape, np.int32)
        if indices:
            flat, starts, sizes = packed([believed[i] for i in indices])
            projections = np.stack([pixels_from_camera(photos[i].camera, photo.camera) for i in indices])
            fusion.agreeing(own, photo.lens, flat, starts, sizes, projections, tolerance, counts)
        depth.weight[counts < least] = 0.0
