# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order frames are visited: from the prompted ones outwards, each from a frame that was visited before.

Frames in time are walked in both directions from the nearest prompted frame. Photos in any order are walked along the
tree of similar views that ``order.py`` finds, so that the network sees what it was trained on: small steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2

from .. import first
from ..engines import Task, resized
from ..order import carry_order


def parents(task: Task, roots: list[int]) -> dict[int, int]:
    """For every frame but the ``roots`` the frame its mask is carried from."""
    count = len(task.pictures)
    if task.ordered:
        nearest = {i: min(roots, key=lambda root, i=i: (abs(root - i), root)) for i in range(count)}  # type: ignore[misc]
        return {i: i - 1 if nearest[i] < i else i + 1 for i in range(count) if i not in roots}
    greys = []
    for i, picture in enumerate(task.pictures):
        task.progress(0.05 * i / count, "Ordering photos by their likeness")
        greys.append(cv2.cvtColor(resized(picture.read(), first.SIDE), cv2.COLOR_RGB2GRAY))
    return dict(carry_order(greys, roots))


def order(parent: dict[int, int], roots: list[int]) -> Iterator[tuple[int, int, bool, bool]]:
    """For every frame, parents first and depth first: the frame, its parent, whether no other frame waits for that
    parent, and whether any waits for this frame.
    """
    children: dict[int, list[int]] = {}
    for frame, source in parent.items():
        children.setdefault(source, []).append(frame)
    left = {source: len(frames) for source, frames in children.items()}
    waiting = [(child, root) for root in reversed(roots) for child in sorted(children.get(root, []), reverse=True)]
    while waiting:
        frame, source = waiting.pop()
        left[source] -= 1
        yield frame, source, left[source] == 0, frame in children
        waiting += [(child, frame) for child in sorted(children.get(frame, []), reverse=True)]
