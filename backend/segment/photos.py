# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for unordered photos, without learning: prompted frames are cut, their masks carried to all others.

Colours shared by all frames, flow between similar ones and contrast; see ``first.py``, ``order.py`` and ``carry.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from ..errors import PipelineError
from . import boxed, first
from .carry import Carried, Colours, carry, cut_frame
from .colour import colour_indices
from .cut import contrast_weights
from .engines import BOX_HINT, STAGE, STROKE_HINT, Found, Picture, Task, resized
from .many import side_by_side
from .order import carry_order
from .prompts import Marks, draw_marks

METHOD = "prompt: graph cut and flow"

_CLEARLY = 0.05
"""By how much a box's cut by colours alone must fit better than the one by edges, which is right more often."""

_FAILED = 0.3
"""Fit of a click's best cut by colours below which edges are asked instead. Of twelve pictures, edges were better on
all six where it was less (a fox on flowered paper, a robot before white, stone on stone), and mostly worse above.
"""

_DOUBT = 3.0
"""How fast belief in a box falls as its certainty leaves 0.95. Over 41 boxes (photos, clips, renderings, cut-outs on
noise) certainty follows the true intersection over union with a rank correlation of 0.95 (``fit``: 0.78): 0.98 where
that is 0.97, 0.90 where it is 0.93, 0.85 where it is 0.8, 0.82 and less where it is 0.4 to 0.7.
"""


def missing() -> str:
    """It always runs."""
    return ""


def segment(task: Task) -> Iterator[Found]:
    """Masks of all frames at ``task.side``; they come together, since colours of all frames are shared."""
    task.progress(0.0, "Reading frames")
    images = read_working(task)
    small = [resized(image, first.SIDE) for image in images]
    borders = first.border_histogram(small)
    prompted = {}
    for i, listed in task.prompts.items():
        task.progress(0.1, f"Cutting {task.pictures[i].source}")
        prompted[i] = cut_prompted(task.pictures[i], listed, images[i], small[i], borders, task.smoothness, task.warn)
    for i, mask in task.drawn.items():
        brought = cv2.resize(mask, images[i].shape[1::-1], interpolation=cv2.INTER_AREA)
        prompted[i] = Carried(mask=brought, confidence=0.95, method="drawn")
    task.progress(0.2, "Ordering frames")
    order = carry_order([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in small], sorted(prompted))
    carried = carry(
        images,
        prompted,
        order,
        borders,
        task.smoothness,
        lambda share: task.progress(0.25 + 0.65 * share, "Carrying the mask to all frames"),
    )
    for i, result in enumerate(carried):
        yield Found(index=i, mask=result.mask, confidence=result.confidence, method=result.method)


def read_working(task: Task) -> list[np.ndarray]:
    """All frames at working size, (h, w, 3) uint8."""
    images: list[np.ndarray] = []
    for image in side_by_side(lambda picture: picture.read(task.side), task.pictures):
        task.progress(0.1 * len(images) / len(task.pictures), "Reading frames")
        images.append(image)
    return images


def drawn_marks(picture: Picture, prompts: list[dict[str, Any]], shape: tuple[int, int]) -> Marks:
    """The prompts on ``picture`` at size ``shape`` (h, w). Raises ``PipelineError`` where they cannot be used."""
    try:
        return draw_marks(prompts, shape, picture.scale(shape))
    except ValueError as error:
        message = f"The prompt on {picture.source} cannot be used: {error}."
        raise PipelineError("prompt_bad", STAGE, message, BOX_HINT) from error


def cut_prompted(
    picture: Picture,
    prompts: list[dict[str, Any]],
    working: np.ndarray,
    small: np.ndarray,
    borders: np.ndarray,
    smoothness: float,
    warn: Any,
    edges: bool = False,
) -> Carried:
    """Cut one prompted frame, first ``small`` among candidates, then at ``working`` size.

    ``borders``: histogram of the frames' borders (``first.border_histogram``). ``edges``: where a click's colours fail,
    edges are asked. That is better on the frame itself, for a user who looks on; carried to other photos by the colours
    that failed, it is not: stone on stone came out at 0.85 for 0.93 in the end. Raises ``PipelineError``.
    """
    name = picture.source
    marks = drawn_marks(picture, prompts, working.shape[:2])
    best = first.first_mask(small, drawn_marks(picture, prompts, small.shape[:2]), borders, smoothness)
    shielded = _shielded(picture, prompts, working, smoothness) if marks.box is not None else None
    if shielded is not None and (best is None or best.fit < shielded.fit + _CLEARLY):
        best = shielded
        mask = _settled(best, working, marks, smoothness)
    elif (
        edges
        and (best is None or best.fit < _FAILED)
        and (guess := _without_colours(picture, prompts, working, smoothness))
    ):
        found, its_marks = guess
        best = best or replace(found, fit=0.0)
        mask = _settled(found, working, its_marks, smoothness)
    elif best is not None:
        rough = cv2.resize(best.mask, working.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        mask = refine(working, rough, marks, borders, smoothness)
    else:
        raise PipelineError("mask_empty", STAGE, f"Nothing could be told apart at the prompt on {name}.", BOX_HINT)
    if not (mask > 0.5).any():
        raise PipelineError("mask_empty", STAGE, f"The mask on {name} came out empty.", BOX_HINT)
    confidence = _belief(best, marks, prompts)
    if confidence < 0.5:
        mark, hint = ("box", STROKE_HINT) if marks.box is not None else ("click", BOX_HINT)
        warn("mask_unsure", f"The {mark} on {name} leaves open what the object is.", hint)
    return Carried(mask=mask, confidence=confidence, method="prompt")


def _belief(best: first.Candidate, marks: Marks, prompts: list[dict[str, Any]]) -> float:
    """Confidence in a first mask: a box is believed as far as what is in it falls apart into two, a click as far as its
    mask fits; strokes say themselves how far the object reaches.
    """
    if any(prompt["type"] == "stroke" for prompt in prompts):
        return 0.95
    if marks.box is None:
        return 0.3 + 0.65 * best.fit
    size = best.mask.shape[1::-1]
    window = cv2.resize(marks.within_box().astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    certain = first.certainty(best.mask, best.ratios, window > 0)
    return float(np.clip(0.95 - _DOUBT * (0.95 - certain), 0.05, 0.95))


def _without_colours(
    picture: Picture, prompts: list[dict[str, Any]], working: np.ndarray, smoothness: float
) -> tuple[first.Candidate, Marks] | None:
    """What clicks mean where colours do not say: the best of several boxes round them, with the marks at working size.

    None where the user drew a box or a stroke.
    """
    if any(prompt["type"] != "point" for prompt in prompts):
        return None
    reduced = resized(working, boxed.CLICK_SIDE)
    guess = boxed.around_click(reduced, drawn_marks(picture, prompts, reduced.shape[:2]), smoothness)
    if guess is None:
        return None
    found, boxed_marks = guess
    scale = working.shape[1] / reduced.shape[1]
    x0, y0, x1, y1 = (scale * value for value in boxed_marks.box or (0.0, 0.0, 0.0, 0.0))
    return found, replace(drawn_marks(picture, prompts, working.shape[:2]), box=(x0, y0, x1, y1))


def _settled(found: first.Candidate, working: np.ndarray, marks: Marks, smoothness: float) -> np.ndarray:
    """Cut ``working`` anew by the evidence of ``found``: the whole picture's colours would lose white on white."""
    ratios = cv2.resize(found.ratios, working.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    near = cv2.resize(found.mask, working.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    return boxed.settle(ratios, contrast_weights(working, boxed.SMOOTHER * smoothness), marks, near)


def _shielded(
    picture: Picture, prompts: list[dict[str, Any]], working: np.ndarray, smoothness: float
) -> first.Candidate | None:
    """The mask of a box by what separates it from its surroundings (``boxed.py``)."""
    reduced = resized(working, boxed.SIDE)
    return boxed.boxed_mask(reduced, drawn_marks(picture, prompts, reduced.shape[:2]), smoothness)


def refine(working: np.ndarray, rough: np.ndarray, marks: Marks, borders: np.ndarray, smoothness: float) -> np.ndarray:
    """Cut ``working`` (h, w, 3) anew by the colours and the place of a ``rough`` mask (h, w), and by the ``marks``."""
    colours = Colours()
    indices = colour_indices(working)
    colours.add(indices, rough, 1.0, fixed=True)
    colours.fixed[1] += first.BORDER_SHARE * borders / borders.sum()
    belief = np.full_like(rough, 0.8)
    return cut_frame(working, indices, colours.ratios(), rough, belief, smoothness, marks).mask
