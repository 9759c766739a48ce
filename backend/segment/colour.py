# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour models of object and background: smoothed histograms in CIE L*a*b*.

Histograms rather than the Gaussian mixtures of GrabCut (Rother et al. 2004): models of many frames are added by adding
arrays, a lookup is one indexing, and a colour seen on neither side is neutral instead of the wider mixture's.
"""

from __future__ import annotations

import cv2
import numpy as np

BINS = (12, 28, 28)
"""Bins along L*, a*, b*. Lightness is the coarsest: shading changes it most between views of one surface."""

_CHROMA = (72.0, 200.0)
"""Range of OpenCV's 8-bit a* and b* covered by bins; colours beyond it are rarer than one pixel in a thousand."""

_NEUTRAL = 0.03
"""Share of an even distribution mixed into both models: how rare a colour must be before it says nothing."""

LIMIT = 4.0
"""Log-likelihood ratios are clipped here, so that no single pixel outweighs what its neighbours say together."""


def colour_indices(image: np.ndarray) -> np.ndarray:
    """Index of every pixel's bin, (h, w) int32, for ``image`` (h, w, 3) uint8 sRGB."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    light = np.minimum(lab[..., 0] * (BINS[0] / 256.0), BINS[0] - 1).astype(np.int32)
    index = light
    for channel in (1, 2):
        scaled = (lab[..., channel] - _CHROMA[0]) * (BINS[channel] / (_CHROMA[1] - _CHROMA[0]))
        index = index * BINS[channel] + np.clip(scaled, 0, BINS[channel] - 1).astype(np.int32)
    return index


def histogram(indices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted counts (prod(BINS),) float64 of ``indices`` (h, w) with ``weights`` (h, w) >= 0."""
    return np.bincount(indices.ravel(), weights.ravel().astype(np.float64), minlength=int(np.prod(BINS)))


def density(counts: np.ndarray) -> np.ndarray:
    """Smoothed, normalised density (prod(BINS),) of ``counts``, with a neutral share that is spread evenly."""
    cube = counts.reshape(BINS)
    for axis in range(3):
        padded = np.pad(cube, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        low, high = (np.take(padded, range(s, s + BINS[axis]), axis) for s in (0, 2))
        cube = 0.25 * low + 0.5 * cube + 0.25 * high
    total = cube.sum()
    even = 1.0 / cube.size
    if total <= 0:
        return np.full(cube.size, even)
    return (1.0 - _NEUTRAL) * cube.ravel() / total + _NEUTRAL * even


def log_ratio(object_counts: np.ndarray, background_counts: np.ndarray) -> np.ndarray:
    """Log-likelihood ratio of object to background for every bin, (prod(BINS),) float32 in [-LIMIT, LIMIT]."""
    ratio = np.log(density(object_counts)) - np.log(density(background_counts))
    return np.clip(ratio, -LIMIT, LIMIT).astype(np.float32)
