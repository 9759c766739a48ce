# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine ``sam2``: prompted frames are cut, their masks carried along the walk with the network's memory.

Every prompted or corrected frame is remembered by all others; besides, a frame remembers the fifteen before it on its
way. What is older is dropped, pictures are read when their turn comes, so memory does not grow with the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ...errors import PipelineError
from ..engines import BOX_HINT, STAGE, Found, Picture, Task
from ..photos import drawn_marks
from . import model
from .network import KEPT, Cut, Memory, Network, Points, Seen
from .points import points_of
from .walk import order, parents

METHOD = "SAM 2.1"
_FAR = 16
"""Steps by which the memory of another prompted frame is said to be away: beyond all that is near."""


def missing() -> str:
    """What keeps it from running here."""
    return model.missing()


@dataclass(frozen=True, kw_only=True)
class _Stop:
    """Where a walk stands at a frame: its root, steps from it, and what the last steps left."""

    root: int
    depth: int = 0
    past: tuple[dict[str, Any], ...] = ()


def segment(task: Task) -> Iterator[Found]:
    """Masks of all frames, one at a time. Raises ``PipelineError``."""
    task.progress(0.0, "Loading SAM 2")
    network = model.network(task.model, task.device)
    roots = sorted({*task.prompts, *task.drawn})
    remembered: dict[int, dict[str, Any]] = {}
    count = len(task.pictures)
    for root in roots:
        task.progress(0.05, f"Cutting {task.pictures[root].source}")
        seen = network.look(task.pictures[root].read())
        done = _cut_root(network, task, root, seen, count)
        remembered[root] = done.remembered or {}
        yield _found(root, task.pictures[root], done, task.side, "prompt")
    parent = parents(task, roots)
    stops = {root: _Stop(root=root) for root in roots}
    for number, (frame, source, last, awaited) in enumerate(order(parent, roots)):
        task.progress(0.1 + 0.9 * number / count, "Carrying the mask to all frames")
        stop = stops[source]
        if last:
            del stops[source]  # nobody comes back here
        memory = Memory(prompted=_prompted(remembered, stop.root), past=stop.past, time=stop.depth + 1)
        done = network.cut(network.look(task.pictures[frame].read()), memory=memory, remember=awaited, count=count)
        if done.remembered:
            stops[frame] = _Stop(root=stop.root, depth=stop.depth + 1, past=(done.remembered, *stop.past)[:KEPT])
        yield _found(frame, task.pictures[frame], done, task.side, "memory")


def _cut_root(network: Network, task: Task, root: int, seen: Seen, count: int) -> Cut:
    """Cut a prompted frame: by its prompts, by its drawn mask, or the mask corrected by the prompts."""
    picture, prompts, drawn = task.pictures[root], task.prompts.get(root, []), task.drawn.get(root)
    points = points_of(picture, prompts)
    if drawn is not None and points is None:
        done = network.cut(seen, drawn=drawn, remember=True, count=count)
        return Cut(logits=done.logits, confidence=0.95, remembered=done.remembered)
    if drawn is None:
        drawn_marks(picture, prompts, (64, 64))  # says what is wrong with prompts that mean nothing
    before = None if drawn is None else _logits_of(drawn, network.side // 4)
    done = network.cut(seen, points=points, before=before, remember=True, count=count)
    if not (done.logits > 0).any():
        raise PipelineError("mask_empty", STAGE, f"The mask on {picture.source} came out empty.", BOX_HINT)
    return done


def _prompted(remembered: dict[int, dict[str, Any]], root: int) -> dict[int, dict[str, Any]]:
    """Memories of prompted frames by time: the walk's own at 0, the others before it."""
    others = [out for i, out in remembered.items() if i != root]
    return {0: remembered[root], **{-_FAR - i: out for i, out in enumerate(others)}}


def _found(index: int, picture: Picture, done: Cut, side: int, method: str) -> Found:
    """Logits as a soft mask of the frame's proportions, its longer side ``side`` or the frame's own."""
    return Found(
        index=index,
        mask=soft_mask(done.logits, picture, side),
        confidence=done.confidence,
        method=method,
    )


def soft_mask(logits: np.ndarray, picture: Picture, side: int) -> np.ndarray:
    """Logits (s, s) of the squared picture as a mask (h, w) float32 in [0, 1]."""
    scale = min(1.0, side / max(picture.width, picture.height)) if side else 1.0
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    wide = cv2.resize(np.clip(logits, -32, 32), size, interpolation=cv2.INTER_LINEAR)
    return (1 / (1 + np.exp(-wide))).astype(np.float32)


def _logits_of(mask: np.ndarray, side: int) -> np.ndarray:
    """A mask in [0, 1] as logits (side, side) between -10 and 10, as the network writes sure ones."""
    return 20 * cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) - 10


class Clicker:
    """Answers clicks: keeps the features of the last few pictures, so that a second click costs the decoder alone."""

    KEPT_PICTURES = 8

    def __init__(self, device: str, wanted: str = "auto") -> None:
        self.network = model.network(wanted, device)
        self._seen: dict[str, Seen] = {}

    def cut(self, picture: Picture, prompts: list[dict[str, Any]], before: Found | None) -> Found:
        """The mask of one frame by all its prompts; ``before`` is taken as the mask to be corrected."""
        name = str(picture.path)
        if name not in self._seen:
            while len(self._seen) >= self.KEPT_PICTURES:
                del self._seen[next(iter(self._seen))]
            self._seen[name] = self.network.look(picture.read())
        points: Points | None = points_of(picture, prompts)
        if before is None:
            drawn_marks(picture, prompts, (64, 64))
        if points is None:
            if before is None:
                raise PipelineError("prompt_bad", STAGE, f"Nothing is marked on {picture.source}.", BOX_HINT)
            return before
        logits = None if before is None else _logits_of(before.mask, self.network.side // 4)
        done = self.network.cut(self._seen[name], points=points, before=logits)
        return _found(0, picture, done, 0, "prompt")
