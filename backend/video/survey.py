# SPDX-License-Identifier: GPL-3.0-or-later
"""The first pass: every picture is looked at small, and a bounded number of looks is kept.

However long the video, at most ``MOST`` looks stay in memory (40 kB each): when there are more, of each two neighbours
the sharper stays. Pictures that a prompt names always stay.

A look holds sharpness and clipping on a grid of cells, so that they can be weighed by a mask that is known only later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from . import pixels
from .names import Wanted
from .reading import Header, Picture

MOST = 2048
THUMBNAIL = 192
"""Longer side on which motion is measured, pixels."""
DETAIL_SIDE = 640
CELLS = 16
_DARK, _BRIGHT = 3, 252


@dataclass(eq=False)
class Look:
    """One picture, seen small: ``thumbnail`` (h, w) uint8, and ``CELLS`` x ``CELLS`` grids of float32: the mean square
    of the Laplacian of luma, and the shares of pixels without detail in shadow and light. ``wanted`` are names
    of prompts.
    """

    index: int
    seconds: float
    thumbnail: np.ndarray
    detail: np.ndarray
    dark: np.ndarray
    bright: np.ndarray
    wanted: list[str] = field(default_factory=list)


def look_at(picture: Picture, header: Header) -> Look:
    """Measure one picture."""
    luma = pixels.grey(picture.frame, header, DETAIL_SIDE)
    factor = THUMBNAIL / max(luma.shape)
    size = max(round(luma.shape[1] * factor), 8), max(round(luma.shape[0] * factor), 8)
    laplacian = cv2.Laplacian(luma, cv2.CV_32F)
    return Look(
        index=picture.index,
        seconds=picture.seconds,
        thumbnail=cv2.resize(luma, size, interpolation=cv2.INTER_AREA),
        detail=_cells(laplacian * laplacian),
        dark=_cells((luma <= _DARK).astype(np.float32)),
        bright=_cells((luma >= _BRIGHT).astype(np.float32)),
    )


def _cells(image: np.ndarray) -> np.ndarray:
    """Means of ``image`` over ``CELLS`` x ``CELLS`` cells, float32."""
    return cv2.resize(image, (CELLS, CELLS), interpolation=cv2.INTER_AREA)


def survey(
    pictures: Iterable[Picture], header: Header, wanted: list[Wanted], progress: Callable[[Picture], None]
) -> list[Look]:
    """Look at all ``pictures``; ``progress`` is told each and raises when the user cancels."""
    looks: list[Look] = []
    named: dict[str, tuple[float, Look]] = {}
    stride = 1
    for picture in pictures:
        progress(picture)
        close = [w for w in wanted if _distance(w, picture) <= named.get(w.key, (np.inf, None))[0]]
        if picture.index % stride and not close:
            continue
        look = look_at(picture, header)
        for want in close:
            distance = _distance(want, picture)
            if want.key not in named or distance < named[want.key][0]:
                named[want.key] = distance, look
        if picture.index % stride == 0:
            looks.append(look)
        if len(looks) > MOST:
            looks = [max(pair, key=sharpness) for pair in zip(looks[::2], looks[1::2], strict=False)]
            stride *= 2
    for want in wanted:
        if want.key in named:
            named[want.key][1].wanted.append(want.key)
    missing = {id(look): look for _, look in named.values()}.values()
    return sorted({look.index: look for look in [*looks, *missing]}.values(), key=lambda look: look.index)


def _distance(want: Wanted, picture: Picture) -> float:
    """How far ``picture`` is from the one that is meant; infinite where it cannot be that one."""
    if want.index is not None:
        return 0.0 if picture.index == want.index else np.inf
    return abs(picture.seconds - (want.seconds or 0.0))


def sharpness(look: Look, weight: np.ndarray | None = None) -> float:
    """Mean square of the Laplacian over the picture, or over the cells that ``weight`` (CELLS, CELLS) counts."""
    return _mean(look.detail, weight)


def clipped(look: Look, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Shares of pixels lost in shadow and in light, over the same."""
    return _mean(look.dark, weight), _mean(look.bright, weight)


def _mean(grid: np.ndarray, weight: np.ndarray | None) -> float:
    if weight is None or not weight.any():
        return float(grid.mean())
    return float((grid * weight).sum() / weight.sum())
