# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves in a video: how far from look to look, and whether the camera, a turning object or neither does it.

Dense optical flow (DIS, Kroeger et al. 2016) between thumbnails, pixels of the thumbnail. Only pixels with texture
count: elsewhere flow is guessed from the surroundings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from .survey import CELLS, Look

_TEXTURE = 6.0
"""Grey levels a pixel of gradient from which flow can be believed."""
_NOISE = 0.15
"""Flow of a still scene, pixels: compression and sensor noise. Measured on a static clip: 0.02 to 0.1."""
_STRIDES = 25
_MOVING = 0.35
"""Least flow of the slower quarter of textured pixels over 1/24 of the video when the camera moves: 0.7 to 3 on a
hand-held clip, 0.03 to 0.2 on a static one full of action."""
_MOVING_SHARE = 0.25
_DUTY, _ONE_WAY, _TURNING_AREA = 0.5, 0.6, 0.01
"""A turning object: over at least this share of the picture, flow is there most of the time, and nearly one way."""


@dataclass(frozen=True)
class Motion:
    """``steps`` (n,) float64: motion to each look from the one before, shares of the diagonal; the first is 0.

    ``camera``: the camera moves. ``turning``: it stands still, and something turns in its place before it.
    """

    steps: np.ndarray
    camera: bool
    turning: bool


class Flow:
    """The flow between looks."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def between(self, first: Look, second: Look) -> np.ndarray:
        """(h, w, 2) float32: where each pixel of ``first`` went."""
        return self._dis.calc(first.thumbnail, second.thumbnail, None)  # type: ignore[call-overload,no-any-return]


def measure(looks: list[Look], progress: Callable[[float], None]) -> Motion:
    """Motion along all ``looks``; ``progress`` is told the share done."""
    flow = Flow()
    steps = np.zeros(len(looks))
    tally = _Tally()
    for i, (a, b) in enumerate(pairwise(looks), 1):
        progress(i / len(looks))
        field = flow.between(a, b)
        steps[i] = _step(field, a)
        tally.add(field)
    camera = _camera_moves(looks, flow)
    return Motion(steps=steps, camera=camera, turning=not camera and tally.turning())


def _step(field: np.ndarray, look: Look) -> float:
    """Mean flow where something moves, shares of the diagonal."""
    length = np.hypot(field[..., 0], field[..., 1])[_textured(look)]
    if not len(length):
        return 0.0
    moving = length[length > max(_NOISE, 0.3 * float(np.percentile(length, 99)))]
    return float(moving.mean()) / float(np.hypot(*field.shape[:2])) if len(moving) >= 0.002 * len(length) + 1 else 0.0


def _textured(look: Look) -> np.ndarray:
    """Pixels whose flow can be believed, (h, w) bool."""
    x, y = (cv2.Sobel(look.thumbnail, cv2.CV_32F, dx, 1 - dx) / 8 for dx in (1, 0))
    return np.hypot(x, y) > _TEXTURE / 2


def _camera_moves(looks: list[Look], flow: Flow) -> bool:
    """Whether nearly the whole picture moves, over pieces long enough for a slow camera to show."""
    picks = np.unique(np.linspace(0, len(looks) - 1, min(_STRIDES, len(looks))).round().astype(int))
    pieces = [(looks[a], looks[b]) for a, b in pairwise(picks)]
    moving = 0
    for a, b in pieces:
        field = flow.between(a, b)
        length = np.hypot(field[..., 0], field[..., 1])[_textured(a)]
        moving += bool(len(length) and np.percentile(length, 25) > _MOVING)
    return moving > _MOVING_SHARE * len(pieces)


class _Tally:
    """Flow added up in every pixel of the picture."""

    def __init__(self) -> None:
        self.total: np.ndarray | None = None
        self.path: np.ndarray | None = None
        self.moved: np.ndarray | None = None
        self.count = 0

    def add(self, field: np.ndarray) -> None:
        """Add the flow of one step; steps in which nothing moves do not count."""
        length = np.hypot(field[..., 0], field[..., 1])
        if np.percentile(length, 99.5) <= _NOISE:
            return
        if self.total is None or self.path is None or self.moved is None:
            self.total, self.path = np.zeros_like(field), np.zeros_like(length)
            self.moved = np.zeros(length.shape, np.int64)
        self.total += field
        self.path += length
        self.moved += length > _NOISE
        self.count += 1

    def turning(self) -> bool:
        """Whether something streams past one place most of the time and one way, as a turning thing's front does.

        Hands and liquids come and go; what crosses the picture is in each place for a short time only.
        """
        if self.total is None or self.path is None or self.moved is None or self.count < 4:
            return False
        one_way = np.hypot(self.total[..., 0], self.total[..., 1]) / np.maximum(self.path, 1e-6)
        streaming = (self.moved >= _DUTY * self.count) & (one_way >= _ONE_WAY)
        return bool(streaming.mean() >= _TURNING_AREA)


def carry_weights(looks: list[Look], known: dict[int, np.ndarray]) -> list[np.ndarray | None]:
    """Weights (CELLS, CELLS) float32 for every look from masks of some: {place in ``looks``: (h, w) float32 0 to 1}.

    Each mask is carried along the flow to the looks nearest to it; a rough guide to where the object is, no mask.
    """
    carried: list[np.ndarray | None] = [None] * len(looks)
    if not known:
        return carried
    flow = Flow()
    masks: list[np.ndarray | None] = [known.get(i) for i in range(len(looks))]
    for order in (range(1, len(looks)), range(len(looks) - 2, -1, -1)):
        for i, before in _neighbours(order):
            mask = masks[before]
            if masks[i] is None and mask is not None and _nearer(i, before, known, len(looks)):
                masks[i] = _warp(mask, flow.between(looks[i], looks[before]))
    return [None if m is None else cv2.resize(m, (CELLS, CELLS), interpolation=cv2.INTER_AREA) for m in masks]


def _neighbours(order: range) -> Iterator[tuple[int, int]]:
    """(place, place carried from) along ``order``."""
    for i in order:
        yield i, i - order.step


def _nearer(i: int, before: int, known: dict[int, np.ndarray], count: int) -> bool:
    """Whether the known mask on the side of ``before`` is the nearest to ``i``; backwards takes what is left."""
    if before > i:
        return True
    left = max((k for k in known if k <= before), default=-count)
    right = min((k for k in known if k > i), default=3 * count)
    return i - left <= right - i


def _warp(mask: np.ndarray, field: np.ndarray) -> np.ndarray:
    """``mask`` seen along ``field``, the flow from here to there."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    return cv2.remap(mask, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderValue=0.0)
