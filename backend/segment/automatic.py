# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for a capture in which nobody marked the object: what the cameras look at in common."""

from __future__ import annotations

from collections.abc import Iterator

from .engines import Found, Task
from .guess import guess
from .photos import read_working

METHOD = "guess: what the cameras look at"


def missing() -> str:
    """The guess always runs."""
    return ""


def segment(task: Task) -> Iterator[Found]:
    """Masks of all frames at ``task.side``; ``task.cameras`` and ``task.box`` must be known."""
    if task.cameras is None or task.box is None:
        raise ValueError("expected cameras and the object's box, got none")
    images = read_working(task)
    carried = guess(
        images,
        list(task.cameras),
        [(picture.width, picture.height) for picture in task.pictures],
        task.box,
        task.smoothness,
        lambda share: task.progress(0.1 + 0.8 * share, "Looking for the object"),
    )
    for i, result in enumerate(carried):
        yield Found(index=i, mask=result.mask, confidence=result.confidence, method=result.method)
