# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for ordered frames, without learning: each prompted frame is cut, its object followed both ways in time.

Every frame is followed from the prompted frame nearest to it. Frames are read as they are needed: memory holds a
handful, however long the video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

from ...errors import PipelineError
from ..engines import BOX_HINT, STAGE, STROKE_HINT, Found, Task, resized
from ..prompts import Marks, draw_marks
from .start import LOOKAHEAD, SIDE, Start, first_of_video
from .track import Tracker

METHOD = "prompt: tracker (graph cut, motion and key frames)"

_NEARLY = 1.5
"""Frame's side per working side up to which masks are only resized: settling them anew gains nothing there.

Measured on two clips 1.33 times the working size, it costs 0.006 of intersection over union where contrast is low.
"""


def missing() -> str:
    """It always runs."""
    return ""


def segment(task: Task) -> Iterator[Found]:
    """Masks of all frames at ``task.side``, prompted frames first. Raises ``PipelineError`` for an unusable prompt."""
    anchors = sorted({*task.prompts, *task.drawn})
    task.progress(0.0, "Looking at the marked frames")
    starts = {i: _start(task, i) for i in anchors}
    yield from starts.values()
    done = len(starts)
    for anchor, following in walks(anchors, len(task.pictures)):
        for found in _follow(task, starts[anchor], following):
            done += 1
            task.progress(done / len(task.pictures), "Following the object")
            yield found


def walks(anchors: list[int], count: int) -> list[tuple[int, Iterable[int]]]:
    """Which frames are reached from which of ``anchors`` (sorted), in order; each of ``count`` frames once."""
    plan: list[tuple[int, Iterable[int]]] = []
    for k, anchor in enumerate(anchors):
        last = (anchor + anchors[k + 1]) // 2 if k + 1 < len(anchors) else count - 1
        first = (anchors[k - 1] + anchor) // 2 + 1 if k > 0 else 0
        plan.append((anchor, range(anchor + 1, last + 1)))
        plan.append((anchor, range(anchor - 1, first - 1, -1)))
    return plan


def _follow(task: Task, start: Found, following: Iterable[int]) -> Iterator[Found]:
    """Masks of the frames ``following`` one by one from ``start``."""
    tracker: Tracker | None = None
    for i in following:
        if tracker is None:
            image = _read(task, start.index, start.mask.shape)
            tracker = Tracker(image, start.mask, task.smoothness, start.confidence)
        result = tracker.follow_to(_read(task, i, start.mask.shape))
        yield Found(
            index=i,
            mask=result.mask,
            confidence=result.confidence,
            method="tracker",
            settled=_is_settled(task, i, result.mask.shape),
        )


def _read(task: Task, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Frame ``index`` at the working size ``shape`` (h, w) of the frame that is followed."""
    image = task.pictures[index].read(task.side)
    if image.shape[:2] == shape:
        return image
    return cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)


def _start(task: Task, index: int) -> Found:
    """The mask of a frame with a prompt or with a drawn mask."""
    picture = task.pictures[index]
    working = picture.read(task.side)
    size = (working.shape[1], working.shape[0])
    if index in task.drawn:
        mask = cv2.resize(task.drawn[index].astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return Found(index=index, mask=mask, confidence=0.95, method="drawn")
    forward = index + LOOKAHEAD < len(task.pictures) or index < LOOKAHEAD
    order = range(index, len(task.pictures)) if forward else range(index, -1, -1)
    images = [resized(working, SIDE)]
    for i in list(order)[1 : LOOKAHEAD + 1]:
        image = task.pictures[i].read(SIDE)
        if image.shape == images[0].shape:
            images.append(image)
    prompts = task.prompts[index]
    best = first_of_video(images, _marks(task, index, images[0].shape[:2]), task.smoothness)
    if best is None:
        message = f"Nothing could be told apart at the prompt on {picture.source}."
        raise PipelineError("mask_empty", STAGE, message, BOX_HINT)
    confidence = _belief(best, prompts)
    if confidence < 0.5:
        boxed = any(prompt["type"] == "box" for prompt in prompts)
        mark, hint = ("box", STROKE_HINT) if boxed else ("click", BOX_HINT)
        task.warn("mask_unsure", f"The {mark} on {picture.source} leaves open what the object is.", hint)
    mask = cv2.resize(best.mask, size, interpolation=cv2.INTER_LINEAR)
    settled = _is_settled(task, index, mask.shape)
    return Found(index=index, mask=np.clip(mask, 0, 1), confidence=confidence, method="prompt", settled=settled)


def _belief(start: Start, prompts: list[dict[str, Any]]) -> float:
    """Confidence in a first mask: strokes say how far the object reaches, a box is believed as far as what is in it
    falls apart into two (on two clips 0.88 where the true overlap is 0.90), a click as far as its mask fits.
    """
    kinds = {prompt["type"] for prompt in prompts}
    if "stroke" in kinds:
        return 0.95
    return min(0.95, start.certainty if "box" in kinds else 0.35 + 0.65 * start.fit)


def _is_settled(task: Task, index: int, shape: tuple[int, ...]) -> bool:
    """Whether a mask of ``shape`` (h, w) is as fine as frame ``index``, nearly."""
    picture = task.pictures[index]
    return max(picture.width, picture.height) <= _NEARLY * max(shape)


def _marks(task: Task, index: int, shape: tuple[int, int]) -> Marks:
    """The prompts of frame ``index`` at size ``shape`` (h, w)."""
    picture = task.pictures[index]
    try:
        return draw_marks(task.prompts[index], shape, picture.scale(shape))
    except ValueError as error:
        message = f"The prompt on {picture.source} cannot be used: {error}."
        raise PipelineError("prompt_bad", STAGE, message, BOX_HINT) from error
