# SPDX-License-Identifier: GPL-3.0-or-later
"""The first mask: from a click, a box or strokes to an object.

A click does not say how far the object reaches. Several cuts are made, each believing that the object lies within a
window of another size and that the colours near the click are more or less of it; each is GrabCut's loop (Rother et
al. 2004) with histograms. The best by ``fit`` is kept. A box is one window, strokes fix pixels in every cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import colour
from .cut import contrast_weights, cut
from .prompts import Marks
from .shape import keep_parts, overlap

SIDE = 192
"""Longer side, in pixels, at which candidates are compared; some twenty cuts then take a third of a second."""

_WINDOWS = (0.08, 0.11, 0.15, 0.22, 0.3, 0.4, 0.55)
"""Half sizes of the windows round a click, as shares of the image's diagonal."""

_SEEDS = (0.12, 0.25, 0.5)
"""Radius round the click within which colours are first taken for the object's, as shares of the window."""

SURE = 20.0
"""Cost that no colour outweighs."""

BORDER_SHARE = 0.35
"""Weight of what all frames show along their borders in the background model: a capture aims at its object."""

_FREQUENT_AREA, _AREA_SPREAD = 0.16, 0.8
"""An object mostly covers a sixth of its picture; log-normal spread, chosen wide on the test captures."""


@dataclass(kw_only=True)
class Candidate:
    """A mask (h, w) float32, how well it fits (0 to 1), and the log-likelihood ratios (h, w) that made it."""

    mask: np.ndarray
    fit: float
    ratios: np.ndarray


def first_mask(
    image: np.ndarray,
    marks: Marks,
    border_counts: np.ndarray | None,
    smoothness: float,
    seeds: tuple[float, ...] = _SEEDS,
) -> Candidate | None:
    """Best mask of the marked object on ``image`` (h, w, 3) uint8 of side ``SIDE``; None if every cut is empty.

    ``border_counts``: histogram of all frames' borders (see ``colour.histogram``), or None. ``seeds``: fewer of them
    are faster, for a click that only corrects.
    """
    indices = colour.colour_indices(image)
    weight = contrast_weights(image, smoothness)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    best = None
    for window, seed in _windows(marks, seeds):
        candidate = _grow(indices, weight, marks, window, seed, border_counts)
        if candidate is None:
            continue
        candidate.fit = fit(candidate.mask, candidate.ratios, lab)
        if best is None or candidate.fit > best.fit:
            best = candidate
    return best


def border_histogram(images: list[np.ndarray]) -> np.ndarray:
    """Colours along the borders of ``images`` (h, w, 3) uint8, six per cent of the longer side wide, each alike."""
    total = np.zeros(int(np.prod(colour.BINS)))
    for image in images:
        height, width = image.shape[:2]
        band = max(1, round(0.06 * max(height, width)))
        weights = np.ones((height, width), np.float32)
        weights[band:-band, band:-band] = 0
        total += colour.histogram(colour.colour_indices(image), weights) / weights.sum()
    return total


def fit(mask: np.ndarray, ratios: np.ndarray, lab: np.ndarray) -> float:
    """How much a ``mask`` looks like a whole object, 0 to 1.

    Product of: the contrast across its contour (saturating at 40 units of 8-bit Lab), the share of pixels that the
    colour models put on the right side (to the fourth power: a part of an object leaks its colours into the rest), what
    of the frame's border it leaves free, and how usual its area is.
    """
    solid = (mask > 0.5).astype(np.uint8)
    contour = (solid > 0) & (cv2.erode(solid, np.ones((3, 3), np.uint8), borderValue=1) == 0)
    if not contour.any() or solid.all():
        return 0.0
    share = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 2.0)[..., None]
    inner = cv2.GaussianBlur(lab * solid[..., None], (0, 0), 2.0) / np.maximum(share, 1e-3)
    outer = cv2.GaussianBlur(lab * (1 - solid)[..., None], (0, 0), 2.0) / np.maximum(1 - share, 1e-3)
    contrast = float(np.clip(np.linalg.norm(inner - outer, axis=-1)[contour] / 40.0, 0, 1).mean())
    separation = float((ratios[solid > 0] > 0).mean() * (ratios[solid == 0] < 0).mean())
    border = float(np.concatenate([solid[0], solid[-1], solid[:, 0], solid[:, -1]]).mean())
    unusual = float(np.log(solid.mean() / _FREQUENT_AREA)) / _AREA_SPREAD
    return contrast * separation**4 * (1 - border) ** 2 * float(np.exp(-0.5 * unusual**2))


def certainty(mask: np.ndarray, ratios: np.ndarray, window: np.ndarray) -> float:
    """How far the log odds ``ratios`` inside a box speak with one voice for ``mask``, 0 to 1; all (h, w).

    Overlap of the soft mask with the probabilities that made it: where contrast and parts had to decide against them,
    or they were near to even, the two differ.
    """
    probable = 1 / (1 + np.exp(-np.clip(ratios, -30, 30)))
    return overlap(mask * window, np.asarray(probable * window, np.float32))


def _windows(marks: Marks, seeds: tuple[float, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of a window (h, w) bool and first weights of the object's colours (h, w) float32 in it."""
    height, width = marks.inside.shape
    y, x = np.mgrid[:height, :width] + 0.5
    pairs = []
    if marks.box is not None:
        x0, y0, x1, y1 = marks.box
        window = marks.within_box()
        across = np.hypot((2 * x - x0 - x1) / (x1 - x0), (2 * y - y0 - y1) / (y1 - y0))
        for spread in (0.35, 0.6, 1.0):
            seed = np.exp(-0.5 * (across / spread) ** 2).astype(np.float32) * window
            pairs.append((window, np.maximum(seed, marks.inside)))
        return pairs
    distance = cv2.distanceTransform((~marks.inside).astype(np.uint8), cv2.DIST_L2, 5)
    rows, columns = np.nonzero(marks.inside)
    for half in _WINDOWS:
        reach = half * np.hypot(height, width)
        window = (x > columns.min() - reach) & (x < columns.max() + 1 + reach)
        window &= (y > rows.min() - reach) & (y < rows.max() + 1 + reach)
        if (~window).sum() < 0.05 * window.size:
            continue
        for share in seeds:
            seed = np.exp(-0.5 * (distance / max(share * reach, 2.0)) ** 2).astype(np.float32)
            pairs.append((window, seed * window))
    return pairs


def _grow(
    indices: np.ndarray,
    weight: np.ndarray,
    marks: Marks,
    window: np.ndarray,
    seed: np.ndarray,
    border_counts: np.ndarray | None,
    rounds: int = 4,
) -> Candidate | None:
    """GrabCut's loop inside ``window``, starting from the colours under ``seed``; None where nothing is left."""
    inside = seed
    outside = (~window | marks.outside).astype(np.float32)
    support = marks.inside if marks.inside.any() else window
    mask, ratios = seed, seed
    for _ in range(rounds):
        background = colour.histogram(indices, outside)
        background /= max(background.sum(), 1.0)
        if border_counts is not None:
            background = (1 - BORDER_SHARE) * background + BORDER_SHARE * border_counts / border_counts.sum()
        ratios = colour.log_ratio(colour.histogram(indices, inside), background)[indices]
        cost = np.where(window & ~marks.outside, -ratios - 0.3, np.float32(SURE))
        cost = np.where(marks.inside, np.float32(-SURE), cost).astype(np.float32)
        mask = keep_parts(cut(cost, weight, None, 40), support, 0.3)
        if (mask > 0.5).sum() < 20:
            return None
        inside, outside = mask, 1 - mask
    return Candidate(mask=mask, fit=0.0, ratios=ratios)
