# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures on a plain background, as renderers and shops make them: what the border's colour does not reach.

The background is what is of the border's colour and connected with the border, and enclosed parts of exactly that
colour (through a handle). Pixels at the rim are as opaque as they are unlike it, held against the object beside them.
"""

from __future__ import annotations

import cv2
import numpy as np

_PLAIN = 0.98
"""Share of the border's pixels that must be of one colour."""

_ALIKE, _SAME, _UNLIKE = 12.0, 3.0, 40.0
"""Distances in 8-bit sRGB: of the background's colour, of exactly it, and as unlike as something solid."""

_MIXED = 2
"""Pixels from the rim that object and background may share."""

_LEAST_HOLE = 2e-4
"""Share of the picture below which an enclosed part of the background's colour is the object's own."""


def plain_mask(image: np.ndarray) -> np.ndarray | None:
    """The soft mask (h, w) float32 of the object on ``image`` (h, w, 3) uint8; None where the border is not plain, or
    nothing lies before it.
    """
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).astype(np.float32)
    colour = np.median(border, axis=0)
    if (np.linalg.norm(border - colour, axis=1) < _ALIKE).mean() < _PLAIN:
        return None
    distance = np.linalg.norm(image.astype(np.float32) - colour, axis=2)
    behind = _reached(distance < _ALIKE) | _holes(cv2.blur(distance, (3, 3)) < _SAME)
    if behind.all():
        return None
    near = cv2.dilate(behind.astype(np.uint8), np.ones((2 * _MIXED + 1,) * 2, np.uint8)) > 0
    solid = cv2.dilate(distance, np.ones((2 * _MIXED + 3,) * 2, np.uint8))
    soft = np.clip(distance / np.maximum(solid, _UNLIKE), 0, 1)
    return np.where(behind, 0, np.where(near, soft, 1)).astype(np.float32)


def _reached(alike: np.ndarray) -> np.ndarray:
    """The parts of ``alike`` (h, w) bool that touch the border."""
    _, labels = cv2.connectedComponents(alike.astype(np.uint8), connectivity=4)
    touching = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, touching[touching > 0])


def _holes(same: np.ndarray) -> np.ndarray:
    """The parts of ``same`` (h, w) bool that are large enough to be seen through."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(same.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] > _LEAST_HOLE * same.size
    large[0] = False
    return large[labels]
