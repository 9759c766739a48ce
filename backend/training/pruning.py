# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing Gaussians that are not the object's: those whose centres most masks show outside, and those nobody sees."""

from __future__ import annotations

import cv2
import numpy as np

from .views import View, pixels_of


def outside_votes(means: np.ndarray, views: list[View], pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """For each mean (N, 3): in how many views it falls into the picture, and in how many of these beside the mask.

    A mask is widened by ``pixels`` first; in a single picture a Gaussian beside it may still be hidden by nothing.
    """
    seen, outside = np.zeros(len(means), np.int32), np.zeros(len(means), np.int32)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    for view in views:
        mask = cv2.dilate((view.photo[..., 3] > 0.5).astype(np.uint8), element)
        x, y, inside = pixels_of(means, view)
        seen += inside
        outside[inside] += mask[y[inside], x[inside]] == 0
    return seen, outside


def belongs(means: np.ndarray, opacities: np.ndarray, views: list[View], pixels: int = 3) -> np.ndarray:
    """Which Gaussians (N,) bool to keep: visible at all, and beside the masks in at most one view in ten."""
    seen, outside = outside_votes(means, views, pixels)
    return (opacities > 1.0 / 255.0) & (outside <= 0.1 * seen)
