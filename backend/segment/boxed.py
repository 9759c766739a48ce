# SPDX-License-Identifier: GPL-3.0-or-later
"""The first mask of a box drawn on a photo.

Inside a loose box lie the object and what is behind it; both may be white. But what is behind it mostly goes on beyond
the box, and no strong edge is crossed on the way there. The minimum barrier distance to the box's outside measures that
(``kernels/barriers.py``). It starts GrabCut's loop (Rother et al. 2004) and keeps its say in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...kernels.barriers import barrier_distances
from . import colour, first
from .cut import contrast_weights, cut
from .prompts import Marks
from .shape import fill_holes, keep_parts
from .tracking.local import LocalColours, assign, palette

SIDE = 480
"""Longer side, in pixels, of the pictures that ``boxed_mask`` is given; at 192 it loses 0.01 on photos, at 640 none."""

_PASSES = 8
_EVEN = 3.0
"""Barrier, in 8-bit Lab summed over channels, that noise alone makes."""

_BARRIER, _RARE, _MIDDLE = 2.0, 0.5, 0.6
"""Weights of the log barrier, of colours rare just outside the box, and of lying in the box's middle columns."""

_ROUNDS = 2
_KEPT, _COLOUR, _LOCAL = 0.7, 0.35, 0.6
"""Weights, in the loop's rounds, of what started it and of global and local colours. Without the loop, smooth objects
lose 0.05 of intersection over union; with more rounds of it, white before white loses 0.02."""

SMOOTHER = 2.0
"""Price of a contour against that in later cuts, as for the first mask of a video."""


CLICK_SIDE = 320
"""Longer side, in pixels, of the pictures that ``around_click`` is given."""

_HALVES, _SHAPES = (0.11, 0.15, 0.22, 0.3), ((1.0, 1.0), (0.75, 1.3), (1.3, 0.75))
"""Half sizes of the boxes that are tried round a click, as shares of the diagonal, and their proportions."""

_WHOLE = 0.9
"""Share of the picture beyond which a box leaves too little outside to be told from."""


@dataclass(kw_only=True)
class _Room:
    """What does not change from round to round: the box (h, w) bool and what its surroundings weigh."""

    window: np.ndarray
    around: np.ndarray
    size: float
    lab: np.ndarray
    indices: np.ndarray
    classes: np.ndarray


def boxed_mask(image: np.ndarray, marks: Marks, smoothness: float) -> first.Candidate | None:
    """Mask of the object in ``marks.box`` on ``image`` (h, w, 3) uint8 sRGB; None where nothing is left.

    ``Candidate.ratios`` are the log odds (h, w) that were cut last, for a cut at another size.
    """
    room = enter(image, marks)
    weight = contrast_weights(image, SMOOTHER * smoothness)
    support = marks.inside if marks.inside.any() else room.window
    start = _evidence(room)
    ratios, mask = start, settle(start, weight, marks, support)
    for _ in range(_ROUNDS):
        if (mask > 0.5).sum() < 20:
            return None
        ratios = _KEPT * start + told_by_colours(room, mask, marks)
        mask = settle(ratios, weight, marks, support)
    if (mask > 0.5).sum() < 20:
        return None
    return first.Candidate(mask=mask, fit=first.fit(mask, ratios, room.lab), ratios=ratios)


def around_click(image: np.ndarray, marks: Marks, smoothness: float) -> tuple[first.Candidate, Marks] | None:
    """The object that ``marks.inside`` lies on, by the best of several boxes round it, and the marks with that box.

    ``image`` (h, w, 3) uint8 sRGB. The best is sure of itself, fits, and does not run along its box's sides, beyond
    which it would go on. None where every cut is empty.
    """
    height, width = marks.inside.shape
    rows, columns = np.nonzero(marks.inside)
    best: tuple[float, first.Candidate, Marks] | None = None
    for half in _HALVES:
        for across, along in _SHAPES:
            reach = half * float(np.hypot(height, width))
            box = (
                max(float(columns.min()) - across * reach, 0.0),
                max(float(rows.min()) - along * reach, 0.0),
                min(float(columns.max()) + 1 + across * reach, float(width)),
                min(float(rows.max()) + 1 + along * reach, float(height)),
            )
            if (box[2] - box[0]) * (box[3] - box[1]) > _WHOLE * height * width:
                continue
            boxed = Marks(inside=marks.inside, outside=marks.outside, box=box)
            found = boxed_mask(image, boxed, smoothness)
            if found is None:
                continue
            sure = first.certainty(found.mask, found.ratios, boxed.within_box())
            worth = sure * found.fit * (1 - _along_sides(found.mask > 0.5, box)) ** 4
            if best is None or worth > best[0]:
                best = (worth, found, boxed)
    return None if best is None else best[1:]


def _along_sides(solid: np.ndarray, box: tuple[float, float, float, float]) -> float:
    """Share of the sides of ``box`` that ``solid`` (h, w) bool runs along; the picture's own border counts as free."""
    x0, y0, x1, y1 = (int(value) for value in box)
    height, width = solid.shape
    part = solid[y0:y1, x0:x1]
    sides = (
        (y0 > 0, part[:2].any(0)),
        (y1 < height, part[-2:].any(0)),
        (x0 > 0, part[:, :2].any(1)),
        (x1 < width, part[:, -2:].any(1)),
    )
    return float(np.mean([inner * side.mean() for inner, side in sides]))


def settle(ratios: np.ndarray, weight: np.ndarray, marks: Marks, support: np.ndarray) -> np.ndarray:
    """Cut by log odds ``ratios`` and contrast ``weight`` (h, w) with all ``marks`` kept; parts beside ``support`` and
    holes smaller than a tenth of the object go.
    """
    cost = np.where(marks.within_box() & ~marks.outside, -ratios, np.float32(first.SURE))
    cost = np.where(marks.inside, np.float32(-first.SURE), cost).astype(np.float32)
    filled = fill_holes(keep_parts(cut(cost, weight, None, 40), support, 0.05), 0.1)
    return np.where(marks.outside, np.float32(0), np.where(marks.inside, np.float32(1), filled))


def enter(image: np.ndarray, marks: Marks) -> _Room:
    """What does not change from round to round, of ``image`` (h, w, 3) uint8 and its box."""
    window = marks.within_box()
    size = float(np.sqrt(max(window.sum(), 1)))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    away = cv2.distanceTransform((~window).astype(np.uint8), cv2.DIST_L2, 5)
    return _Room(
        window=window,
        around=np.where(window, 1, np.exp(-away / (0.5 * size))).astype(np.float32),
        size=size,
        lab=lab,
        indices=colour.colour_indices(image),
        classes=assign(lab, palette(lab[away < 0.3 * size][:, None])),
    )


def _evidence(room: _Room) -> np.ndarray:
    """Log odds (h, w) float32 of the object before anything of its colours is known."""
    window = room.window
    outside = LocalColours(window.shape, 0.12 * room.size)
    outside.add(room.classes, window.astype(np.float32), (~window).astype(np.float32))
    columns = np.nonzero(window.any(0))[0]
    across = (np.arange(window.shape[1]) - columns.mean()) / max(np.ptp(columns) / 2.0, 1.0)
    middle = 0.9 - 1.6 * np.square(across)[None]
    return np.asarray(_barriers(room) + _RARE * outside.surprise(room.classes) + _MIDDLE * middle, np.float32)


def _barriers(room: _Room) -> np.ndarray:
    """Weighted log barrier (h, w) to the box's outside, 0 where the box's pixels fall best into two groups.

    0 throughout where the box leaves nothing outside.
    """
    barrier = np.zeros(room.window.shape, np.float32)
    if room.window.all():
        return barrier
    barrier_distances(cv2.GaussianBlur(room.lab, (0, 0), 1.0), ~room.window, _PASSES, barrier)
    logs = np.log(barrier + _EVEN)
    low, high = np.percentile(logs[room.window], [1, 99])
    if high <= low:
        return np.zeros_like(barrier)
    levels = np.clip((logs[room.window] - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    parting, _ = cv2.threshold(levels[None], 0, 255, cv2.THRESH_OTSU)
    return np.clip(_BARRIER * (logs - (low + (high - low) * parting / 255)), -colour.LIMIT, colour.LIMIT)


def told_by_colours(room: _Room, mask: np.ndarray, marks: Marks) -> np.ndarray:
    """Weighted log-likelihood ratio (h, w) of the colours of ``mask`` to those beside it."""
    free = np.asarray((1 - mask) * room.around, np.float32)
    free[marks.outside] = 1
    inside, outside = (colour.histogram(room.indices, weights) for weights in (mask, free))
    whole = colour.log_ratio(inside / max(inside.sum(), 1e-6), outside / max(outside.sum(), 1e-6))[room.indices]
    local = LocalColours(mask.shape, 0.15 * room.size)
    local.add(room.classes, mask, free)
    return _COLOUR * whole + _LOCAL * local.ratio(room.classes)
