# SPDX-License-Identifier: GPL-3.0-or-later
"""Make rough masks agree over all views: each round builds a hull, asks it about every frame and cuts the frame anew.

Evidence for a pixel: the silhouette of the other frames' hull, colours of object and background shared by all frames
and the frame's own, and the picture of the background (``backdrop.py``). A frame's weight in the next round is
how far its new mask agrees with the others, so that a bad mask is outvoted first and repaired after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from ..records import Camera
from . import colour
from .backdrop import MOST_CELLS, SIDE, difference, ground_height, paint
from .carry import Carried, Colours, place_cost
from .cut import contrast_weights, cut
from .evidence import count, difference_bins, joint_table, judge
from .hull import Hull, View, make_hull, make_view, silhouette
from .many import side_by_side
from .settle import settle
from .shape import fill_holes, keep_parts, overlap

_HULL_SIDE = 360
"""Longer side of the masks that vote; about two pixels a voxel."""

_TOLERATED = (0.25, 0.15, 0.08, 0.03)
"""Share of dissenting masks that the hull tolerates, by round (the last for all later rounds). At first the masks may
fail together, where a part of the object has the background's colour; once cut anew they fail one by one."""

_BELOW = 0.06
"""The same downwards: the object stands on the ground, and nothing under the ground is seen."""

_FIRMNESS = (0.35, 0.5, 0.8, 1.0)
"""Weight of the other frames' belief, by round: what all masks missed in the same way must be able to come back."""

_SHARPNESS = (0.3, 0.5, 0.8, 0.9)
"""Belief in where the others' contour runs, by round: the less, the farther the object may reach beyond it."""

_ANCHOR = 1.0
"""Weight of a frame's first mask, times its confidence and its overlap with the others: agreement must not drift to
another object, and a first mask that the others deny holds nothing back."""

_DENIAL = (1.5, 2.0, 3.0, 4.0)
"""Largest evidence of a pixel against the object, by round: at first the object's models lack what the masks lack."""

_SETTLED = 2
"""Rounds from this one on settle contours on the picture's edges, so that the last hulls are tight."""

_PAINTED = (0, 1, 3)
"""Rounds that paint the backdrop: from rough masks, and at last from good ones, close to the object."""

_SURROUND = (9, 9, 9, 3)
"""Pixels, by round, by which what claims to be the object is widened before the rest counts as free of it."""

_MARGIN = 0.35
"""The box is enlarged by this share of its diagonal: it came from rough masks or from points alone."""


@dataclass(kw_only=True)
class Scene:
    """What does not change over the rounds: pictures (h, w, 3) uint8, their bins (h, w), cameras, contrast weights."""

    images: list[np.ndarray]
    indices: list[np.ndarray]
    cameras: list[Camera]
    weights: list[np.ndarray]
    lab: list[np.ndarray]
    smoothness: float
    first: list[Carried]


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
        lab=[_small_lab(image) for image in images],
        smoothness=smoothness,
        first=masks,
    )
    height: float | None = None
    unlike: list[np.ndarray] = []
    for step in range(rounds):
        progress(step / rounds)
        # Fewer rounds leave out the first, lenient ones.
        schedule = min(max(step + len(_TOLERATED) - rounds, 0), len(_TOLERATED) - 1)
        hull, views = carve(scene.cameras, masks, box, voxels, _TOLERATED[schedule])
        progress((step + 0.2) / rounds)
        pairs = list(zip(views, images, strict=True))
        others = list(side_by_side(partial(_others, hull), pairs))
        progress((step + 0.4) / rounds)
        clear = _clear(scene, masks, others, _SURROUND[schedule])
        if height is None or schedule in _PAINTED:
            height = ground_height(cameras, scene.lab, clear) if height is None else height
            progress((step + 0.5) / rounds)
            unlike = _unlike(scene, clear, height)
        say = partial(_report, progress, step, rounds)
        masks = _recut(scene, masks, others, clear, unlike, schedule, say)
    return masks


def _report(progress: Callable[[float], None], step: int, rounds: int, share: float) -> None:
    """Pass on that ``share`` of the last third of round ``step`` is done."""
    progress((step + 0.7 + 0.3 * share) / rounds)


def carve(
    cameras: list[Camera], masks: list[Carried], box: np.ndarray, voxels: int, tolerated: float
) -> tuple[Hull, list[View]]:
    """Hull of ``masks`` in the enlarged ``box``: coarse first, then as fine as asked where the coarse one is."""
    views = [
        make_view(camera, m.mask, max(m.confidence, 1e-3) ** 2, _HULL_SIDE)
        for camera, m in zip(cameras, masks, strict=True)
    ]
    reach = _MARGIN * float(np.linalg.norm(box[1] - box[0]))
    below = _BELOW * float(np.linalg.norm(box[1] - box[0]))
    lowest = np.array([*(box[0][:2] - reach), box[0][2] - below])
    coarse = make_hull(views, np.array([lowest, box[1] + reach]), 64, tolerated)
    kept = np.argwhere(coarse.dissent < 2 * coarse.tolerance)
    if not len(kept):
        return coarse, views
    low = np.maximum(coarse.origin + coarse.spacing * (kept.min(0) - 2), lowest)
    high = coarse.origin + coarse.spacing * (kept.max(0) + 3)
    return make_hull(views, np.array([low, high]), voxels, tolerated), views


def _others(hull: Hull, pair: tuple[View, np.ndarray]) -> np.ndarray:
    """Belief of all other frames in a view, at the size of its image (h, w, 3): (h, w) float32 in [0, 1]."""
    view, image = pair
    belief = silhouette(hull, view)
    return np.clip(cv2.resize(belief, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1)


def _small_lab(image: np.ndarray) -> np.ndarray:
    """``image`` (h, w, 3) uint8 sRGB as blurred uint8 Lab of the size for backdrops."""
    scale = min(1.0, SIDE / max(image.shape[:2]))
    size = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), (0, 0), 0.7)


def _clear(scene: Scene, masks: list[Carried], others: list[np.ndarray], surround: int) -> list[np.ndarray]:
    """Likely free of the object, at the backdrop's size: neither mask nor others claim it, nor their close surround."""
    clear = []
    for m, o, lab in zip(masks, others, scene.lab, strict=True):
        claimed = cv2.resize(np.maximum(m.mask, o), lab.shape[1::-1], interpolation=cv2.INTER_AREA)
        clear.append((1 - cv2.dilate(claimed, np.ones((surround, surround), np.uint8))).astype(np.float32))
    return clear


def _unlike(scene: Scene, clear: list[np.ndarray], height: float) -> list[np.ndarray]:
    """Bins of the difference from the backdrop, (h, w) uint8 at the backdrop's size."""
    # Cells finer than pixels would only cost time.
    cells = min(MOST_CELLS, max(scene.lab[0].shape) * 2 // 3)
    backdrop = paint(scene.cameras, scene.lab, clear, height, cells=cells)

    def compare(i: int) -> np.ndarray:
        return difference_bins(difference(backdrop, scene.cameras[i], scene.lab[i], clear[i]))

    return list(side_by_side(compare, range(len(clear))))


def _recut(
    scene: Scene,
    masks: list[Carried],
    others: list[np.ndarray],
    clear: list[np.ndarray],
    unlike: list[np.ndarray],
    schedule: int,
    progress: Callable[[float], None],
) -> list[Carried]:
    """Cut every frame anew, given the belief of the ``others`` and the difference ``unlike`` the backdrop.

    ``schedule``: index into the tables by round above.
    """
    shared = Colours()
    own = []
    for index, m, other in zip(scene.indices, masks, others, strict=True):
        mine = _learn(index, m.mask, other)
        own.append(mine)
        for target, counts in zip(shared.learnt, mine, strict=True):
            target += m.confidence * overlap(m.mask, other) * counts
    totals = [max(float(c.sum()), 1e-9) for c in shared.learnt]

    def ratios(i: int) -> np.ndarray:
        mixed = [s / t + 0.5 * o for s, t, o in zip(shared.learnt, totals, own[i], strict=True)]
        return colour.log_ratio(mixed[0], mixed[1])[scene.indices[i]]

    def learn(i: int) -> np.ndarray:
        size = unlike[i].shape[::-1]
        inside = _core(cv2.resize(fill_holes(masks[i].mask, 0.2) * others[i], size, interpolation=cv2.INTER_AREA))
        small = cv2.resize(ratios(i), size, interpolation=cv2.INTER_AREA)
        sides = [count(small, unlike[i], weights) for weights in (inside, clear[i])]
        return masks[i].confidence * np.array(sides)

    table = joint_table(*np.sum(list(side_by_side(learn, range(len(masks)))), axis=0))

    def recut(i: int) -> Carried:
        bins = cv2.resize(unlike[i], others[i].shape[::-1], interpolation=cv2.INTER_NEAREST)
        evidence = np.maximum(judge(table, ratios(i), bins), -_DENIAL[schedule])
        return _cut(scene, i, evidence, others[i], schedule)

    results: list[Carried] = []
    for result in side_by_side(recut, range(len(masks))):
        progress(len(results) / len(masks))
        results.append(result)
    return results


def _learn(indices: np.ndarray, mask: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Colour densities of object and background in one frame, where its mask and the others agree."""
    sides = (_core(mask * other), _core((1 - mask) * (1 - other)))
    counts = [colour.histogram(indices, side) for side in sides]
    return [c / max(float(c.sum()), 1.0) for c in counts]


def _core(weights: np.ndarray) -> np.ndarray:
    """``weights`` (h, w) float32 without their rim: pixels on a contour mix the colours of both sides."""
    return cv2.erode(weights, np.ones((5, 5), np.uint8))


def _cut(scene: Scene, i: int, ratios: np.ndarray, other: np.ndarray, schedule: int) -> Carried:
    """Cut frame ``i`` by the log-likelihood ``ratios`` (h, w) and the ``other`` frames' belief (h, w)."""
    place = place_cost(other, np.full_like(other, _SHARPNESS[schedule]))
    doubt = np.clip(-np.log(np.maximum(other, 1e-3) / np.maximum(1 - other, 1e-3)), -1.0, 3.0)
    anchor = scene.first[i].confidence * overlap(scene.first[i].mask, other)
    place += np.float32(_ANCHOR * anchor) * place_cost(scene.first[i].mask, np.full_like(other, 0.5))
    cost = place + _FIRMNESS[schedule] * doubt - ratios
    mask = cut(cost.astype(np.float32), scene.weights[i])
    if schedule >= _SETTLED:
        mask = settle(mask, scene.images[i], scene.smoothness)
    near = other > 0.5
    mask = fill_holes(keep_parts(mask, near if near.any() else mask > 0.5, 0.02), 0.002)
    agreed = overlap(mask, other)
    return Carried(mask=mask, confidence=float(np.clip(agreed, 0.02, 0.99)), method="agreement")
