# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow an object through frames that come one after the other; memory holds three of them, however many come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from .. import colour
from ..flow import follow
from .memory import Key, View, continued, lay_over, object_step
from .motion import observe_motion
from .step import LEAST_AREA, Cut, cut_next

KEY_EVERY = 8
"""Frames between key frames: the object has turned a little, and the one before is still well known."""

_RENEWAL = 0.1
"""Share of the newest frame in the colours of the whole picture."""

_DOUBTFUL = 0.3
"""Confidence below which a frame becomes no key frame and teaches no colours."""


class Tracker:
    """Cuts frame after frame; ``follow_to`` takes them in order."""

    def __init__(self, image: np.ndarray, mask: np.ndarray, smoothness: float, confidence: float = 1.0) -> None:
        """Start from ``image`` (h, w, 3) uint8 sRGB with its ``mask`` (h, w) float32."""
        self._smoothness = smoothness
        self._image, self._mask = image, mask
        self._grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        self._keys = [Key(image=image, grey=self._grey, mask=mask, now_from_key=np.eye(3), first=True)]
        self._counts = self._histograms(image, mask)
        self._since_key = 0
        self._trust = confidence

    def follow_to(self, image: np.ndarray) -> Cut:
        """Cut the next frame, of the first one's size. Its confidence falls off slowly with the frames between."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        solid = self._mask > 0.5
        reach = max(8, int(0.15 * np.sqrt(solid.sum())))
        beside = cv2.dilate(solid.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
        motion = observe_motion(grey, self._grey, beside)
        brought = follow(self._mask, motion.flow)
        shape = follow(self._mask, continued(motion.flow, brought * motion.belief))
        previous = follow(self._image, motion.flow)
        views = [View(shape=shape, image=previous, mask=brought, belief=motion.belief, quality=0.0)]
        step = object_step(motion.back, solid)
        for key in self._keys:
            key.now_from_key = step @ key.now_from_key
            if key.image is not self._image:
                views.append(lay_over(key, image, grey))
        views[0].quality = 1.0 if len(views) == 1 else 0.0
        whole = colour.log_ratio(*(counts / max(counts.sum(), 1e-6) for counts in self._counts))
        result = cut_next(image, views, motion, whole, self._smoothness)
        self._remember(image, grey, result)
        return result

    def _remember(self, image: np.ndarray, grey: np.ndarray, result: Cut) -> None:
        """Make the frame the one before; where nothing was found, the object is still looked for where it should be."""
        lost = (result.mask > 0.5).sum() < LEAST_AREA
        self._image, self._grey = image, grey
        self._mask = result.expected if lost else result.mask
        self._trust = max(0.05, self._trust * (0.97 + 0.03 * result.confidence))
        self._since_key += 1
        if not lost and result.confidence > _DOUBTFUL:
            for kept, new in zip(self._counts, self._histograms(image, result.mask), strict=True):
                kept *= 1 - _RENEWAL
                kept += _RENEWAL * new
            if self._since_key >= KEY_EVERY:
                newest = Key(image=image, grey=grey, mask=result.mask, now_from_key=np.eye(3))
                self._keys = [self._keys[0], *self._keys[1:][-1:], newest]
                self._since_key = 0
        result.confidence = 0.02 if lost else float(np.clip(result.confidence * self._trust**0.5, 0.02, 0.98))

    def _histograms(self, image: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
        """Colours of object and background, each of sum 1."""
        indices = colour.colour_indices(image)
        counts = [colour.histogram(indices, weights) for weights in (mask, 1 - mask)]
        return [c / max(c.sum(), 1e-6) for c in counts]


def track(
    frames: Iterable[np.ndarray], mask: np.ndarray, smoothness: float = 2.0, confidence: float = 1.0
) -> Iterator[Cut]:
    """Cuts of ``frames`` (h, w, 3) uint8 from the second on, given the first one's ``mask`` (h, w) float32."""
    tracker: Tracker | None = None
    for image in frames:
        if tracker is None:
            tracker = Tracker(image, mask, smoothness, confidence)
        else:
            yield tracker.follow_to(image)
