# SPDX-License-Identifier: GPL-3.0-or-later
"""Local colour models: what colours the object and the background have near each pixel.

Video SnapCut (Bai et al. 2009) keeps a colour model for each of many windows along the contour. Here the windows are
dense: the frame's colours are sorted into a palette, and for each colour of it the share of object and of background is
blurred over the picture. A pixel looks up its own colour where it lies. So a dark wing against dark water is told
apart by the shades found there, whatever shades occur elsewhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from ....kernels.palettes import nearest_colours
from ..colour import LIMIT

COLOURS = 28
"""Colours of the palette; more are told apart better and blurred worse."""

_SAMPLES = 3000
_SHRINK = 4
"""Local histograms vary slowly: they are kept at a quarter of the size."""


def palette(lab: np.ndarray, colours: int = COLOURS) -> np.ndarray:
    """Colours (colours, 3) float32 that stand for those of ``lab`` (h, w, 3) float32."""
    pixels = lab.reshape(-1, 3)
    step = max(1, len(pixels) // _SAMPLES)
    samples = np.ascontiguousarray(pixels[::step])
    if len(samples) < colours:
        return np.resize(samples, (colours, 3)).astype(np.float32)
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 0.0)
    return np.asarray(cv2.kmeans(samples, colours, None, stop, 1, cv2.KMEANS_PP_CENTERS)[2], np.float32)  # type: ignore[call-overload]


def assign(lab: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Nearest palette colour of every pixel of ``lab`` (h, w, 3), (h, w) uint8."""
    classes = np.zeros(lab.shape[:2], np.uint8)
    nearest_colours(np.ascontiguousarray(lab.reshape(-1, 3), np.float32), centres, classes.reshape(-1))
    return classes


class LocalColours:
    """Local histograms of object and background, gathered from pictures that lie over the frame to be cut."""

    def __init__(self, shape: tuple[int, int], sigma: float) -> None:
        """For frames of ``shape`` (h, w); ``sigma`` pixels is how far a colour speaks."""
        self._size = (max(1, shape[1] // _SHRINK), max(1, shape[0] // _SHRINK))
        self._sigma = max(sigma / _SHRINK, 0.8)
        self._counts = np.zeros((2, COLOURS, self._size[1], self._size[0]), np.float32)

    def add(self, classes: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> None:
        """Add a picture's palette ``classes`` (h, w) uint8 with weights (h, w) float32 of both sides."""
        for c in range(COLOURS):
            here = (classes == c).astype(np.float32)
            for side, weights in enumerate((inside, outside)):
                self._counts[side, c] += cv2.resize(here * weights, self._size, interpolation=cv2.INTER_AREA)

    def ratio(self, classes: np.ndarray) -> np.ndarray:
        """Log-likelihood ratio of object to background, (h, w) float32, for the frame's palette ``classes``."""
        local = np.stack([[cv2.GaussianBlur(p, (0, 0), self._sigma) for p in side] for side in self._counts])
        whole = self._counts.sum((2, 3))
        whole /= np.maximum(whole.sum(1, keepdims=True), 1e-6)
        # As many pixels as a tenth of a full window are taken from the whole picture's histogram.
        local += 0.1 * local.sum(1).mean((1, 2))[:, None, None, None] * whole[:, :, None, None] + 1e-5
        local /= local.sum(1, keepdims=True)
        table = np.log(local[0] + 0.004) - np.log(local[1] + 0.004)
        return np.clip(_look_up(table, classes), -LIMIT, LIMIT)

    def surprise(self, classes: np.ndarray) -> np.ndarray:
        """How much rarer each pixel's colour is in the background near it than all over, (h, w) float32 in [-3, 3]."""
        near = np.stack([cv2.GaussianBlur(p, (0, 0), self._sigma) for p in self._counts[1]])
        whole = self._counts[1].sum((1, 2))
        whole = whole / max(float(whole.sum()), 1e-6)
        near += 0.02 * near.sum(0).mean() * whole[:, None, None] + 1e-6
        near /= near.sum(0)
        common = self._counts.sum((0, 2, 3))
        common = common / max(float(common.sum()), 1e-6)
        table = np.log(common + 0.004)[:, None, None] - np.log(near + 0.004)
        return np.clip(_look_up(table, classes), -3, 3)


def _look_up(table: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Value of ``table`` (COLOURS, h', w') for each pixel's class, where the pixel lies; (h, w) float32."""
    result = np.zeros(classes.shape, np.float32)
    size = (classes.shape[1], classes.shape[0])
    for c in range(COLOURS):
        here = classes == c
        if here.any():
            result[here] = cv2.resize(table[c], size, interpolation=cv2.INTER_LINEAR)[here]
    return result
