# SPDX-License-Identifier: GPL-3.0-or-later
"""What making masks agree works on: pictures, cameras and first masks, and the backdrop seen past the object."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..records import Camera
from . import colour
from .backdrop import MOST_CELLS, SIDE, difference, paint
from .carry import Carried
from .cut import contrast_weights
from .evidence import difference_bins
from .many import side_by_side


@dataclass(kw_only=True)
class Scene:
    """What does not change over the rounds: pictures (h, w, 3) uint8, their bins (h, w), cameras, contrast weights."""

    images: list[np.ndarray]
    indices: list[np.ndarray]
    cameras: list[Camera]
    weights: list[np.ndarray]
    lab: list[np.ndarray]
    smoothness: float
    first: list[Carried]


def make_scene(images: list[np.ndarray], cameras: list[Camera], masks: list[Carried], smoothness: float) -> Scene:
    """Prepare undistorted ``images`` (h, w, 3) uint8 sRGB of ``cameras`` with their first ``masks`` (h, w)."""
    return Scene(
        images=images,
        indices=[colour.colour_indices(image) for image in images],
        cameras=cameras,
        weights=list(side_by_side(lambda image: contrast_weights(image, smoothness), images)),
        lab=[_small_lab(image) for image in images],
        smoothness=smoothness,
        first=masks,
    )


def _small_lab(image: np.ndarray) -> np.ndarray:
    """``image`` (h, w, 3) uint8 sRGB as blurred uint8 Lab of the size for backdrops."""
    scale = min(1.0, SIDE / max(image.shape[:2]))
    size = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), (0, 0), 0.7)


def clear_of(scene: Scene, masks: list[Carried], others: list[np.ndarray], surround: int) -> list[np.ndarray]:
    """Likely free of the object, at the backdrop's size: neither mask nor others claim it, nor their close surround."""
    clear = []
    for m, o, lab in zip(masks, others, scene.lab, strict=True):
        claimed = cv2.resize(np.maximum(m.mask, o), lab.shape[1::-1], interpolation=cv2.INTER_AREA)
        clear.append((1 - cv2.dilate(claimed, np.ones((surround, surround), np.uint8))).astype(np.float32))
    return clear


def unlike_backdrop(scene: Scene, clear: list[np.ndarray], height: float) -> list[np.ndarray]:
    """Bins of the difference from the backdrop, (h, w) uint8 at the backdrop's size."""
    # Cells finer than pixels would only cost time.
    cells = min(MOST_CELLS, max(scene.lab[0].shape) * 2 // 3)
    backdrop = paint(scene.cameras, scene.lab, clear, height, cells=cells)

    def compare(i: int) -> np.ndarray:
        return difference_bins(difference(backdrop, scene.cameras[i], scene.lab[i], clear[i]))

    return list(side_by_side(compare, range(len(clear))))


def core(weights: np.ndarray) -> np.ndarray:
    """``weights`` (h, w) float32 without their rim: pixels on a contour mix the colours of both sides."""
    return cv2.erode(weights, np.ones((5, 5), np.uint8))
