# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion between two frames, and what of it is not the camera's: the strongest sign of an object that moves by itself.

A homography fitted to the flow outside the object explains a turning camera exactly and a travelling one where the
background is flat or far. What is left of the flow, the residual, is compared as a distribution: how often residuals
like this one occur inside the object and how often beside it. Where the object rests, both are alike and say nothing.

Notation: ``here`` is the frame to be cut, ``there`` the other one; ``flow`` (h, w, 2) float32 leads from here to there,
in pixels (x, y); ``there_from_here`` (3, 3) float64, OpenCV's pixels (centres at integers).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..colour import LIMIT
from ..flow import consistency, flow_pair, follow

_GRID = 8
"""Pixels between the samples of flow from which a homography is fitted."""

_LEAST_SAMPLES = 24

_UNIT = 0.35
"""Residual, in pixels, from which on bins grow with the residual: the noise of the flow itself."""

_BINS, _BINS_PER_FOLD = 25, 4.0
"""Bins along either axis of the residuals' histogram, and bins for each factor e of a residual."""

_PROBES = 400
"""Residuals compared with one another to find the commonest: all pairs are."""

_NEUTRAL = 0.02
"""Share of an even distribution in both histograms, as in ``colour.py``."""


@dataclass(kw_only=True)
class Motion:
    """Flow to ``there`` and back, its ``belief`` (h, w) in [0, 1], the background's motion and the ``residual``."""

    flow: np.ndarray
    back: np.ndarray
    belief: np.ndarray
    there_from_here: np.ndarray
    residual: np.ndarray


def observe_motion(here: np.ndarray, there: np.ndarray, beside: np.ndarray) -> Motion:
    """Motion from grey ``here`` to ``there`` (h, w) uint8; ``beside`` (h, w) bool: surely not the object."""
    flow, back = flow_pair(here, there)
    belief = consistency(flow, back)
    model = fit_homography(flow, belief, beside)
    return Motion(
        flow=flow, back=back, belief=belief, there_from_here=model, residual=flow - homography_flow(model, here.shape)
    )


def chain(first: Motion, second: Motion) -> Motion:
    """Motion here -> there -> beyond, from that of here to there and that of there to beyond."""
    flow = first.flow + follow(second.flow, first.flow)
    back = second.back + follow(first.back, second.back)
    model = second.there_from_here @ first.there_from_here
    belief = first.belief * follow(second.belief, first.flow)
    residual = flow - homography_flow(model, flow.shape[:2])
    return Motion(flow=flow, back=back, belief=belief, there_from_here=model / model[2, 2], residual=residual)


def fit_homography(flow: np.ndarray, belief: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Homography (3, 3) that explains most of ``flow`` over the pixels ``where`` (h, w) bool; identity if too few."""
    y, x = np.mgrid[_GRID // 2 : flow.shape[0] : _GRID, _GRID // 2 : flow.shape[1] : _GRID]
    good = where[y, x] & (belief[y, x] > 0.5)
    if good.sum() < _LEAST_SAMPLES:
        return np.eye(3)
    here = np.stack([x[good], y[good]], -1).astype(np.float32)
    model, _ = cv2.findHomography(here, here + flow[y, x][good], cv2.RANSAC, 1.0, maxIters=400)
    return np.eye(3) if model is None else model


def homography_flow(model: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Flow (h, w, 2) float32 that the homography ``model`` makes of pixels of a picture of ``shape`` (h, w)."""
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    a = model.astype(np.float32)
    depth = a[2, 0] * x + a[2, 1] * y + a[2, 2]
    depth = np.where(np.abs(depth) > 1e-6, depth, np.float32(1e-6))
    to_x = (a[0, 0] * x + a[0, 1] * y + a[0, 2]) / depth
    to_y = (a[1, 0] * x + a[1, 1] * y + a[1, 2]) / depth
    return np.stack([to_x - x, to_y - y], -1)


def residual_bins(residual: np.ndarray) -> np.ndarray:
    """Bin of each residual (h, w, 2), (h, w) int32: even steps near zero, even ratios farther out."""
    half = _BINS // 2
    steps = np.sign(residual) * np.log1p(np.abs(residual) / _UNIT) * _BINS_PER_FOLD
    place = np.clip(np.round(steps), -half, half).astype(np.int32) + half
    return place[..., 1] * _BINS + place[..., 0]


def motion_ratio(bins: np.ndarray, inside: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Log-likelihood ratio (h, w) float32 that a pixel moves like what is ``inside``; weights (h, w) >= 0 of both."""
    densities = []
    for weights in (inside, beside):
        counts = np.bincount(bins.ravel(), weights.ravel().astype(np.float64), minlength=_BINS * _BINS)
        smooth = cv2.GaussianBlur(counts.reshape(_BINS, _BINS), (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
        share = smooth.ravel() / max(float(smooth.sum()), 1e-6)
        densities.append((1 - _NEUTRAL) * share + _NEUTRAL / share.size)
    table = np.log(densities[0] / densities[1])
    return np.clip(table, -LIMIT, LIMIT).astype(np.float32)[bins]


def standing_out(residual: np.ndarray, region: np.ndarray, beside: np.ndarray, seed: np.ndarray | None) -> np.ndarray:
    """How clearly each pixel moves with the object and not with the background, (h, w) float32 in [-1, 1].

    The object's own residual is that under ``seed`` (h, w) bool, or else the commonest in ``region`` (h, w) bool that
    the background's spread over ``beside`` (h, w) bool does not explain. Between the two motions the answer is linear;
    it fades to 0 where they differ by less than a few times that spread.
    """
    speed = np.hypot(residual[..., 0], residual[..., 1])
    spread = 1.5 * float(np.median(speed[beside])) + 0.3 if beside.any() else 0.3
    own = (
        np.median(residual[seed], 0)
        if seed is not None
        else _commonest(residual[region & (speed > 2 * spread)], spread)
    )
    if own is None or (seed is None and (region & (speed > 2 * spread)).sum() < 0.03 * region.sum()):
        return np.zeros(speed.shape, np.float32)
    length = max(float(np.hypot(*own)), 1e-6)
    trust = np.clip((length / spread - 2) / 4, 0, 1)
    apart = residual - own
    nearer = (speed - np.hypot(apart[..., 0], apart[..., 1])) / length
    return (trust * np.clip(nearer, -1, 1)).astype(np.float32)


def _commonest(residuals: np.ndarray, spread: float) -> np.ndarray | None:
    """Mode of ``residuals`` (N, 2) by the density around each of some of them; None of none."""
    if not len(residuals):
        return None
    probes = residuals[:: max(1, len(residuals) // _PROBES)]
    width = 0.15 * float(np.median(np.hypot(*probes.T))) + 0.5 * spread
    squared = np.square(probes[:, None] - probes[None]).sum(-1)
    density = np.exp(-squared / (2 * width * width)).sum(1)
    return np.asarray(probes[density.argmax()])
