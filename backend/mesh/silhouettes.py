# SPDX-License-Identifier: GPL-3.0-or-later
"""Soft masks as signed distances, below a pixel exact at the rim.

Notation: a mask is (H, W) uint8, 255 object; distances are pixels, positive inside, 0 where the mask crosses one half.
"""

from __future__ import annotations

import cv2
import numpy as np

_SIGMA = 1.0
"""Blur in pixels before the rim is read off: enough that a hard mask has a slope, little enough to keep corners."""

_FAR = 1e4
"""Distance given where the mask has no rim at all."""


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Signed distance (H, W) float32 of every pixel centre from the rim of a soft ``mask``.

    Near the rim the blurred mask is an edge seen through a Gaussian, whose inverse gives the distance: exact for a
    straight edge, whether the mask is hard or holds coverage. Farther off, the distance to the nearest pixel across
    the rim plus that pixel's own: right to about a pixel, and only its sign and size matter there.
    """
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255.0, (0, 0), _SIGMA, borderType=cv2.BORDER_REPLICATE)
    inside = soft > 0.5
    if inside.all() or not inside.any():
        return np.full(mask.shape, _FAR if inside.all() else -_FAR, np.float32)
    near = _rim_distance(soft)
    far = np.where(inside, _across(inside, near), -_across(~inside, -near))
    share = np.clip((np.abs(near) - 1.0) / 0.5, 0.0, 1.0)
    return ((1.0 - share) * near + share * far).astype(np.float32)


def _rim_distance(soft: np.ndarray) -> np.ndarray:
    """Distance from the blurred mask alone, within two pixels of the rim; saturates beyond."""
    from scipy.special import ndtri

    width = np.sqrt(_SIGMA**2 + 1.0 / 12.0)  # a pixel's own footprint widens the edge
    return np.clip(width * ndtri(np.clip(soft.astype(np.float64), 0.01, 0.99)), -2.0, 2.0)


def _across(inside: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Distance of each pixel of ``inside`` from the rim: to the nearest pixel outside, less how far out that lies."""
    _, labels = cv2.distanceTransformWithLabels(
        inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(~inside)
    row_of = np.zeros(labels.max() + 1, np.int32)
    column_of = np.zeros_like(row_of)
    row_of[labels[rows, columns]], column_of[labels[rows, columns]] = rows, columns
    row, column = np.mgrid[: inside.shape[0], : inside.shape[1]]
    nearest_row, nearest_column = row_of[labels], column_of[labels]
    return np.hypot(row - nearest_row, column - nearest_column) + near[nearest_row, nearest_column]


def reduced(distance: np.ndarray, factor: int) -> np.ndarray:
    """The distances at ``factor`` times fewer pixels a side, still in full-size pixels; the size is rounded up."""
    if factor == 1:
        return distance
    height, width = distance.shape
    padded = np.pad(distance, ((0, -height % factor), (0, -width % factor)), mode="edge")
    return cv2.resize(
        padded, (padded.shape[1] // factor, padded.shape[0] // factor), interpolation=cv2.INTER_AREA
    )  # fmt: skip
