# SPDX-License-Identifier: GPL-3.0-or-later
"""Our prompts as SAM 2's points: a box is two corners, a stroke points along it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engines import Picture
from .network import Points

STROKE_POINTS = 6
"""Points that stand for a stroke: the network was trained with up to eight clicks."""


def points_of(picture: Picture, prompts: list[dict[str, Any]]) -> Points | None:
    """Points of the ``prompts`` on ``picture``, boxes joined into one; None where there are none."""
    size = np.array([picture.source_width, picture.source_height], np.float64)
    boxes = np.array([p["xyxy"] for p in prompts if p["type"] == "box"], np.float64).reshape(-1, 4)
    places: list[np.ndarray] = []
    labels: list[int] = []
    if len(boxes):
        places += [boxes[:, :2].min(0), boxes[:, 2:].max(0)]
        labels += [2, 3]
    for prompt in prompts:
        label = int(prompt.get("label", 1))
        if prompt["type"] == "point":
            places.append(np.array(prompt["xy"], np.float64))
            labels.append(label)
        elif prompt["type"] == "stroke":
            along = _along(np.array(prompt["points"], np.float64))
            places += list(along)
            labels += [label] * len(along)
    if not places:
        return None
    shares = np.clip(np.array(places) / size, 0, 1).astype(np.float32)
    return Points(places=shares, labels=np.array(labels, np.int32))


def _along(path: np.ndarray) -> np.ndarray:
    """Points spread evenly along a polyline (N, 2), its ends left out; its middle where it is short or a dot."""
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    if length[-1] <= 0:
        return path[:1]
    count = min(STROKE_POINTS, len(path))
    wanted = (np.arange(count) + 0.5) / count * length[-1]
    return np.stack([np.interp(wanted, length, path[:, k]) for k in (0, 1)], -1)
