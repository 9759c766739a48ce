# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts drawn into the pixels of a working copy.

Notation: prompts as ``protocol.JobSpec`` defines them, in full-size source pixels, pixel centres at half integers;
``scale`` is working pixels per source pixel, (x, y).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

_POINT_RADIUS = 0.006
"""A click marks a disc of this share of the image's diagonal: what a finger or a mouse surely means."""


@dataclass(kw_only=True)
class Marks:
    """What the user said about one frame, at working size: bool images (h, w).

    ``inside`` surely object, ``outside`` surely not; ``box`` (x0, y0, x1, y1) in working pixels holds the whole object,
    or None.
    """

    inside: np.ndarray
    outside: np.ndarray
    box: tuple[float, float, float, float] | None = None

    def within_box(self) -> np.ndarray:
        """Pixels (h, w) bool whose centre lies in the box; all of them where there is none."""
        height, width = self.inside.shape
        x0, y0, x1, y1 = self.box or (0.0, 0.0, float(width), float(height))
        y, x = np.mgrid[:height, :width] + 0.5
        return (x > x0) & (x < x1) & (y > y0) & (y < y1)


def draw_marks(prompts: list[dict[str, Any]], shape: tuple[int, int], scale: tuple[float, float]) -> Marks:
    """Draw one frame's ``prompts`` at working size ``shape`` (h, w).

    Raises ``ValueError`` ("expected ..., got ...") for a prompt that lies off the picture, and for a frame on which
    nothing marks the object.
    """
    height, width = shape
    inside, outside = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    least = max(1.0, _POINT_RADIUS * float(np.hypot(height, width)))
    boxes = []
    for prompt in prompts:
        if prompt["type"] == "box":
            boxes.append(_box(prompt, shape, scale))
            continue
        points = [prompt["xy"]] if prompt["type"] == "point" else prompt["points"]
        path = np.array(points, np.float64) * scale
        if not ((path >= 0) & (path <= (width, height))).all(1).any():
            raise ValueError(f"expected a prompt on the picture, got {prompt['type']} at {points[0]}")
        radius = least if prompt["type"] == "point" else max(prompt["radius"] * float(np.mean(scale)), 0.5)
        target = inside if prompt.get("label", 1) == 1 else outside
        _draw_path(target, path, radius)
    inside[outside > 0] = 0
    if boxes:
        low, high = np.array(boxes).min(0), np.array(boxes).max(0)
        box = (float(low[0]), float(low[1]), float(high[2]), float(high[3]))
    else:
        box = None
    if box is None and not inside.any():
        raise ValueError("expected at least one point, box or stroke on the object, got only marks beside it")
    return Marks(inside=inside > 0, outside=outside > 0, box=box)


def _box(prompt: dict[str, Any], shape: tuple[int, int], scale: tuple[float, float]) -> list[float]:
    """A box prompt in working pixels, clipped to the picture."""
    x0, y0, x1, y1 = prompt["xyxy"]
    box = [max(x0 * scale[0], 0.0), max(y0 * scale[1], 0.0), min(x1 * scale[0], shape[1]), min(y1 * scale[1], shape[0])]
    if box[2] - box[0] < 2 or box[3] - box[1] < 2:
        raise ValueError(f"expected a box on the picture, got {prompt['xyxy']}")
    return box


def _draw_path(target: np.ndarray, path: np.ndarray, radius: float) -> None:
    """Draw a polyline ``path`` (N, 2) of working pixels with round ends; a single point is a disc."""
    # OpenCV's pixel centres are integers; four fractional bits keep the position.
    fixed = np.round((path - 0.5) * 16).astype(np.int32)
    for point in fixed:
        cv2.circle(target, (int(point[0]), int(point[1])), max(round(radius * 16), 8), 1, -1, cv2.LINE_8, 4)
    if len(fixed) > 1:
        cv2.polylines(target, [fixed], False, 1, max(round(2 * radius), 1), cv2.LINE_8, 4)
