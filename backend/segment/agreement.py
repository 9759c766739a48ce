# SPDX-License-Identifier: GPL-3.0-or-later
"""Make rough masks agree over all views: each round builds a hull, asks it about every frame and cuts the frame anew.

Evidence for a pixel: the silhouette of the other frames' hull, colours of object and background shared by all frames
and the frame's own, and the ground's picture where there is one (``ground.py``). A frame's weight in the next round is
how far its new mask agrees with the others, so that a bad mask is outvoted first and repaired after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..records import Camera
from . import colour
from .carry import Carried, Colours, place_cost
from .cut import contrast_weights, cut
from .hull import Hull, View, make_hull, make_view, silhouette
from .many import side_by_side
from .shape import fill_holes, keep_parts, overlap

_HULL_SIDE = 360
"""Longer side of the masks that vote; about two pixels a voxel."""

_COLOUR = 0.8
"""Weight of the colours' log-likelihood ratio, as in ``carry.py``."""

_MARGIN = 0.35
"""The box is enlarged by this share of its diagonal: it came from rough masks or from points alone."""


@dataclass(kw_only=True)
class Scene:
    """What does not change over the rounds: pictures (h, w, 3) uint8, their bins (h, w), cameras, contrast weights."""

    images: list[np.ndarray]
    indices: list[np.ndarray]
    cameras: list[Camera]
    weights: list[np.ndarray]


def agree(
    images: list[np.ndarray],
    cameras: list[Camera],
    masks: list[Carried],
    box: np.ndarray,
    *,
    smoothness: float,
    rounds: int,
    voxels: int,
    progress: Callable[[float], None],
) -> list[Carried]:
    """Masks that agree, at the size of the undistorted ``images`` (h, w, 3) uint8; ``box`` (2, 3) world."""
    scene = Scene(
        images=images,
        indices=[colour.colour_indices(image) for image in images],
        cameras=cameras,
        weights=list(side_by_side(lambda image: contrast_weights(image, smoothness), images)),
    )
    for step in range(rounds):
        progress(step / rounds)
        hull, views = carve(scene.cameras, masks, box, voxels)
        progress((step + 0.4) / rounds)
        beliefs = list(side_by_side(lambda view, hull=hull: silhouette(hull, view), views))
        masks = _recut(scene, masks, beliefs, lambda share, step=step: progress((step + 0.4 + 0.6 * share) / rounds))
    return masks


def carve(cameras: list[Camera], masks: list[Carried], box: np.ndarray, voxels: int) -> tuple[Hull, list[View]]:
    """Hull of ``masks`` in the enlarged ``box``: coarse first, then as fine as asked where the coarse one is."""
    views = [
        make_view(camera, m.mask, max(m.confidence, 1e-3) ** 2, _HULL_SIDE)
        for camera, m in zip(cameras, masks, strict=True)
    ]
    reach = _MARGIN * float(np.linalg.norm(box[1] - box[0]))
    coarse = make_hull(views, np.array([box[0] - reach, box[1] + reach]), 64)
    kept = np.argwhere(coarse.dissent < 2 * coarse.tolerance)
    if not len(kept):
        return coarse, views
    low = coarse.origin + coarse.spacing * (kept.min(0) - 2)
    high = coarse.origin + coarse.spacing * (kept.max(0) + 3)
    return make_hull(views, np.array([low, high]), voxels), views


def _recut(
    scene: Scene, masks: list[Carried], beliefs: list[np.ndarray], progress: Callable[[float], None]
) -> list[Carried]:
    """Cut every frame anew, given the others' ``beliefs`` (small, any size)."""
    others = [
        np.clip(cv2.resize(b, m.mask.shape[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
        for b, m in zip(beliefs, masks, strict=True)
    ]
    shared = Colours()
    own = []
    for index, m, other in zip(scene.indices, masks, others, strict=True):
        agreed = overlap(m.mask, other)
        mine = _learn(index, m.mask, other)
        own.append(mine)
        for target, counts in zip(shared.learnt, mine, strict=True):
            target += m.confidence * agreed * counts
    totals = [max(float(c.sum()), 1e-9) for c in shared.learnt]

    def recut(i: int) -> Carried:
        mixed = [s / t + 0.5 * o for s, t, o in zip(shared.learnt, totals, own[i], strict=True)]
        ratios = colour.log_ratio(mixed[0], mixed[1])[scene.indices[i]]
        return _cut(scene, i, ratios, others[i])

    results: list[Carried] = []
    for result in side_by_side(recut, range(len(masks))):
        progress(len(results) / len(masks))
        results.append(result)
    return results


def _learn(indices: np.ndarray, mask: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Colour densities of object and background in one frame, where its mask and the others agree."""
    counts = [colour.histogram(indices, mask * other), colour.histogram(indices, (1 - mask) * (1 - other))]
    return [c / max(float(c.sum()), 1.0) for c in counts]


def _cut(scene: Scene, i: int, ratios: np.ndarray, other: np.ndarray) -> Carried:
    """Cut frame ``i`` by colour ``ratios`` (h, w) and the ``other`` frames' belief (h, w)."""
    place = place_cost(other, np.full_like(other, 0.9))
    doubt = np.clip(-np.log(np.maximum(other, 1e-3) / np.maximum(1 - other, 1e-3)), -1.0, 3.0)
    cost = place + doubt - np.float32(_COLOUR) * ratios
    mask = cut(cost.astype(np.float32), scene.weights[i])
    near = other > 0.5
    mask = fill_holes(keep_parts(mask, near if near.any() else mask > 0.5, 0.02), 0.002)
    agreed = overlap(mask, other)
    return Carried(mask=mask, confidence=float(np.clip(agreed, 0.02, 0.99)), method="agreement")
