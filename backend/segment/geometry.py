# SPDX-License-Identifier: GPL-3.0-or-later
"""The first cut by geometry: what stands out from the ground, whatever its colour.

Two cues know nothing of colours: the difference from the backdrop (``backdrop.py``) and the relief (``parallax.py``).
How much both together say is learnt from the frames, starting from the first masks; as these may have confused a part
of the object with the ground, or all of it, tables and masks are estimated by turns (expectation-maximisation).

Geometry is believed as far as it separates better than colours do. Where all that stands in the box looks alike to it
(an object among others, seen from one side) it says little, and the first masks stay as they are.

Notation: bins of relief R and of difference D index tables (R, D); information is the mean log-likelihood ratio over
the object, in nats (Kullback and Leibler 1951). World as ``cameras.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from . import colour
from .backdrop import ground_height
from .carry import Carried, place_cost
from .cut import cut
from .evidence import count_geometry, geometry_table, relief_bins
from .many import side_by_side
from .parallax import neighbours, prepare, relief
from .scene import Scene, clear_of, core, unlike_backdrop
from .shape import fill_holes, keep_parts

_TURNS = 3
_REPAINTED = 1
"""Turn after which the backdrop is painted again: by then masks no longer claim the ground around the object."""

_REACH = 0.12
"""The object's box is enlarged by this share of its diagonal: it came from rough masks."""

_SURROUND = 15
"""Pixels of the backdrop's pictures by which the first masks are widened before the rest counts as ground."""

_SHARE_FROM, _SHARE_TO = 0.3, 0.5
"""Share of geometry in all information at which it begins to count, and at which it counts fully. Measured: 0.2 for a
plush frog among books on a chair, 0.45 and more for objects that stand alone."""

_TELLING = 2.0
"""Information of colours, in nats, below which they are partly blind."""

_BELIEF = 0.3
"""Belief in where the first masks' contour runs."""


@dataclass(kw_only=True)
class Geometry:
    """What was found: the ground's ``height``, bins at the backdrop's size (h, w) uint8, and two weights.

    ``reliefs`` and ``unlike``: bins of the relief and of the difference from the backdrop.

    ``power`` in [0, 1]: how far geometry is believed; ``blind`` in [0, power]: how far colours are not.
    """

    height: float
    reliefs: list[np.ndarray]
    unlike: list[np.ndarray]
    power: float
    blind: float


@dataclass(kw_only=True)
class _Turn:
    """Estimates of one turn: tables of both kinds, and the weights they earn."""

    by_colour: np.ndarray
    by_geometry: np.ndarray
    power: float
    blind: float

    def denial(self) -> float:
        """Largest evidence of a colour against the object: its models may lack what the masks lack."""
        return colour.LIMIT - (colour.LIMIT - 1) * self.power


def cut_by_geometry(
    scene: Scene, masks: list[Carried], box: np.ndarray, progress: Callable[[float], None]
) -> tuple[Geometry, list[Carried]]:
    """Geometry of ``scene`` and ``masks`` cut anew by it; ``box`` (2, 3) world holds most of the object."""
    clear = clear_of(scene, masks, [m.mask for m in masks], _SURROUND)
    height = ground_height(scene.cameras, scene.lab, clear)
    progress(0.2)
    unlike = unlike_backdrop(scene, clear, height)
    progress(0.3)
    reliefs = _reliefs(scene, box, height, lambda share: progress(0.3 + 0.4 * share))
    sizes = [bins.shape[::-1] for bins in unlike]
    soft = [cv2.resize(m.mask, size, interpolation=cv2.INTER_AREA) for m, size in zip(masks, sizes, strict=True)]
    indices = [_small_indices(image, size) for image, size in zip(scene.images, sizes, strict=True)]
    place = [place_cost(mask, np.full_like(mask, _BELIEF)) for mask in soft]
    trust = [m.confidence for m in masks]
    turn = _learn(trust, soft, clear, indices, reliefs, unlike)
    if turn.power == 0:
        return Geometry(height=height, reliefs=reliefs, unlike=unlike, power=0.0, blind=0.0), masks
    for step in range(_TURNS):
        seen = list(zip(indices, reliefs, unlike, place, strict=True))
        soft = list(side_by_side(partial(_posterior, turn), seen))
        clear = [1 - cv2.dilate(mask, np.ones((9, 9), np.uint8)) for mask in soft]
        if step == _REPAINTED:
            unlike = unlike_backdrop(scene, clear, height)
        turn = _learn(trust, soft, clear, indices, reliefs, unlike)
        progress(0.7 + 0.1 * (step + 1) / _TURNS)

    def recut(i: int) -> Carried:
        return _cut(scene, i, masks[i], place[i], turn.power * turn.by_geometry[reliefs[i], unlike[i]], turn)

    results = list(side_by_side(recut, range(len(masks))))
    return Geometry(height=height, reliefs=reliefs, unlike=unlike, power=turn.power, blind=turn.blind), results


def _reliefs(scene: Scene, box: np.ndarray, height: float, progress: Callable[[float], None]) -> list[np.ndarray]:
    """Bins of the relief in every frame, (h, w) uint8 at the backdrop's size."""
    pictures = [prepare(image, camera) for image, camera in zip(scene.images, scene.cameras, strict=True)]
    near = neighbours(pictures, box.mean(0))
    reach = _REACH * float(np.linalg.norm(box[1] - box[0]))
    wide = np.array([box[0] - reach, box[1] + reach])
    results: list[np.ndarray] = []
    for found in side_by_side(lambda i: relief(pictures, i, near[i], wide, height), range(len(pictures))):
        progress(len(results) / len(pictures))
        results.append(relief_bins(found, scene.lab[len(results)].shape[1::-1]))
    return results


def _small_indices(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Colour bins of ``image`` (h, w, 3) uint8 at ``size`` (width, height)."""
    return colour.colour_indices(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _learn(
    trust: list[float],
    soft: list[np.ndarray],
    clear: list[np.ndarray],
    indices: list[np.ndarray],
    reliefs: list[np.ndarray],
    unlike: list[np.ndarray],
) -> _Turn:
    """Both tables from ``soft`` masks and pixels ``clear`` of them, frames weighted by ``trust``."""

    def observe(i: int) -> tuple[np.ndarray, np.ndarray]:
        sides = (core(soft[i] * (soft[i] > 0.6)), clear[i])
        shades = [colour.histogram(indices[i], side) for side in sides]
        shades = [counts / max(float(counts.sum()), 1.0) for counts in shades]
        return trust[i] * np.array(shades), trust[i] * count_geometry(reliefs[i], unlike[i], sides)

    observed = list(side_by_side(observe, range(len(soft))))
    shades = np.sum([pair[0] for pair in observed], axis=0)
    shapes = np.sum([pair[1] for pair in observed], axis=0)
    by_colour, by_geometry = colour.log_ratio(*shades), geometry_table(*shapes)
    told = [_information(by_colour, shades[0]), _information(by_geometry, shapes[0])]
    share = told[1] / max(sum(told), 1e-6)
    power = float(np.clip((share - _SHARE_FROM) / (_SHARE_TO - _SHARE_FROM), 0, 1))
    blind = power * float(np.clip(1 - told[0] / _TELLING, 0, 1))
    return _Turn(by_colour=by_colour, by_geometry=by_geometry, power=power, blind=blind)


def _information(table: np.ndarray, counts: np.ndarray) -> float:
    """Mean of the log-likelihood ratios ``table`` over what ``counts`` of the same shape counted; at least 0."""
    return max(float((table * counts).sum()) / max(float(counts.sum()), 1e-9), 0.0)


def _posterior(turn: _Turn, seen: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Probability of the object (h, w) float32 at the backdrop's size, smoothed.

    ``seen``: bins of colours, reliefs and differences and the cost of the place, (h, w) each.
    """
    indices, reliefs, unlike, place = seen
    by_colour = np.maximum(turn.by_colour[indices], -turn.denial())
    odds = turn.power * turn.by_geometry[reliefs, unlike] + by_colour - place
    return cv2.GaussianBlur((1 / (1 + np.exp(-odds))).astype(np.float32), (0, 0), 1.5)


def _cut(scene: Scene, i: int, first: Carried, place: np.ndarray, shape: np.ndarray, turn: _Turn) -> Carried:
    """Cut frame ``i`` by ``place`` and the evidence of ``shape``, both (h, w) at the backdrop's size, and by colour."""
    size = first.mask.shape[::-1]
    by_colour = np.maximum(turn.by_colour[scene.indices[i]], -turn.denial())
    cost = cv2.resize(place - shape, size, interpolation=cv2.INTER_LINEAR) - by_colour
    mask = cut(cost.astype(np.float32), scene.weights[i])
    near = first.mask > 0.5
    mask = fill_holes(keep_parts(mask, near if near.any() else mask > 0.5, 0.02), 0.002)
    return Carried(mask=mask, confidence=first.confidence, method="agreement")
