# SPDX-License-Identifier: GPL-3.0-or-later
"""What a camera that stands still sees behind an object that turns: the clean plate, and how far it is known.

A turning object shows a pixel ever other colours, what is behind it always the same one. So a pixel's background is the
colour that most frames agree on, and the share that agree says how far it is known: nearly all where the object never
comes, few where it always is. Shadows darken the plate without changing its hue (Horprasert et al. 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 256
"""Longer side, in pixels, at which frames vote for a pixel's background."""

_MOST = 40
"""Frames that vote at most, spread evenly; the work grows with their square."""

_LEAST = 8
_NOISES, _LEAST_REACH = 4.0, 6.0
"""Colours agree within so many standard deviations of the noise, and within so many 8-bit steps."""

STEADY = 0.6
"""Share of frames that agree from which a pixel's background is taken to be known."""

_DARKEST = 0.3
"""Light, as a share of the plate's, that a shadow leaves at least; darker is another surface."""

_PER_SHADE = 5.0
"""8-bit steps that a shadow counts for as it goes from none to black: a shadow is likelier than none is."""

_GAMMA = 2.2


@dataclass(kw_only=True)
class Plate:
    """``colours`` (h, w, 3) float32, 8-bit sRGB; ``share`` (h, w) float32 of frames that agree on them; ``reach``:
    difference in 8-bit steps up to which colours are the same.
    """

    colours: np.ndarray
    share: np.ndarray
    reach: float

    def shaded(self, light: float) -> np.ndarray:
        """The plate under a share of its ``light``, (h, w, 3) uint8."""
        return np.clip(self.colours * light ** (1 / _GAMMA), 0, 255).astype(np.uint8)

    def unlike(self, image: np.ndarray) -> np.ndarray:
        """How far ``image`` (h, w, 3) uint8 is from the plate, lit or in shadow: (h, w) float32, 8-bit steps."""
        here = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.8)
        there = cv2.GaussianBlur(self.colours, (0, 0), 0.8)
        plain = np.abs(here - there).max(-1)
        seen, plate = (np.power(a / 255, _GAMMA) for a in (here, there))
        light = (seen * plate).sum(-1) / np.maximum(np.square(plate).sum(-1), 1e-4)
        light = np.clip(light, _DARKEST, 1.0)
        shadow = np.abs(here - there * np.power(light, 1 / _GAMMA)[..., None]).max(-1) + _PER_SHADE * (1 - light)
        # A scaled copy fits better than an unscaled one by chance as well.
        return np.minimum(plain, 1.3 * shadow)


def vote(images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Index of the image that shows each pixel's background, the share that agree, both (h, w), and the reach.

    ``images``: (h, w, 3) uint8 of one size, longer side ``SIDE``, at most ``_MOST`` of them.
    """
    stack = np.stack([cv2.GaussianBlur(image, (0, 0), 0.7) for image in images]).astype(np.int16)
    noise = 1.48 * float(np.median(np.abs(stack - np.median(stack, 0)).max(-1)))
    reach = max(_NOISES * noise, _LEAST_REACH)
    best, which = (np.zeros(stack.shape[1:3], np.int32) for _ in range(2))
    for index, image in enumerate(stack):
        agree = (np.abs(stack - image).max(-1) < reach).sum(0)
        better = agree > best
        best[better], which[better] = agree[better], index
    return which, (best / len(stack)).astype(np.float32), reach


def sampled(count: int) -> list[int]:
    """Indices of the frames that vote."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, _MOST))})


def stands_still(share: np.ndarray, count: int) -> bool:
    """Whether a camera stood still while something turned before it, by the ``share`` (h, w) of ``vote``.

    Most of the picture and nearly all of its border must be steady, and some of it must never be.
    """
    if count < _LEAST:
        return False
    band = max(2, round(0.05 * max(share.shape)))
    inner = share[band:-band, band:-band]
    steady = share > STEADY
    border = (float(steady.sum()) - float((inner > STEADY).sum())) / max(share.size - inner.size, 1)
    return float(steady.mean()) > 0.5 and border > 0.9 and float((share < 0.5).mean()) > 0.005


def develop(images: Sequence[np.ndarray], which: np.ndarray, share: np.ndarray, reach: float) -> Plate:
    """The plate at the size of ``images`` (h, w, 3) uint8, which are those that voted at ``SIDE``."""
    height, width = images[0].shape[:2]
    index = cv2.resize(which.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    shown = np.zeros((height, width, 3), np.float32)
    for i, image in enumerate(images):
        shown[index == i] = image[index == i]
    total, count = np.zeros_like(shown), np.zeros((height, width, 1), np.float32)
    for image in images:
        agrees = (np.abs(image - shown).max(-1) < 1.5 * reach).astype(np.float32)[..., None]
        total += image * agrees
        count += agrees
    return Plate(
        colours=np.asarray(total / np.maximum(count, 1), np.float32),
        share=cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR),
        reach=reach,
    )
