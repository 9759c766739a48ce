# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands out on one picture that nobody marked: what does not go on to the picture's edge.

Sky, grass and road reach the edge along a great length for their area, objects do not. How far a region does, over
regions of even colour, and how unlike the background it is, is the robust background detection of Zhu et al. 2014
(CVPR, equations 3 to 9), with a preference for the picture's middle; the cut by contrast and colours is that of boxes.

Notation: K regions (SLIC, Achanta et al. 2012, by scikit-image); colours in Lab, L to 100; lengths over the longer
side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import boxed, first
from .cut import contrast_weights
from .prompts import Marks

_REGIONS, _COMPACT = 300, 15.0
_ALIKE = 10.0
"""Difference of colour along a way across regions, beyond the least that any region has, over which it goes on."""

_NEAR = 0.25
"""Distance over which regions are held against each other."""

_MIDDLE = 0.6
"""Spread of the preference for the middle, over half the picture's sides."""

_STEEP, _MOST = 8.0, 3.0
"""From how much a pixel stands out to its log odds, and their bound."""

_RIM = 0.01
_ROUNDS = 2
_KEPT = 0.7


@dataclass(frozen=True)
class _Regions:
    """``labels`` (h, w), ``colours`` (K, 3), ``places`` (K, 2) x, y, ``links`` (E, 2), ``at_edge`` (K,) bool."""

    labels: np.ndarray
    colours: np.ndarray
    places: np.ndarray
    links: np.ndarray
    at_edge: np.ndarray


def standing_out_mask(image: np.ndarray, smoothness: float) -> first.Candidate | None:
    """Mask of what stands out on ``image`` (h, w, 3) uint8 sRGB of side ``boxed.SIDE``; None where nothing does."""
    height, width = image.shape[:2]
    shown = how_far(image)
    parting, _ = cv2.threshold(np.round(255 * shown).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    start = np.clip(_STEEP * (shown - parting / 255), -_MOST, _MOST).astype(np.float32)
    nothing = np.zeros(image.shape[:2], bool)
    rim = _RIM * max(height, width)
    marks = Marks(inside=nothing, outside=nothing, box=(rim, rim, width - rim, height - rim))
    room, weight = boxed.enter(image, marks), contrast_weights(image, boxed.SMOOTHER * smoothness)
    support = shown >= np.quantile(shown, 0.98)
    ratios, mask = start, boxed.settle(start, weight, marks, support)
    for _ in range(_ROUNDS):
        if (mask > 0.5).sum() < 20:
            return None
        ratios = _KEPT * start + boxed.told_by_colours(room, mask, marks)
        mask = boxed.settle(ratios, weight, marks, support)
    if (mask > 0.5).sum() < 20:
        return None
    return first.Candidate(mask=mask, fit=first.fit(mask, ratios, room.lab), ratios=ratios)


def how_far(image: np.ndarray) -> np.ndarray:
    """How far pixels stand out, (h, w) in [0, 1], on ``image`` (h, w, 3) uint8 sRGB."""
    regions = _regions(image)
    difference = np.linalg.norm(regions.colours[:, None] - regions.colours[None], axis=2)
    behind = _behind(regions, difference)
    apart = np.square(regions.places[:, None] - regions.places[None]).sum(axis=2)
    contrast = (difference * np.exp(-apart / (2 * _NEAR**2)) * behind).sum(axis=1)
    contrast = (contrast - contrast.min()) / max(float(np.ptp(contrast)), 1e-9)
    size = np.array(image.shape[1::-1]) / max(image.shape)
    off = np.square((regions.places / size - 0.5) * 2).sum(axis=1)
    found = _settled(regions, difference, behind, contrast * np.exp(-off / (2 * _MIDDLE**2)))
    return np.clip(found, 0, 1)[regions.labels]


def _regions(image: np.ndarray) -> _Regions:
    from skimage.segmentation import slic

    labels = slic(image, n_segments=_REGIONS, compactness=_COMPACT, start_label=0)
    count = np.bincount(labels.ravel())
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float64) * [100 / 255, 1, 1]
    down, across = np.indices(labels.shape)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(labels.ravel(), values.ravel(), len(count)) / count

    pairs = np.concatenate(
        [np.stack([a.ravel(), b.ravel()]) for a, b in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:]))], 1
    )
    links = np.unique(np.sort(pairs[:, pairs[0] != pairs[1]].T, axis=1), axis=0)
    at_edge = np.isin(np.arange(len(count)), np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    colours = np.stack([mean(lab[..., c]) for c in range(3)], axis=1)
    places = np.stack([mean(across), mean(down)], axis=1) / max(labels.shape)
    return _Regions(labels, colours, places, links, at_edge)


def _behind(regions: _Regions, difference: np.ndarray) -> np.ndarray:
    """How surely regions (K,) are background: by the length of the edge that is reached from them, over their area."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    count = len(difference)
    first_of, second_of = regions.links.T
    step = difference[first_of, second_of]
    least = np.full(count, np.inf)
    np.minimum.at(least, first_of, step)
    np.minimum.at(least, second_of, step)
    noise = float(least[np.isfinite(least)].mean()) if len(step) else 0.0
    edge = np.nonzero(regions.at_edge)[0]
    around = edge[np.stack(np.triu_indices(len(edge), 1), axis=1)]  # regions at the edge are next to each other
    links = np.concatenate([regions.links, around])
    # Not zero, which a sparse matrix would read as no link at all.
    costs = np.maximum(difference[links[:, 0], links[:, 1]] - noise, 0) + 1e-6
    links, kept = np.unique(links, axis=0, return_index=True)
    ways = dijkstra(coo_matrix((costs[kept], tuple(links.T)), (count, count)).tocsr(), directed=False)
    alike = np.exp(-np.square(ways) / (2 * _ALIKE**2))
    length = alike[:, regions.at_edge].sum(axis=1) / np.sqrt(alike.sum(axis=1))
    return 1 - np.exp(-np.square(length) / 2)


def _settled(regions: _Regions, difference: np.ndarray, behind: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """(K,) near 0 where ``behind``, near 1 where ``shown``, alike where colours are (equation 9)."""
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import spsolve

    a, b = regions.links.T
    weights = np.exp(-np.square(difference[a, b]) / (2 * _ALIKE**2)) + 0.1
    size = (len(shown), len(shown))
    linked = coo_matrix((np.tile(weights, 2), (np.concatenate([a, b]), np.concatenate([b, a]))), size).tocsr()
    pull = np.asarray(linked.sum(axis=1)).ravel() + behind + shown + 1e-6
    return np.atleast_1d(spsolve((diags(pull) - linked).tocsc(), shown))
