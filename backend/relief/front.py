# SPDX-License-Identifier: GPL-3.0-or-later
"""From a network's answer to the body's front and back.

The answer is known up to scale and shift: its middle 96 per cent are stretched over the thickness that the inflated
silhouette has. At the rim it mixes object and background and is not believed: values from further in are used there.
"""

from __future__ import annotations

import cv2
import numpy as np

from .inflate import Inflated

_RIM = 0.008
"""Depth of the rim that is not believed, over the object's longer side."""

_RIM_PX = 2.0
"""The least that it is deep, pixels."""

_TAILS = (2.0, 98.0)
"""Percentiles that are stretched over the thickness; what lies beyond is held."""

_BACK = 0.5
"""How far the back bulges, in inflated thicknesses."""

_LEAST = 1.0
"""Cells that the body is thick at least, away from its rim."""


def front_and_back(
    nearness: np.ndarray, mask: np.ndarray, grid: Inflated, thickness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Depths of front and back (R, C) in cells behind the middle plane; ``nearness`` (H, W), ``mask`` (H, W) uint8."""
    near = grid.sampled(_without_rim(nearness, mask))
    near = _smoothed(near, grid.square > 0)
    low, high = np.percentile(near[grid.square > 0], _TAILS)
    share = np.clip((near - low) / max(float(high - low), 1e-9), 0, 1) if high > low else np.full_like(near, 0.5)
    half = thickness * grid.half
    front = (0.5 - share) * 2 * float(half.max())
    behind = np.maximum(front, np.median(front[grid.square > 0]))
    back = cv2.GaussianBlur(behind.astype(np.float32), (0, 0), max(1.0, 0.02 * max(front.shape))) + _BACK * half
    return front, np.maximum(back, front + _LEAST)


def _without_rim(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``values`` with those outside the object, and at its rim, replaced by the nearest believed ones."""
    solid = (mask > 127).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    rows, columns = np.nonzero(solid)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    inner = depth > min(max(_RIM * extent, _RIM_PX), 0.5 * float(depth.max()))
    _, labels = cv2.distanceTransformWithLabels(
        (~inner).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(labels.max()) + 1, values.dtype)
    table[labels[inner]] = values[inner]
    return table[labels]


def _smoothed(near: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Without the network's grain, edges kept (Tomasi and Manduchi 1998)."""
    spread = float(near[inside].std()) or 1.0
    return cv2.bilateralFilter(np.ascontiguousarray(near, np.float32), 9, 0.15 * spread, 3.0)
