# SPDX-License-Identifier: GPL-3.0-or-later
"""The first mask of a video's object: what a box or a click means, given also how things move in the next frames.

Colours alone leave open whether the road or the wall inside a box belong to the object. Three signs settle it: what
moves unlike the background does, what has colours that are rare just outside the box, and what is not the ground's
colour in shadow. They start GrabCut's loop (Rother et al. 2004), which ends on colours and contrast, since motion is
known to a few pixels only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from .. import colour, first
from ..cut import contrast_weights, cut
from ..prompts import Marks
from ..shape import fill_holes, keep_parts
from .local import LocalColours, assign, palette
from .motion import Motion, chain, observe_motion, standing_out
from .shade import shadow_likeness

SIDE = 480
"""Longer side, in pixels, of the pictures that ``first_of_video`` is given."""

LOOKAHEAD = 3
"""Frames after the first whose motion is added up; more of them make motion clearer and occlusion worse."""

_SMOOTHER = 2.0
"""Price of a contour against that in later frames: there is no earlier mask yet to hold the contour."""

_ROUNDS = 7
_MOTION_FIRST, _MOTION_LAST = 2.0, 0.8
"""Weight of motion in the first round and in the last."""

_SAID = 20.0
"""Weight of a pixel that the user marked as not the object, in the background's colours: it stands for its likes."""

_COLOUR, _LOCAL, _SHADOW = 0.35, 0.6, 3.0
"""Weights of the global and the local colours' log-likelihood ratios, and of likeness to a shadow."""

_TIGHTER, _STRIP, _TOUCHED = 4, 0.1, 0.1
"""Times a guessed window is cut back at most, by which share of its extent, and from which length along a side, in
square roots of the mask's area. From one point on a swan whose wake came along: 0.77 to 0.85."""


@dataclass(kw_only=True)
class Start:
    """A first mask (h, w) float32, how well it fits, how far its motion stands out, and how far what is in its window
    falls apart into object and background (``first.certainty``), each 0 to 1.
    """

    mask: np.ndarray
    fit: float
    moving: float
    certainty: float


@dataclass(kw_only=True)
class _Scene:
    """What does not change from candidate to candidate."""

    lab: np.ndarray
    indices: np.ndarray
    weight: np.ndarray
    marks: Marks
    motion: Motion | None


def first_of_video(images: list[np.ndarray], marks: Marks, smoothness: float) -> Start | None:
    """Best mask of the marked object on ``images[0]``; the others, at most ``LOOKAHEAD`` used, follow it in time.

    ``images``: (h, w, 3) uint8 sRGB of one size, longer side ``SIDE``. None where every cut is empty.
    """
    image = images[0]
    box = marks.within_box() if marks.box is not None else None
    beside = ~box if box is not None else _far_from(marks.inside)
    scene = _Scene(
        lab=cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32),
        indices=colour.colour_indices(image),
        weight=contrast_weights(image, _SMOOTHER * smoothness),
        marks=marks,
        motion=_look_ahead(images, beside),
    )
    best: Start | None = None
    for window in [box] if box is not None else _windows(image, scene, smoothness):
        candidate = _grow(scene, window) if box is not None else _tightened(scene, window)
        if candidate is not None and (best is None or _merit(candidate) > _merit(best)):
            best = candidate
    return best


def _look_ahead(images: list[np.ndarray], beside: np.ndarray) -> Motion | None:
    """Motion from the first image to the last one used; None where there is only one."""
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images[: LOOKAHEAD + 1]]
    total = None
    for here, there in pairwise(greys):
        step = observe_motion(here, there, beside)
        total = step if total is None else chain(total, step)
    return total


def _merit(candidate: Start) -> float:
    """What candidates are compared by: a whole object fits, and what stands out by its motion moves as one."""
    return candidate.fit * (0.1 + candidate.moving) ** 2


def _held(moving: np.ndarray, belief: np.ndarray) -> np.ndarray:
    """``moving`` (h, w) where the flow is believed; where it is not, it says nothing.

    Flow does not hold where the object covers or uncovers the background, and in water or leaves that it stirs.
    Measured, to take it for the contrary is worse: parts of an object that turn are lost.
    """
    return np.where(moving > 0, moving * cv2.GaussianBlur(belief, (0, 0), 1.0), moving)


def _far_from(inside: np.ndarray) -> np.ndarray:
    """Pixels (h, w) bool farther from a click than a fifth of the diagonal: there the background prevails."""
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 3)
    return away > 0.2 * float(np.hypot(*inside.shape))


def _windows(image: np.ndarray, scene: _Scene, smoothness: float) -> list[np.ndarray]:
    """Windows (h, w) bool that may hold a clicked object: by colours alone, and what moves as the click does."""
    shape, marks = image.shape[:2], scene.marks
    scale = first.SIDE / max(shape)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    size = (small.shape[1], small.shape[0])
    reduced = Marks(inside=_shrunk(marks.inside, size), outside=_shrunk(marks.outside, size))
    found = first.first_mask(small, reduced, first.border_histogram([small]), smoothness)
    regions = []
    if found is not None:
        regions.append(cv2.resize(found.mask, shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)
    if scene.motion is not None and marks.inside.any():
        moving = standing_out(scene.motion.residual, marks.inside, _far_from(marks.inside), marks.inside)
        moving = _held(moving, scene.motion.belief)
        regions.append(keep_parts((moving > 0.2).astype(np.float32), marks.inside) > 0.5)
    return [_padded_box(region) for region in regions if region.any()]


def _shrunk(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bool ``mask`` at ``size`` (w, h); a pixel that it touches stays marked."""
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0


def _padded_box(region: np.ndarray) -> np.ndarray:
    """The bounding box of ``region``, a twentieth of its size wider on all sides, (h, w) bool."""
    rows, columns = np.nonzero(region.any(1))[0], np.nonzero(region.any(0))[0]
    pad = 2 + round(0.05 * float(np.hypot(len(rows), len(columns))))
    window = np.zeros(region.shape, bool)
    window[max(rows[0] - pad, 0) : rows[-1] + 1 + pad, max(columns[0] - pad, 0) : columns[-1] + 1 + pad] = True
    return window


def _tightened(scene: _Scene, window: np.ndarray) -> Start | None:
    """As ``_grow``, in a guessed window that is cut back while that helps.

    A mask that runs along a side of the window goes on beyond it: a wake, a reflection or the ground has come along, or
    the window is too small. The side is moved in, and the smaller cut kept where its merit is greater.
    """
    best = _grow(scene, window)
    for _ in range(_TIGHTER):
        side = _leaking_side(best.mask, window) if best is not None else None
        if best is None or side is None:
            break
        window = window & ~side
        smaller = _grow(scene, window) if window[scene.marks.inside].all() else None
        if smaller is None or _merit(smaller) <= _merit(best):
            break
        best = smaller
    return best


def _leaking_side(mask: np.ndarray, window: np.ndarray) -> np.ndarray | None:
    """The strip (h, w) bool along the side of ``window`` that ``mask`` runs along most; None where none is.

    Sides on the picture's border do not count: there the object may well be cut off.
    """
    solid = mask > 0.5
    rows, columns = np.nonzero(window.any(1))[0], np.nonzero(window.any(0))[0]
    (y0, y1), (x0, x1) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    height, width = window.shape
    deep, wide = round(_STRIP * (y1 - y0)), round(_STRIP * (x1 - x0))
    sides = (
        (x0 > 0, np.s_[:, x0 : x0 + 2], 1, np.s_[:, x0 : x0 + wide]),
        (x1 < width, np.s_[:, x1 - 2 : x1], 1, np.s_[:, x1 - wide : x1]),
        (y0 > 0, np.s_[y0 : y0 + 2], 0, np.s_[y0 : y0 + deep]),
        (y1 < height, np.s_[y1 - 2 : y1], 0, np.s_[y1 - deep : y1]),
    )
    size = max(float(np.sqrt(solid.sum())), 1.0)
    touched = [float(solid[edge].any(axis).sum()) / size if inner else 0.0 for inner, edge, axis, _ in sides]
    most = int(np.argmax(touched))
    if touched[most] < _TOUCHED:
        return None
    strip = np.zeros(window.shape, bool)
    strip[sides[most][3]] = True
    return strip


def _grow(scene: _Scene, window: np.ndarray) -> Start | None:
    """GrabCut's loop inside ``window``; None where nothing is left."""
    marks, size = scene.marks, float(np.sqrt(window.sum()))
    away = cv2.distanceTransform((~window).astype(np.uint8), cv2.DIST_L2, 5)
    around = np.where(window, 0, np.exp(-away / (0.5 * size))).astype(np.float32)
    moving: np.ndarray = np.zeros(window.shape, np.float32)
    if scene.motion is not None:
        seed = marks.inside if marks.box is None and marks.inside.any() else None
        moving = _held(standing_out(scene.motion.residual, window, around > 0.3, seed), scene.motion.belief)
    classes = assign(scene.lab, palette(scene.lab[away < 0.3 * size][:, None]))
    outside = LocalColours(window.shape, 0.12 * size)
    outside.add(classes, window.astype(np.float32), (~window).astype(np.float32))
    support = marks.inside if marks.inside.any() else window

    def settle(cost: np.ndarray) -> np.ndarray:
        cost = np.where(window & ~marks.outside, cost, np.float32(first.SURE))
        cost = np.where(marks.inside, np.float32(-first.SURE), cost).astype(np.float32)
        filled = fill_holes(keep_parts(cut(cost, scene.weight, None, 40), support, 0.05), 0.15)
        return np.where(marks.outside, np.float32(0), filled)

    mask = settle(0.3 - 0.7 * outside.surprise(classes) - _MOTION_FIRST * moving)
    ratios = moving
    for step in range(_ROUNDS):
        if (mask > 0.5).sum() < 20:
            return None
        free = np.asarray((1 - mask) * np.where(window, 1, around), np.float32)
        free[marks.outside] = _SAID
        ratios = _colours(scene, classes, mask, free, size)
        shadow = shadow_likeness(scene.lab, free, 0.08 * size)
        ratios = np.where(ratios > 0, ratios * (1 - shadow), ratios) - _SHADOW * shadow
        trust = max(_MOTION_LAST, _MOTION_FIRST - 0.4 * step)
        mask = settle(-ratios - trust * moving)
    if (mask > 0.5).sum() < 20:
        return None
    together = float(np.clip(moving[mask > 0.5].mean(), 0, 1))
    odds = ratios + _MOTION_LAST * moving
    certainty = first.certainty(mask, odds, window)
    return Start(mask=mask, fit=first.fit(mask, odds, scene.lab), moving=together, certainty=certainty)


def _colours(scene: _Scene, classes: np.ndarray, mask: np.ndarray, free: np.ndarray, size: float) -> np.ndarray:
    """Weighted log-likelihood ratio (h, w) of the colours of ``mask`` to those of what is ``free`` of the object."""
    inside, outside = (colour.histogram(scene.indices, weights) for weights in (mask, free))
    whole = colour.log_ratio(inside / max(inside.sum(), 1e-6), outside / max(outside.sum(), 1e-6))[scene.indices]
    local = LocalColours(mask.shape, 0.15 * size)
    local.add(classes, mask, free)
    return _COLOUR * whole + _LOCAL * local.ratio(classes)
