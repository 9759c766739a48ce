# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for an object that turns before a camera that stands still, without learning.

The plate behind it (``plate.py``) says what is not the object wherever it is known. Colours learnt there, and the
plate's own colours in shadow, decide the rest: where the object always is, and where it stands on the ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import cv2
import numpy as np

from ..errors import PipelineError
from ..streaming import ordered_map, worker_count
from . import colour, first
from .cut import contrast_weights, cut
from .engines import BOX_HINT, STAGE, Found, Task, resized
from .many import side_by_side
from .photos import drawn_marks
from .plate import SIDE, STEADY, Plate, develop, sampled, stands_still, vote
from .shape import fill_holes, keep_parts

METHOD = "prompt: background behind a turning object"

_CUTTING = "Cutting the object from its background"
_PLATE, _COLOUR = 0.7, 0.5
"""Weights of the plate's evidence and of the colours' log-likelihood ratio."""

_SHADES = (0.15, 0.25, 0.4, 0.6, 0.8)
_SHADED = 0.5
"""Weight of the ground's colours in shadow beside the background's: at the object's feet it is never seen lit."""

_OTHERS = 0.25
"""Largest share of all that moves which may be away from what was marked: else it is no object on a turntable."""

_LIT = 40
"""8-bit level of the background below which shades of the object are like it: before black, colours tell more."""


def missing() -> str:
    """It always runs."""
    return ""


def suits(task: Task) -> bool:
    """Whether the frames are a turning object before a still camera, and the object is what was marked."""
    chosen = sampled(len(task.pictures))
    images = list(side_by_side(lambda i: task.pictures[i].read(SIDE), chosen))
    if len({image.shape for image in images}) > 1:
        return False
    share = vote(images)[1]
    if not stands_still(share, len(task.pictures)):
        return False
    moving, marked = share < STEADY, _marked(task, share.shape)
    part = _part(moving, marked)
    behind = np.median(np.stack(images), 0).max(-1)
    if moving.all() or float(np.median(behind[~moving])) < _LIT:
        return False
    within = marked & (share < 0.5)
    return bool(within.any()) and float(part.sum()) > (1 - _OTHERS) * float(moving.sum())


def segment(task: Task) -> Iterator[Found]:
    """Masks of all frames at ``task.side``. Raises ``PipelineError`` where nothing that was marked moves.

    The frames that vote teach the colours and are held meanwhile, at most 40; then all frames stream by.
    """
    if len({(picture.width, picture.height) for picture in task.pictures}) > 1:
        message = "The photos differ in size, so the camera did not stand still."
        raise PipelineError("engine_missing", STAGE, message, "Choose another engine (masks.engine).")
    plate, support, ratios = _study(task, sampled(len(task.pictures)))

    def cut_one(i: int) -> Found:
        image = task.pictures[i].read(task.side)
        return _cut(task, plate, support, image, ratios[colour.colour_indices(image)], i)

    with closing(ordered_map(cut_one, range(len(task.pictures)), worker_count())) as results:
        for found in results:
            task.progress(0.4 + 0.6 * (found.index + 1) / len(task.pictures), _CUTTING)
            yield found


def _study(task: Task, chosen: list[int]) -> tuple[Plate, np.ndarray, np.ndarray]:
    """The plate, where the object ever is (h, w) bool, and the colours' log-likelihood ratios, by frames ``chosen``.

    The plate teaches colours, colours and plate cut the frames, and those masks teach the colours anew.
    """
    images: list[np.ndarray] = []
    for image in side_by_side(lambda i: task.pictures[i].read(task.side), chosen):
        task.progress(0.1 * len(images) / len(chosen), "Reading frames")
        images.append(image)
    task.progress(0.1, "Looking behind the object")
    plate = develop(images, *vote([resized(image, SIDE) for image in images]))
    support = _part(plate.share < STEADY, _marked(task, plate.share.shape))
    if not support.any():
        raise PipelineError("mask_empty", STAGE, "What is marked does not move before the camera.", BOX_HINT)
    indices = [colour.colour_indices(image) for image in images]
    ratios = _learn(plate, support, images, indices, [])

    def cut_one(k: int) -> np.ndarray:
        return _cut(task, plate, support, images[k], ratios[indices[k]], chosen[k]).mask

    masks: list[np.ndarray] = []
    for mask in side_by_side(cut_one, range(len(chosen))):
        masks.append(mask)
        task.progress(0.2 + 0.2 * len(masks) / len(chosen), _CUTTING)
    return plate, support, _learn(plate, support, images, indices, masks)


def _marked(task: Task, shape: tuple[int, ...]) -> np.ndarray:
    """What the user marked on any frame, (h, w) bool at ``shape``: clicks and strokes, masks, or boxes."""
    height, width = shape[:2]
    marked = np.zeros((height, width), bool)
    for i, prompts in task.prompts.items():
        marks = drawn_marks(task.pictures[i], prompts, (height, width))
        marked |= marks.inside if marks.inside.any() else marks.within_box()
    for mask in task.drawn.values():
        marked |= cv2.resize(mask.astype(np.float32), marked.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    return marked


def _part(moving: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """The connected parts of ``moving`` (h, w) bool that ``marked`` touches."""
    count, labels = cv2.connectedComponents(moving.astype(np.uint8), connectivity=4)
    touched = np.bincount(labels[marked & moving], minlength=count) > 0
    touched[0] = False
    return touched[labels]


def _evidence(plate: Plate, image: np.ndarray) -> np.ndarray:
    """Log odds (h, w) float32 of the object by the plate alone, 0 where it is not known."""
    known = np.clip((plate.share - 0.3) / 0.3, 0, 1)
    return np.asarray(known * np.clip(plate.unlike(image) / plate.reach - 2.2, -2.5, 3.0), np.float32)


def _learn(
    plate: Plate, support: np.ndarray, images: list[np.ndarray], indices: list[np.ndarray], masks: list[np.ndarray]
) -> np.ndarray:
    """Log-likelihood ratio of object to background for every colour bin; by the plate where there are no masks yet."""

    def count(i: int) -> tuple[np.ndarray, np.ndarray]:
        if masks:
            return colour.histogram(indices[i], masks[i]), colour.histogram(indices[i], 1 - masks[i])
        evidence = np.where(plate.share > STEADY - 0.05, _evidence(plate, images[i]), 0)
        return colour.histogram(indices[i], (evidence > 0.8) & support), colour.histogram(indices[i], evidence < -0.8)

    inside, outside = (np.sum(side, 0) for side in zip(*side_by_side(count, range(len(images))), strict=True))
    width = round(0.1 * max(support.shape)) | 1
    near = (cv2.dilate(support.astype(np.uint8), np.ones((width, width), np.uint8)) > 0) & (plate.share > 0.5)
    shaded = sum(colour.histogram(colour.colour_indices(plate.shaded(light)), near) for light in _SHADES)
    outside = outside / max(outside.sum(), 1) + _SHADED * shaded / max(np.sum(shaded), 1)
    return colour.log_ratio(inside / max(inside.sum(), 1), outside)


def _cut(task: Task, plate: Plate, support: np.ndarray, image: np.ndarray, ratios: np.ndarray, index: int) -> Found:
    """Cut frame ``index`` by the plate, its colours' ``ratios`` (h, w), contrast and its own prompts."""
    if index in task.drawn:
        mask = cv2.resize(task.drawn[index].astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_AREA)
        return Found(index=index, mask=mask, confidence=0.95, method="drawn")
    odds = _PLATE * _evidence(plate, image) + _COLOUR * ratios
    cost = np.asarray(-odds, np.float32)
    seeds = support
    if index in task.prompts:
        marks = drawn_marks(task.pictures[index], task.prompts[index], image.shape[:2])
        cost[marks.outside | ~marks.within_box()] = first.SURE
        cost[marks.inside] = -first.SURE
        seeds = marks.inside if marks.inside.any() else support
    mask = fill_holes(keep_parts(cut(cost, contrast_weights(image, task.smoothness), None, 40), seeds, 0.1), 0.02)
    mask = np.where(cost == first.SURE, np.float32(0), np.where(cost == -first.SURE, np.float32(1), mask))
    solid = mask > 0.5
    if not solid.any():
        return Found(index=index, mask=mask, confidence=0.02, method="fixed camera")
    rest = support & ~solid
    sides = float((odds[solid] > 0).mean()) * float((odds[rest] < 0).mean() if rest.any() else 1.0)
    return Found(index=index, mask=mask, confidence=float(np.clip(0.98 * sides, 0.02, 0.95)), method="fixed camera")
