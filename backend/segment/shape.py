# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes of masks: the parts that belong to the object, holes, overlap."""

from __future__ import annotations

import cv2
import numpy as np


def keep_parts(mask: np.ndarray, support: np.ndarray, least_share: float = 0.02) -> np.ndarray:
    """Drop parts of a soft ``mask`` (h, w) float32 that are no object: not on ``support`` (h, w) bool, or specks.

    A part stays when it overlaps ``support`` and has ``least_share`` of the largest such part's area.
    """
    solid = (mask > 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    if count <= 1:
        return mask
    overlap = np.bincount(labels[support].ravel(), minlength=count)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    good = overlap > 0
    good[0] = False
    if not good.any():
        return np.zeros_like(mask)
    good &= areas >= least_share * areas[good].max()
    dropped = ~good
    dropped[0] = False
    # The soft rim of a dropped part goes with it.
    rim = cv2.dilate(dropped[labels].astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~good[labels]
    return np.where(rim, np.float32(0), mask)


def fill_holes(mask: np.ndarray, largest_share: float) -> np.ndarray:
    """Fill holes of a soft ``mask`` (h, w) float32 that are smaller than ``largest_share`` of the object's area."""
    empty = (mask <= 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(empty, connectivity=4)
    if count <= 1:
        return mask
    area = float(mask.size - empty.sum())
    open_labels = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    hole = stats[:, cv2.CC_STAT_AREA] < largest_share * area
    hole[open_labels] = False
    hole[0] = False
    return np.where(hole[labels], np.float32(1), mask)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of soft masks (h, w), as sums of minima and maxima; 1 for two empty ones."""
    union = float(np.maximum(a, b).sum())
    return float(np.minimum(a, b).sum()) / union if union > 0 else 1.0
