# SPDX-License-Identifier: GPL-3.0-or-later
"""Make rough masks agree over all views: each round builds a hull, asks it about every frame and cuts the frame anew.

The masks are first cut by what stands out from the ground (``geometry.py``). Evidence for a pixel: the silhouette of
the other frames' hull, colours of object and background shared by all frames and the frame's own, the picture of the
background (``backdrop.py``) and the relief (``parallax.py``). A frame's weight in the next round is
how far its new mask agrees with the others, so that a bad mask is outvoted first and repaired after.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from ..records import Camera
from . import colour
from .carry import Carried, Colours, place_cost
from .cut import cut
from .evidence import count, count_geometry, geometry_table, joint_table, judge
from .geometry import Geometry, cut_by_geometry
from .hull import Hull, View, make_hull, make_view, silhouette
from .many import side_by_side
from .scene import Scene, clear_of, core, make_scene, unlike_backdrop
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

_PAINTED = (1, 3)
"""Rounds that paint the backdrop anew: from better masks, and at last from good ones, close to the object. The earlier
only where geometry and colours are both believed; else masks still claim the ground around the object."""

_SURROUND = (9, 9, 9, 3)
"""Pixels, by round, by which what claims to be the object is widened before the rest counts as free of it."""

_LENIENCE = 0.4
"""Share by which more dissent is tolerated where geometry is believed: it, too, keeps the masks from drifting."""

_RELIEF = 0.5
"""Weight of the relief: its windows reach over the contour, which colours and the backdrop place better."""

_BLINDNESS = 0.9
"""Share of their denial that colours lose where they do not tell the object from the ground."""

_INSIDE = 1.5
"""Belief that lying within a tight hull gains where colours tell nothing."""

_CERTAIN = 1.5
"""Log-odds of a silhouette's pixel being the object's at which the silhouette is believed as it is."""

_OPENING = 0.35
"""Share of the time that the first cut takes."""

_MARGIN = 0.35
"""The box is enlarged by this share of its diagonal: it came from rough masks or from points alone."""


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
    scene = make_scene(images, cameras, masks, smoothness)
    if rounds == 0:
        return masks
    geometry, masks = cut_by_geometry(scene, masks, box, lambda share: progress(_OPENING * share))
    unlike = geometry.unlike
    for step in range(rounds):
        say = partial(_report, progress, step, rounds)
        say(0.0)
        # Fewer rounds leave out the first, lenient ones.
        schedule = min(max(step + len(_TOLERATED) - rounds, 0), len(_TOLERATED) - 1)
        tolerated = _TOLERATED[schedule] * (1 + _LENIENCE * geometry.power)
        hull, views = carve(scene.cameras, masks, box, voxels, tolerated)
        say(0.2)
        others = list(side_by_side(partial(_others, hull), list(zip(views, images, strict=True))))
        say(0.4)
        clear = clear_of(scene, masks, others, _SURROUND[schedule])
        sound = geometry.power - geometry.blind > 0.5 or schedule == _PAINTED[-1]
        if schedule in _PAINTED and sound:
            unlike = unlike_backdrop(scene, clear, geometry.height)
        say(0.7)
        masks = _recut(scene, geometry, masks, others, clear, unlike, schedule, say)
    return masks


def _report(progress: Callable[[float], None], step: int, rounds: int, share: float) -> None:
    """Pass on that ``share`` of round ``step`` is done."""
    progress(_OPENING + (1 - _OPENING) * (step + share) / rounds)


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


def _recut(
    scene: Scene,
    geometry: Geometry,
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
    ratios = _ratios(scene, masks, others)

    def learn(i: int) -> tuple[np.ndarray, np.ndarray]:
        size = unlike[i].shape[::-1]
        agreed = masks[i].mask * others[i]
        filled = core(cv2.resize(fill_holes(masks[i].mask, 0.2) * others[i], size, interpolation=cv2.INTER_AREA))
        small = cv2.resize(ratios(i), size, interpolation=cv2.INTER_AREA)
        sides = np.array([count(small, unlike[i], weights) for weights in (filled, clear[i])])
        solid = core(cv2.resize(agreed, size, interpolation=cv2.INTER_AREA))
        # The difference counts in the other table already; here reliefs stand alone.
        shapes = count_geometry(geometry.reliefs[i], np.zeros_like(unlike[i]), (solid * (solid > 0.6), clear[i]))
        return masks[i].confidence * sides, masks[i].confidence * shapes

    learnt = list(side_by_side(learn, range(len(masks))))
    table = joint_table(*np.sum([pair[0] for pair in learnt], axis=0))
    by_relief = geometry_table(*np.sum([pair[1] for pair in learnt], axis=0))[:, 0]
    tight = tightness(scene.first, others)

    def recut(i: int) -> Carried:
        size = others[i].shape[::-1]
        bins = cv2.resize(unlike[i], size, interpolation=cv2.INTER_NEAREST)
        denial = _DENIAL[schedule] * (1 - _BLINDNESS * geometry.blind)
        evidence = np.maximum(judge(table, ratios(i), bins), -denial)
        weight = np.float32(_RELIEF * geometry.power * (1 + geometry.blind))
        evidence += weight * cv2.resize(by_relief[geometry.reliefs[i]], size, interpolation=cv2.INTER_LINEAR)
        return _cut(scene, i, evidence, others[i], tight[i], 1 + _INSIDE * geometry.blind, schedule)

    results: list[Carried] = []
    for result in side_by_side(recut, range(len(masks))):
        progress(0.7 + 0.3 * len(results) / len(masks))
        results.append(result)
    return results


def _ratios(scene: Scene, masks: list[Carried], others: list[np.ndarray]) -> Callable[[int], np.ndarray]:
    """For each frame its pixels' log-likelihood ratios (h, w) by colours shared by all frames and by its own."""
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

    return ratios


def tightness(first: list[Carried], others: list[np.ndarray]) -> np.ndarray:
    """How much to make of lying within the other frames' silhouette, (frames,) in [0, 1].

    A hull says where the object is not; seen from one side only it is much larger than the object. The share of the
    silhouette that a frame's ``first`` mask fills says how much; a mask that the others deny takes the others' median.
    """
    shares, held = [], []
    for m, other in zip(first, others, strict=True):
        both = float(np.minimum(m.mask, other).sum())
        shares.append(both / max(float(other.sum()), 1.0))
        held.append((both / max(float(m.mask.sum()), 1.0)) ** 2)
    believed, filled = np.array(held), np.array(shares)
    usual = np.median(filled[believed > 0.5] if (believed > 0.5).any() else filled)
    share = np.clip(believed * filled + (1 - believed) * usual, 1e-3, 1 - 1e-3)
    return np.clip(np.log(share / (1 - share)) / _CERTAIN, 0, 1)


def _learn(indices: np.ndarray, mask: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Colour densities of object and background in one frame, where its mask and the others agree."""
    sides = (core(mask * other), core((1 - mask) * (1 - other)))
    counts = [colour.histogram(indices, side) for side in sides]
    return [c / max(float(c.sum()), 1.0) for c in counts]


def _cut(
    scene: Scene, i: int, evidence: np.ndarray, other: np.ndarray, tight: float, inside: float, schedule: int
) -> Carried:
    """Cut frame ``i`` by the log-likelihood ``evidence`` (h, w) and the ``other`` frames' belief (h, w).

    ``tight``: see ``tightness``; ``inside``: largest belief that lying within the others' silhouette gives.
    """
    place = place_cost(other, np.full_like(other, _SHARPNESS[schedule]))
    doubt = np.clip(-np.log(np.maximum(other, 1e-3) / np.maximum(1 - other, 1e-3)), -inside, 3.0)
    cost = np.where(place < 0, tight * place, place)
    cost += _FIRMNESS[schedule] * np.where(doubt < 0, tight * doubt, doubt)
    anchor = scene.first[i].confidence * overlap(scene.first[i].mask, other)
    cost += np.float32(_ANCHOR * anchor) * place_cost(scene.first[i].mask, np.full_like(other, 0.5))
    mask = cut((cost - evidence).astype(np.float32), scene.weights[i])
    if schedule >= _SETTLED:
        mask = settle(mask, scene.images[i], scene.smoothness)
    near = other > 0.5
    mask = fill_holes(keep_parts(mask, near if near.any() else mask > 0.5, 0.02), 0.002)
    # A mask inside a loose silhouette agrees with it better than their overlap says.
    held = float(np.minimum(mask, other).sum()) / max(float(mask.sum()), 1.0)
    agreed = float(np.sqrt(overlap(mask, other) * held))
    return Carried(mask=mask, confidence=float(np.clip(agreed, 0.02, 0.99)), method="agreement")
