# SPDX-License-Identifier: GPL-3.0-or-later
"""What the object looked like before: key frames, carried along with the object and laid over the frame to be cut.

A mask that only follows the flow from frame to frame drifts: what leaks in once is carried on. A key frame, above all
the first, is compared with the frame itself. A similarity transform follows the object, so that the flow left to find
is small however far it has gone; and the flow found corrects the transform, so that it does not drift either.

The contour is moved by the flow of the object alone, continued beyond it: the flow just beside the object belongs to
the background and would say nothing about the object's shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..flow import consistency, flow_pair, follow

_UNLIKE = 60.0
"""Difference of colour, summed over three 8-bit channels, at which a key frame's pixel is hardly the same point."""

_SPREADS = (6.0, 24.0, 96.0)
"""Pixels over which the object's flow is continued, the narrowest that knows anything first."""

_SAMPLE = 4
"""Every so many pixels a similarity transform is fitted to the flow."""


@dataclass(kw_only=True)
class View:
    """A known picture with its mask, laid over the frame to be cut.

    ``shape`` (h, w) float32: its mask moved as the object moves; ``image`` (h, w, 3) uint8, ``mask`` and ``belief``
    (h, w): brought here by the flow of each pixel; ``quality``: share of the object that is found again, 0 to 1.
    """

    shape: np.ndarray
    image: np.ndarray
    mask: np.ndarray
    belief: np.ndarray
    quality: float
    first: bool = False


@dataclass(kw_only=True)
class Key:
    """A frame kept: ``image`` (h, w, 3) uint8, ``grey`` and ``mask`` (h, w), and where its object is by now."""

    image: np.ndarray
    grey: np.ndarray
    mask: np.ndarray
    now_from_key: np.ndarray
    first: bool = False


def lay_over(key: Key, image: np.ndarray, grey: np.ndarray) -> View:
    """Lay ``key`` over the frame (h, w, 3) and its ``grey`` (h, w); its transform is corrected by what is found."""
    size = grey.shape[::-1]
    moved = [
        cv2.warpPerspective(part, key.now_from_key, size, borderMode=mode)
        for part, mode in (
            (key.grey, cv2.BORDER_REPLICATE),
            (key.image, cv2.BORDER_REPLICATE),
            (key.mask, cv2.BORDER_CONSTANT),
        )
    ]
    flow, back = flow_pair(grey, moved[0])
    brought, mask = follow(moved[1], flow), follow(moved[2], flow)
    unlike = cv2.GaussianBlur(np.abs(brought.astype(np.float32) - image).sum(-1), (0, 0), 2.0)
    belief = consistency(flow, back) * np.exp(-np.square(unlike / _UNLIKE))
    shape = follow(moved[2], continued(flow, mask * belief))
    quality = float((shape * belief).sum() / max(float(shape.sum()), 1.0))
    key.now_from_key = _corrected(key.now_from_key, flow, (mask > 0.5) & (belief > 0.5))
    return View(shape=shape, image=brought, mask=mask, belief=belief, quality=quality, first=key.first)


def continued(flow: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``flow`` (h, w, 2) where ``weights`` (h, w) are, continued smoothly beyond; their mean far away."""
    height, width = weights.shape
    size = (max(1, width // _SAMPLE), max(1, height // _SAMPLE))
    stack = np.dstack([flow * weights[..., None], weights]).astype(np.float32)
    small = cv2.resize(stack, size, interpolation=cv2.INTER_AREA)
    total, left = np.zeros_like(small[..., :2]), np.ones(small.shape[:2], np.float32)
    for spread in _SPREADS:
        near = cv2.GaussianBlur(small, (0, 0), spread / _SAMPLE)
        share = np.clip(4.0 * near[..., 2], 0, 1) * left
        total += share[..., None] * near[..., :2] / np.maximum(near[..., 2:], 1e-4)
        left -= share
    mean = small[..., :2].sum((0, 1)) / max(float(small[..., 2].sum()), 1e-4)
    total += left[..., None] * mean
    return cv2.resize(total, (width, height), interpolation=cv2.INTER_LINEAR)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Similarity (3, 3) float64 that brings most ``source`` (N, 2) to ``target`` within two pixels; None of too few."""
    if len(source) < 12:
        return None
    found, _ = cv2.estimateAffinePartial2D(
        source.astype(np.float32), target.astype(np.float32), ransacReprojThreshold=2.0
    )
    return None if found is None else np.vstack([found, [0.0, 0.0, 1.0]])


def object_step(flow: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Similarity (3, 3) of the object under ``where`` (h, w) bool along ``flow``; identity where none is found."""
    points = _points(where)
    found = similarity(points, points + flow[points[:, 1].astype(int), points[:, 0].astype(int)])
    return np.eye(3) if found is None else found


def _corrected(now_from_key: np.ndarray, flow: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The transform after the ``flow`` from the frame to the moved key frame is taken into account."""
    points = _points(where)
    if not len(points):
        return now_from_key
    there = points + flow[points[:, 1].astype(int), points[:, 0].astype(int)]
    in_key = cv2.perspectiveTransform(there[None].astype(np.float64), np.linalg.inv(now_from_key))[0]
    found = similarity(in_key, points)
    return now_from_key if found is None else found


def _points(where: np.ndarray) -> np.ndarray:
    """Some of the pixels ``where`` (h, w) bool, (N, 2) float32, x and y."""
    rows, columns = np.nonzero(where[::_SAMPLE, ::_SAMPLE])
    return np.stack([columns, rows], -1).astype(np.float32) * _SAMPLE
