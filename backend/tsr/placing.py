# SPDX-License-Identifier: GPL-3.0-or-later
"""The network's box placed in the world so that it looks through the picture's camera as it does in the picture.

The network sees its square from +x at distance 1.9 with a field of view of 40 degrees. Its direction and its upright
are those of the ray through the object's middle; its scale and place follow from the box of the silhouette.

Notation: camera axes as OpenCV's, the model's box as in ``model.py``.
"""

from __future__ import annotations

import numpy as np

from ..geometry import apply, transform
from ..records import Camera
from .framing import Square
from .turning import DISTANCE, FIELD_OF_VIEW

_ROUNDS = 6


def world_from_model(camera: Camera, middle: np.ndarray, square: Square) -> np.ndarray:
    """The similarity (4, 4) that the network's own camera asks for; ``middle`` (3,) of the object, world."""
    away = middle - camera.centre
    distance = float(np.linalg.norm(away))
    forward = away / distance
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    rotation = np.stack([-forward, right, np.cross(right, forward)], axis=1)
    focal = square.side / (2 * np.tan(np.radians(FIELD_OF_VIEW) / 2))
    return transform(rotation, middle, distance * focal / (DISTANCE * float(camera.K[0, 0])))


def fitted(start: np.ndarray, points: np.ndarray, camera: Camera, box: np.ndarray) -> np.ndarray:
    """``start`` (4, 4) scaled and shifted so that ``points`` (N, 3), model, fill ``box`` (2, 2) pixels in the picture.

    The distance stays; the scale is that of the box's diagonal.
    """
    found = start.copy()
    rows = camera.cam_from_world[:3, :3]
    for _ in range(_ROUNDS):
        pixels, _ = camera.project(apply(found, points))
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        found[:3, :3] *= float(np.linalg.norm(box[1] - box[0]) / max(float(np.linalg.norm(high - low)), 1e-9))
        depth = float((rows[2] @ found[:3, 3]) + camera.cam_from_world[2, 3])
        off = (box.mean(axis=0) - (low + high) / 2) * depth / camera.K[[0, 1], [0, 1]]
        found[:3, 3] += off[0] * rows[0] + off[1] * rows[1]
    return found
