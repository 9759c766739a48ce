# SPDX-License-Identifier: GPL-3.0-or-later
"""By how much a photo is off from a rendering of the same view, pixel by pixel, and how sure that is.

The flow is dense inverse search (Kroeger et al. 2016, OpenCV's). How far it is to be believed follows from the
rendering's structure tensor (Lucas and Kanade 1981): along an edge a shift cannot be seen, on a plain place none can.

Notation: pictures (H, W, 3) uint8 sRGB; ``shift`` (H, W, 2) float32 pixels: what the rendering shows at x, the photo
shows at x + shift; ``say`` (H, W, 3) float32: xx, xy and yy of a symmetric 2 x 2 matrix of eigenvalues in [0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_NOISE = 4.0
"""Grey levels a pixel by which pictures differ without a cause: gradients below it say little."""

_WINDOW = 2.5
"""Standard deviation in pixels of the window over which structure is gathered."""

_INNER = 4.0
"""Pixels from the rendering's rim at which it is believed fully: beyond the rim there is nothing to compare."""

_REFINEMENTS = 5
_LEAST_SIDE = 32
"""Pixels below which dense inverse search has too few patches to look at."""


@dataclass(frozen=True)
class Flow:
    """``shift`` (H, W, 2) and ``say`` (H, W, 3), as the module says; ``off``: mean squared difference before it."""

    shift: np.ndarray
    say: np.ndarray
    off: float


def flow_to_photo(rgba: np.ndarray, photo: np.ndarray, trust: np.ndarray, gain: np.ndarray) -> Flow:
    """From a rendering (H, W, 4) uint8 to a photo, of which ``trust`` (H, W) in [0, 1] is believed.

    ``gain`` (3,) makes the photo as bright as the rendering.
    """
    covered = rgba[..., 3] == 255
    evened = np.clip(photo * gain, 0, 255).astype(np.float32)
    believed = trust * np.clip((cv2.distanceTransform(covered.astype(np.uint8), cv2.DIST_L2, 5) - 1) / _INNER, 0, 1)
    difference = ((rgba[..., :3] - evened) ** 2).mean(axis=2)
    off = float((difference * believed).sum() / max(float(believed.sum()), 1e-9))
    height, width = covered.shape
    if min(height, width) < _LEAST_SIDE:
        return Flow(np.zeros((height, width, 2), np.float32), np.zeros((height, width, 3), np.float32), off)
    there = cv2.cvtColor(evened.astype(np.uint8), cv2.COLOR_RGB2GRAY)
    # Beside the rendering both show the photo, so that its rim is no edge that the search could hold on to.
    here = np.where(covered, cv2.cvtColor(np.ascontiguousarray(rgba[..., :3]), cv2.COLOR_RGB2GRAY), there)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    search.setVariationalRefinementIterations(_REFINEMENTS)
    shift = np.asarray(search.calc(here, there, np.zeros((height, width, 2), np.float32)), np.float32)
    return Flow(shift, _structure(here) * believed[..., None].astype(np.float32), off)


def _structure(grey: np.ndarray) -> np.ndarray:
    """S (S + noise)^-1 of the structure tensor S at each pixel of ``grey`` (H, W) uint8: xx, xy, yy, (H, W, 3)."""
    x, y = (cv2.Scharr(grey, cv2.CV_32F, *order) / 32 for order in ((1, 0), (0, 1)))
    xx, xy, yy = (cv2.GaussianBlur(product, (0, 0), _WINDOW) for product in (x * x, x * y, y * y))
    a, c = xx + _NOISE**2, yy + _NOISE**2
    determinant = a * c - xy * xy
    # S M^-1 with M = S + n is 1 - n M^-1.
    return np.stack(
        [1 - _NOISE**2 * c / determinant, _NOISE**2 * xy / determinant, 1 - _NOISE**2 * a / determinant], axis=2
    )
