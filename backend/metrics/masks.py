# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a mask agrees with the true one: region and contour, as DAVIS measures them (Perazzi et al. 2016).

Notation: masks (H, W) bool.
"""

from __future__ import annotations

import cv2
import numpy as np

_TOLERANCE = 0.008
"""How far apart contours may lie to count as one, of the image's diagonal: the benchmark's own figure."""

_RECALLED = 0.5
"""J or F above which a frame counts as recalled: the benchmark's own figure."""


def intersection_over_union(one: np.ndarray, other: np.ndarray) -> float:
    """Jaccard index J; 1 when both masks are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def boundary_f(found: np.ndarray, true: np.ndarray) -> float:
    """F-measure of the contours, F = 2 P R / (P + R), matched within 0.8 per cent of the diagonal.

    1 when neither mask has a contour, 0 when only one has.
    """
    radius = int(np.ceil(_TOLERANCE * np.hypot(*found.shape)))
    found_rim, true_rim = contour(found), contour(true)
    if not found_rim.any() or not true_rim.any():
        return 1.0 if found_rim.any() == true_rim.any() else 0.0
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x * x + y * y <= radius * radius).astype(np.uint8)
    near_true = cv2.dilate(true_rim.astype(np.uint8), disc) > 0
    near_found = cv2.dilate(found_rim.astype(np.uint8), disc) > 0
    precision, recall = near_true[found_rim].mean(), near_found[true_rim].mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def davis_statistics(values: list[float]) -> dict[str, float]:
    """``mean``, ``recall`` and ``decay`` of one figure over a clip's frames in order (Perazzi et al. 2016, section 4).

    The first frame, which is given, and the last are left out, as the benchmark's own evaluation does. Decay compares
    the quarters, which share the frames on which they meet. Fewer than three frames have no statistics: {}.
    """
    inner = np.asarray(values[1:-1], np.float64)
    if not len(inner):
        return {}
    ends = np.round(np.linspace(1, len(inner), 5) + 1e-10).astype(int) - 1
    quarters = [inner[ends[i] : ends[i + 1] + 1].mean() for i in (0, 3)]
    return {
        "mean": float(inner.mean()),
        "recall": float((inner > _RECALLED).mean()),
        "decay": float(quarters[0] - quarters[1]),
    }


def contour(mask: np.ndarray) -> np.ndarray:
    """Pixels (H, W) bool that differ from the one to their right, below, or below right."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    rim = mask != padded[:-1, 1:]
    rim |= mask != padded[1:, :-1]
    return rim | (mask != padded[1:, 1:])
