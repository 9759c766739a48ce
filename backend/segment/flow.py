# SPDX-License-Identifier: GPL-3.0-or-later
"""Dense optical flow between two frames, and how far it is to be believed (Kroeger et al. 2016, through OpenCV).

Notation: ``flow`` (h, w, 2) float32, (x, y) pixels, leads from a pixel of the one image to the same point in the other.
"""

from __future__ import annotations

import cv2
import numpy as np


def flow_pair(here: np.ndarray, there: np.ndarray, fast: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Flows from grey ``here`` to ``there`` and back; both (h, w) uint8 of one size."""
    preset = cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST if fast else cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    engine = cv2.DISOpticalFlow.create(preset)
    start = np.zeros((*here.shape, 2), np.float32)
    return engine.calc(here, there, start.copy()), engine.calc(there, here, start)


def follow(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Fetch ``image`` (h, w) or (h, w, c) along ``flow``; what lies beyond its border is 0."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def consistency(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Belief in ``forward``, (h, w) float32 in [0, 1]: going there and back must end where it began.

    The tolerance grows with the motion, as in Sundaram et al. (2010, equation 5); soft instead of a threshold.
    """
    back = follow(backward, forward)
    miss = np.square(forward + back).sum(-1)
    tolerance = 0.01 * (np.square(forward).sum(-1) + np.square(back).sum(-1)) + 0.5
    height, width = forward.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    to_x, to_y = x + forward[..., 0], y + forward[..., 1]
    seen = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    return np.exp(-miss / (2 * tolerance)).astype(np.float32) * seen
