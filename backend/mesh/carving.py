# SPDX-License-Identifier: GPL-3.0-or-later
"""The silhouettes that carve an object, read from the final masks: what the hull is made of and the surface kept in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..images import read_grey
from ..records import Camera, Cameras, Masks
from . import hull
from .silhouettes import reduced, signed_distance

_MOST_PIXELS = 150_000_000
"""Pixels of signed distances held at once, 600 MB; more photos or larger ones are read more coarsely."""


_PIXELS = 2.0
"""Pixels of the photos that a voxel covers where there are enough of both: finer ones would hold no more."""


def voxels(cameras: Cameras, least: int, most: int) -> int:
    """Voxels along the object's longest side: as many as the photos resolve, between ``least`` and ``most``."""
    side, middle = float((cameras.box[1] - cameras.box[0]).max()), cameras.box.mean(axis=0)
    focals = np.array([np.sqrt(abs(c.K[0, 0] * c.K[1, 1])) for c in cameras.cameras])
    distances = np.array([np.linalg.norm(c.centre - middle) for c in cameras.cameras])
    shown = float(np.median(focals * side / np.maximum(distances, side))) if len(focals) else 0.0
    return int(np.clip(shown / _PIXELS, least, max(least, most)))


@dataclass(frozen=True)
class Silhouette:
    """A camera with its mask's signed distances: full-size pixels, at ``factor`` times fewer of them a side."""

    camera: Camera
    distance: np.ndarray
    factor: int
    confidence: float


def read_silhouettes(
    cameras: Cameras, folder: Path, resolution: int, tell: Callable[[float], None]
) -> tuple[list[Silhouette], list[str]]:
    """Silhouettes of the cameras with a mask in ``folder`` that holds something, and the names of the empty ones.

    ``resolution`` is the voxels along the object's longest side that they are to serve; ``tell`` is told the share
    done and may raise to stop. ``ValueError`` for a mask that is not of its camera's size.
    """
    named = Masks.load(folder).named()
    step = float((cameras.box[1] - cameras.box[0]).max()) / resolution
    pixels = sum(c.width * c.height for c in cameras.cameras)
    coarsest = int(np.ceil(np.sqrt(pixels / _MOST_PIXELS)))
    used, empty = [], []
    for index, camera in enumerate(cameras.cameras):
        tell(index / len(cameras.cameras))
        if camera.name not in named:
            continue
        mask = read_grey(folder / named[camera.name].image)
        if mask.shape != (camera.height, camera.width):
            raise ValueError(f"expected a mask of {camera.width} x {camera.height}, got {mask.shape[::-1]}")
        if mask.max() < 128:
            empty.append(camera.name)
            continue
        # About two pixels a voxel: finer ones would cost memory for nothing.
        voxel = camera.K[0, 0] * step / max(float(np.linalg.norm(camera.centre)), step)
        factor = max(int(np.clip(voxel // 2, 1, 8)), coarsest)
        confidence = min(max(named[camera.name].confidence, 0.02), 1.0)
        used.append(Silhouette(camera, reduced(signed_distance(mask), factor), factor, confidence))
    return used, empty


def views_of(used: list[Silhouette], weights: np.ndarray, margin: float, doubt: float, least_seen: float) -> hull.Views:
    """The silhouettes as the carving kernel takes them."""
    return hull.views_of(
        [s.camera for s in used], [s.distance for s in used], [s.factor for s in used], weights,
        margin, doubt, least_seen,
    )  # fmt: skip
