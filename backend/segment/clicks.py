# SPDX-License-Identifier: GPL-3.0-or-later
"""Clicks answered without learning, fast enough to click on: the first one cuts, later ones correct.

The first prompts are cut as ``photos.py`` cuts them. A later click on the wrong side of the contour grows a region of
its own near itself and adds it to the mask or takes it away; a stroke says itself how far it reaches. The cut at
working size then settles colours, place and contrast, with every mark fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from . import first
from .engines import Found, Picture, resized
from .photos import cut_prompted, drawn_marks, refine
from .prompts import Marks
from .settle import settle

SIDE = 640
_SMOOTHNESS = 2.0
_SETTLING = 16
"""Rounds of settling the contour: a preview; masks of a job are settled longer."""
_QUICK_SEEDS = (0.25,)
_REACH = 0.5
"""How far a correcting click reaches, in square roots of the object's area: farther away it says nothing."""


@dataclass(kw_only=True)
class _Known:
    """A picture at the sizes that are worked at; the histogram of its border."""

    image: np.ndarray
    working: np.ndarray
    small: np.ndarray
    borders: np.ndarray


def _heard_by_nobody(code: str, message: str, hint: str) -> None:
    """An unsure click is shown by its mask; no warning is needed."""


class Clicker:
    """Keeps the last few pictures in memory. ``device`` and ``model`` are the other engines' matter."""

    KEPT_PICTURES = 8

    def __init__(self, device: str = "cpu", model: str = "auto") -> None:
        self._known: dict[str, _Known] = {}

    def cut(self, picture: Picture, prompts: list[dict[str, Any]], before: Found | None) -> Found:
        """The mask of one frame by all its prompts; ``before``: what those but the last one gave."""
        known = self._look(picture)
        last = prompts[-1] if prompts else None
        if before is None or last is None or last["type"] == "box":
            result = cut_prompted(
                picture, prompts, known.working, known.small, known.borders, _SMOOTHNESS, _heard_by_nobody, edges=True
            )
            mask, confidence = result.mask, result.confidence
        else:
            mask, confidence = self._correct(picture, known, prompts, last, before), 0.95
        return Found(index=0, mask=_settled(mask, known.image), confidence=confidence, method="prompt", settled=True)

    def _look(self, picture: Picture) -> _Known:
        key = str(picture.path)
        if key not in self._known:
            while len(self._known) >= self.KEPT_PICTURES:
                del self._known[next(iter(self._known))]
            image = picture.read()
            small = resized(image, first.SIDE)
            borders = first.border_histogram([small])
            self._known[key] = _Known(image=image, working=resized(image, SIDE), small=small, borders=borders)
        return self._known[key]

    def _correct(
        self, picture: Picture, known: _Known, prompts: list[dict[str, Any]], last: dict[str, Any], before: Found
    ) -> np.ndarray:
        """The mask ``before`` with the last prompt's part added or taken away, cut anew at working size."""
        shape = known.working.shape[:2]
        mask = cv2.resize(before.mask, shape[::-1], interpolation=cv2.INTER_AREA)
        marks = _painted(picture, prompts, shape)
        adds = last.get("label", 1) == 1
        drawn = drawn_marks(picture, [{**last, "label": 1}], shape).inside
        held = float((mask[drawn] > 0.5).mean())
        if last["type"] == "point" and (held < 0.5 if adds else held > 0):
            part = self._region(picture, known, prompts, last) * _near(drawn, float(mask.sum()))
            mask = np.maximum(mask, part) if adds else np.minimum(mask, 1 - part)
        mask = np.where(drawn, np.float32(adds), mask).astype(np.float32)
        if not (mask > 0.5).any():
            return mask
        cut = refine(known.working, mask, marks, known.borders, _SMOOTHNESS)
        # Small holes and specks are tidied away by the cut; those that the user has marked stay.
        cut[marks.inside], cut[marks.outside] = 1, 0
        return cut

    def _region(
        self, picture: Picture, known: _Known, prompts: list[dict[str, Any]], last: dict[str, Any]
    ) -> np.ndarray:
        """What a single click means by itself, (h, w) float32 at working size, kept off the marks of the other kind."""
        marks = _painted(picture, [*prompts, last], known.small.shape[:2])
        if last.get("label", 1) == 0:
            marks = Marks(inside=marks.outside, outside=marks.inside)
        own = drawn_marks(picture, [{**last, "label": 1}], known.small.shape[:2]).inside
        marks = Marks(inside=own, outside=marks.outside)
        best = first.first_mask(known.small, marks, None, _SMOOTHNESS, _QUICK_SEEDS)
        shape = known.working.shape[:2]
        if best is None:
            return np.zeros(shape, np.float32)
        return cv2.resize(best.mask, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _near(drawn: np.ndarray, area: float) -> np.ndarray:
    """Weights (h, w) float32 that end at a share of the object's size from the mark ``drawn`` (h, w) bool."""
    distance = cv2.distanceTransform((~drawn).astype(np.uint8), cv2.DIST_L2, 5)
    return (distance < max(_REACH * np.sqrt(area), 8.0)).astype(np.float32)


def _painted(picture: Picture, prompts: list[dict[str, Any]], shape: tuple[int, int]) -> Marks:
    """Marks of clicks and strokes at ``shape`` (h, w), painted one after the other: the last one wins. Boxes only began
    the mask and hold it no more.
    """
    marks = Marks(inside=np.zeros(shape, bool), outside=np.zeros(shape, bool))
    for prompt in prompts:
        if prompt["type"] == "box":
            continue
        drawn = drawn_marks(picture, [{**prompt, "label": 1}], shape).inside
        wins, loses = (marks.inside, marks.outside) if prompt.get("label", 1) == 1 else (marks.outside, marks.inside)
        wins |= drawn
        loses &= ~drawn
    return marks


def _settled(mask: np.ndarray, image: np.ndarray) -> np.ndarray:
    """``mask`` (h, w) at the picture's size, its contour settled; work is done round the object alone."""
    height, width = image.shape[:2]
    whole = np.clip(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    rows, columns = np.nonzero(whole.max(1) > 0.02)[0], np.nonzero(whole.max(0) > 0.02)[0]
    if not len(rows):
        return whole
    margin = max(8, max(height, width) // 80)
    top, bottom = max(0, rows[0] - margin), min(height, rows[-1] + 1 + margin)
    left, right = max(0, columns[0] - margin), min(width, columns[-1] + 1 + margin)
    part = np.ascontiguousarray(whole[top:bottom, left:right])
    picture = np.ascontiguousarray(image[top:bottom, left:right])
    whole[top:bottom, left:right] = settle(part, picture, _SMOOTHNESS, _SETTLING)
    return whole
