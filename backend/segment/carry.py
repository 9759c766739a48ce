# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry masks from prompted frames to all others: flow says where to look, shared colours say what to keep.

Every frame is cut with three kinds of evidence: the colour models (prompted frames first, then all frames so far, each
by its confidence), the neighbour's mask brought here by flow, and the contrast of the picture. Where the flow does not
hold, the neighbour's mask only says roughly where the object is, so that colours decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from . import colour
from .cut import contrast_weights, cut
from .first import BORDER_SHARE, SURE
from .flow import consistency, flow_pair, follow
from .many import side_by_side
from .prompts import Marks
from .shape import fill_holes, keep_parts, overlap

_FLOW_SIDE = 320
"""Longer side at which flow is computed: masks are cut anew anyway, and large motions are smaller there."""

_COLOUR = 0.8
"""Weight of the colours' log-likelihood ratio: below 1 because neighbouring pixels are no independent witnesses."""


@dataclass(kw_only=True)
class Colours:
    """Histograms of object and background over frames: ``fixed`` from prompts, ``learnt`` on the way."""

    fixed: list[np.ndarray] = field(default_factory=lambda: [np.zeros(int(np.prod(colour.BINS))) for _ in range(2)])
    learnt: list[np.ndarray] = field(default_factory=lambda: [np.zeros(int(np.prod(colour.BINS))) for _ in range(2)])

    def add(self, indices: np.ndarray, mask: np.ndarray, weight: float, fixed: bool = False) -> None:
        """Add a frame's colours, ``indices`` and ``mask`` (h, w); frames of all sizes count alike."""
        target = self.fixed if fixed else self.learnt
        inside = colour.histogram(indices, mask * (mask > 0.5))
        target[0] += weight * inside / max(inside.sum(), 1.0)
        target[1] += weight * colour.histogram(indices, 1 - mask) / max((1 - mask).sum(), 1.0)

    def ratios(self) -> np.ndarray:
        """Log-likelihood ratio of every bin; what was learnt never outweighs the prompts more than three to one."""
        mixed = []
        for fixed, learnt in zip(self.fixed, self.learnt, strict=True):
            known, total = fixed.sum(), learnt.sum()
            mixed.append(fixed + learnt * (min(1.0, 3.0 * known / total) if known > 0 and total > 0 else 1.0))
        return colour.log_ratio(*mixed)


@dataclass(kw_only=True)
class Carried:
    """A frame's mask (h, w) float32 at working size and its confidence, 0 to 1."""

    mask: np.ndarray
    confidence: float
    method: str


def carry(
    images: list[np.ndarray],
    prompted: dict[int, Carried],
    order: list[tuple[int, int]],
    borders: np.ndarray,
    smoothness: float,
    progress: Callable[[float], None],
) -> list[Carried]:
    """Masks for all ``images`` (h, w, 3) uint8 from those of ``prompted`` frames, in ``order`` (see ``order.py``).

    ``borders``: histogram of what the frames show along their borders, known background from the start. Two passes: the
    second knows the colours of all frames.
    """
    indices = [colour.colour_indices(image) for image in images]
    colours = Colours()
    for i, seen in prompted.items():
        colours.add(indices[i], seen.mask, max(seen.confidence, 0.1), fixed=True)
    colours.fixed[1] += BORDER_SHARE * len(prompted) * borders / max(borders.sum(), 1.0)
    done = dict(prompted)

    def reach(pair: tuple[int, int]) -> Carried:
        i, source = pair
        brought, belief = bring(images[source], done[source].mask, images[i])
        result = cut_frame(images[i], indices[i], ratios, brought, belief, smoothness)
        result.confidence *= 0.5 + 0.5 * done[source].confidence
        return result

    def again(pair: tuple[int, int]) -> Carried:
        before = done[pair[0]]
        belief = np.full_like(before.mask, 0.5)
        result = cut_frame(images[pair[0]], indices[pair[0]], ratios, before.mask, belief, smoothness)
        result.confidence = before.confidence * result.confidence**0.5
        return result

    for level in _levels(order, set(prompted)):
        ratios = colours.ratios()
        for (i, _), result in zip(level, side_by_side(reach, level), strict=True):
            progress(0.6 * len(done) / len(images))
            done[i] = result
            colours.add(indices[i], result.mask, result.confidence**2)
    ratios = colours.ratios()
    second: dict[int, Carried] = {}
    for (i, _), result in zip(order, side_by_side(again, order), strict=True):
        progress(0.6 + 0.4 * len(second) / len(images))
        second[i] = result
    done.update(second)
    return [done[i] for i in range(len(images))]


def _levels(order: list[tuple[int, int]], reached: set[int]) -> list[list[tuple[int, int]]]:
    """Split ``order`` into levels whose frames need only earlier levels, so that a level is cut side by side."""
    depth = dict.fromkeys(reached, 0)
    levels: list[list[tuple[int, int]]] = []
    for i, source in order:
        depth[i] = depth[source] + 1
        while len(levels) < depth[i]:
            levels.append([])
        levels[depth[i] - 1].append((i, source))
    return levels


def bring(there: np.ndarray, mask: np.ndarray, here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring ``mask`` of ``there`` to frame ``here`` by flow; and the belief in the flow, both (h, w) of ``here``."""
    height, width = here.shape[:2]
    shrink = min(1.0, _FLOW_SIDE / max(height, width))
    size = (max(8, round(width * shrink)), max(8, round(height * shrink)))
    greys = [cv2.cvtColor(cv2.resize(p, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY) for p in (here, there)]
    forward, backward = flow_pair(greys[0], greys[1])
    small = follow(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), forward)
    belief = consistency(forward, backward)
    return tuple(cv2.resize(a, (width, height), interpolation=cv2.INTER_LINEAR) for a in (small, belief))  # type: ignore[return-value]


def place_cost(mask: np.ndarray, belief: np.ndarray) -> np.ndarray:
    """Cost (h, w) float32 of belonging to the object by position alone, given ``mask`` and ``belief`` (h, w) in it.

    A logistic of the distance to the mask's contour. Its width grows where the mask is not believed; far outside it
    costs more than inside it gains, since distractors of the object's colours are farther away than its own new parts.
    """
    solid = (mask > 0.5).astype(np.uint8)
    area = float(solid.sum())
    if area < 1:
        return np.zeros(mask.shape, np.float32)
    outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3) - cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    width = np.sqrt(area) * (0.05 + 0.2 * (1 - cv2.GaussianBlur(belief, (0, 0), 2.0)))
    return np.clip(outside / width, -1.5, 5.0).astype(np.float32)


def cut_frame(
    image: np.ndarray,
    indices: np.ndarray,
    ratios: np.ndarray,
    brought: np.ndarray,
    belief: np.ndarray,
    smoothness: float,
    marks: Marks | None = None,
) -> Carried:
    """Cut one frame by colours, the mask ``brought`` to it and contrast; say how far the three agree.

    Pixels that ``marks`` fix, where the frame is a prompted one, stay as they were marked.
    """
    by_colour = ratios[indices]
    cost = place_cost(brought, belief) - np.float32(_COLOUR) * by_colour
    if marks is not None:
        cost[marks.inside], cost[marks.outside] = -SURE, SURE
        if marks.box is not None:
            cost[~marks.within_box()] = SURE
    mask = cut(cost, contrast_weights(image, smoothness))
    near = brought > 0.5
    mask = fill_holes(keep_parts(mask, near if near.any() else mask > 0.5, 0.05), 0.002)
    return Carried(mask=mask, confidence=_confidence(mask, by_colour, brought, belief), method="flow")


def _confidence(mask: np.ndarray, by_colour: np.ndarray, brought: np.ndarray, belief: np.ndarray) -> float:
    """Belief in a carried mask, 0 to 1: colours on the right side, agreement with the flow it holds for, like area."""
    solid = mask > 0.5
    area, before = float(solid.sum()), float((brought > 0.5).sum())
    if area < 20 or before < 20:
        return 0.02
    reach = max(3, int(0.3 * np.sqrt(area)) | 1)
    ring = (cv2.dilate(solid.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0) & ~solid
    separation = float((by_colour[solid] > 0).mean()) * float((by_colour[ring] < 0).mean() if ring.any() else 1.0)
    held = overlap(mask * belief, brought * belief)
    growth = min(area, before) / max(area, before)
    return float(np.clip(separation * (0.4 + 0.6 * held) * growth**0.5, 0.02, 0.98))
