# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut one frame: where the object should be, what colours it has there, how it moves, and where edges are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..colour import colour_indices
from ..cut import contrast_weights, cut
from ..shape import fill_holes, keep_parts, overlap
from .local import LocalColours, assign, palette
from .memory import View
from .motion import Motion, motion_ratio, residual_bins

PLACE, LOCAL, WHOLE, MOTION = 2.0, 0.6, 0.2, 0.15
"""Weights of the log-odds of place, local colours, the whole picture's colours, and motion."""

_PREVIOUS, _FIRST = 0.3, 2.0
"""Weight of the frame before, and of the first frame, in saying where the object is; another key frame has 1."""

_COLOUR_PREVIOUS, _COLOUR_FIRST = 0.4, 2.0
"""The same for colours: the frame before knows today's light, the first one was marked by the user."""

_SHARPNESS = (1.5, 0.01, 0.05)
"""How wide the contour's place is uncertain: pixels, share of the object's size, and the same where it is new."""

_REACH = 0.4
"""Distance from the expected contour, as a share of the object's size, beyond which nothing is looked for."""

LEAST_AREA = 20
"""Pixels below which there is no object."""


@dataclass(kw_only=True)
class Cut:
    """A frame's soft ``mask`` (h, w) float32, its confidence, and the mask that was expected."""

    mask: np.ndarray
    confidence: float
    expected: np.ndarray


def cut_next(image: np.ndarray, views: list[View], motion: Motion, whole: np.ndarray, smoothness: float) -> Cut:
    """Cut ``image`` (h, w, 3) uint8 from ``views`` (the frame before first) and the ``motion`` to the frame before.

    ``whole``: log-likelihood ratio of every colour bin (see ``colour.log_ratio``).
    """
    size = float(np.sqrt(max(float((views[0].shape > 0.5).sum()), 1.0)))
    expected = expected_place(views, size)
    away = signed_distance(expected)
    if not (expected > 0.5).any():
        return Cut(mask=np.zeros(expected.shape, np.float32), confidence=0.02, expected=expected)
    rows, columns = _surroundings(away > -_REACH * size)
    inner = (rows, columns)
    colours = _local_ratio(image[inner], [_cropped(view, inner) for view in views], away[inner], size)
    colours = LOCAL * colours + WHOLE * whole[colour_indices(image[inner])]
    moves = _motion(motion, expected, away, size)[inner]
    place = np.log((expected[inner] + 0.01) / (1.01 - expected[inner]))
    cost = -(PLACE * place + colours + MOTION * moves)
    cost[away[inner] < -_REACH * size] = 10.0
    small = cut(cost.astype(np.float32), contrast_weights(image[inner], smoothness))
    mask = np.zeros(expected.shape, np.float32)
    mask[inner] = small
    mask = fill_holes(keep_parts(mask, expected > 0.5, 0.05), 0.002)
    return Cut(mask=mask, confidence=_confidence(mask, expected, colours, inner, views), expected=expected)


def expected_place(views: list[View], size: float) -> np.ndarray:
    """Probability (h, w) float32 of the object by place alone, the mean of what ``views`` say."""
    pixels, known, new = _SHARPNESS
    total, sum_of_weights = np.zeros(views[0].shape.shape, np.float32), 0.0
    for i, view in enumerate(views):
        quality = 1.0 if i == 0 else view.quality
        weight = _PREVIOUS if i == 0 else view.quality * (_FIRST if view.first else 1.0)
        width = pixels + size * (known + new * (1 - quality))
        odds = np.clip(signed_distance(view.shape) / width, -30, 30)
        total += np.float32(weight) / (1 + np.exp(-odds))
        sum_of_weights += weight
    return total / np.float32(sum_of_weights)


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance (h, w) float32 in pixels to the contour of ``mask``, positive inside."""
    solid = (mask > 0.5).astype(np.uint8)
    if not solid.any() or solid.all():
        return np.full(mask.shape, 1e3 if solid.any() else -1e3, np.float32)
    return cv2.distanceTransform(solid, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)


def _surroundings(region: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the box round ``region`` (h, w) bool, with a margin."""
    rows, columns = np.nonzero(region.any(1))[0], np.nonzero(region.any(0))[0]
    return slice(max(rows[0] - 4, 0), rows[-1] + 5), slice(max(columns[0] - 4, 0), columns[-1] + 5)


def _cropped(view: View, inner: tuple[slice, slice]) -> View:
    """The part of ``view`` within ``inner``."""
    return View(
        shape=view.shape[inner],
        image=view.image[inner],
        mask=view.mask[inner],
        belief=view.belief[inner],
        quality=view.quality,
        first=view.first,
    )


def _local_ratio(image: np.ndarray, views: list[View], away: np.ndarray, size: float) -> np.ndarray:
    """Log-likelihood ratio (h, w) of local colours, learnt from ``views`` where they are believed."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    near = np.abs(away) < _REACH * size
    centres = palette(lab[near][:, None] if near.any() else lab)
    local = LocalColours(image.shape[:2], 0.08 * size)
    for i, view in enumerate(views):
        weight = _COLOUR_PREVIOUS if i == 0 else _COLOUR_FIRST if view.first else 1.0
        classes = assign(cv2.cvtColor(view.image, cv2.COLOR_RGB2LAB).astype(np.float32), centres)
        solid = (view.mask > 0.5).astype(np.float32)
        belief = np.float32(weight) * view.belief
        local.add(classes, solid * belief, (1 - solid) * belief)
    return local.ratio(assign(lab, centres))


def _motion(motion: Motion, expected: np.ndarray, away: np.ndarray, size: float) -> np.ndarray:
    """Log-likelihood ratio (h, w) of the motion, learnt from where the object is expected."""
    inside = expected * (expected > 0.5) * motion.belief
    beside = (1 - expected) * ((away < -3) & (away > -2 * size)) * motion.belief
    return motion_ratio(residual_bins(motion.residual), inside, beside) * motion.belief


def _confidence(
    mask: np.ndarray, expected: np.ndarray, colours: np.ndarray, inner: tuple[slice, slice], views: list[View]
) -> float:
    """Belief in a cut, 0 to 1: it lies where expected, its colours are on the right side, key frames know it."""
    solid = mask[inner] > 0.5
    if solid.sum() < LEAST_AREA:
        return 0.02
    ring = (cv2.dilate(solid.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~solid
    rightly = float((colours[solid] > 0).mean()) * (float((colours[ring] < 0).mean()) if ring.any() else 1.0)
    placed = overlap((mask > 0.5).astype(np.float32), (expected > 0.5).astype(np.float32))
    known = max(view.quality for view in views)
    return float(np.clip(placed * (0.3 + 0.7 * rightly**0.5) * (0.6 + 0.4 * known), 0.02, 0.98))
