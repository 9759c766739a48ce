# SPDX-License-Identifier: GPL-3.0-or-later
"""Up from what the cameras' own sensors said of gravity, and the scale from where their GPS receivers said they were.

Notation: ``gravity`` are unit vectors in camera axes (x right, y down, z forward), ``gps`` latitude and longitude in
degrees and altitude in metres, both by the frames' names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import angle_degrees, apply, scale_of, similarity_between
from ..lens import Scene

_FEWEST = 3
_AGREED = 4.0
"""Degrees within which half of the photos must agree on what is down: a phone's sensor is off by about one."""
_FEWEST_POSITIONS = 6
_MOST_SCATTER = 0.15
_MOST_DOUBT = 0.03
"""Largest rms distance of the positions from the cameras, in their spread, and standard deviation of the scale, at
which GPS is believed: positions are off by three metres and more, so that it tells the size of houses, not of cups."""
_STRAY = 3.0
_RADIUS, _FLATTENING = 6_378_137.0, 1 / 298.257223563
"""WGS 84: metres, and as a share."""


def up_by_gravity(scene: Scene, gravity: Mapping[str, Sequence[float]]) -> np.ndarray | None:
    """The direction (3,) in the scene's world against which gravity pulled; None where too few photos agree."""
    ups = np.array([
        -c.cam_from_world[:3, :3].T @ np.asarray(gravity[c.name], float) for c in scene.cameras if c.name in gravity
    ])  # fmt: skip
    if len(ups) < _FEWEST:
        return None
    middle = ups[np.argmin(np.median(angle_degrees(ups[:, None], ups[None]), axis=1))]
    for _ in range(3):
        near = ups[angle_degrees(ups, middle) < _AGREED]
        if 2 * len(near) < max(len(ups), 2 * _FEWEST):
            return None
        middle = near.mean(axis=0) / np.linalg.norm(near.mean(axis=0))
    return middle


@dataclass(frozen=True, kw_only=True)
class GpsScale:
    """``metres_per_unit`` of the scene's own world and its standard deviation as a share; rms distance, in metres, of
    the ``positions`` used from their cameras.
    """

    metres_per_unit: float
    doubt: float
    rms_metres: float
    positions: int


def scale_by_gps(scene: Scene, gps: Mapping[str, Sequence[float]]) -> GpsScale | None:
    """The scale at which the camera centres fit their GPS positions; None where these tell none."""
    placed = [c for c in scene.cameras if c.name in gps]
    if len(placed) < _FEWEST_POSITIONS:
        return None
    centres = np.array([c.centre for c in placed])
    metres = east_north_up(np.array([gps[c.name] for c in placed], np.float64))
    kept = np.ones(len(placed), bool)
    for _ in range(5):
        if len(np.unique(metres[kept], axis=0)) < _FEWEST_POSITIONS:
            return None
        metres_from_scene = similarity_between(centres[kept], metres[kept])
        off = np.linalg.norm(apply(metres_from_scene, centres) - metres, axis=1)
        kept = off <= _STRAY * max(float(np.median(off)), 1e-3)
    rms = float(np.sqrt(np.mean(off[kept] ** 2)))
    spread = float(np.sqrt(np.mean(np.sum((metres[kept] - metres[kept].mean(axis=0)) ** 2, axis=1))))
    doubt = rms / (spread * np.sqrt(np.count_nonzero(kept)))
    if rms > _MOST_SCATTER * spread or doubt > _MOST_DOUBT:
        return None
    return GpsScale(
        metres_per_unit=scale_of(metres_from_scene), doubt=doubt, rms_metres=rms, positions=int(np.count_nonzero(kept))
    )


def east_north_up(positions: np.ndarray) -> np.ndarray:
    """Metres (N, 3) east, north and up of the first of ``positions`` (N, 3), latitude, longitude, altitude (WGS 84)."""
    latitude, longitude, altitude = np.radians(positions[:, 0]), np.radians(positions[:, 1]), positions[:, 2]
    square = _FLATTENING * (2 - _FLATTENING)
    across = _RADIUS / np.sqrt(1 - square * np.sin(latitude) ** 2)
    fixed = np.stack(
        [
            (across + altitude) * np.cos(latitude) * np.cos(longitude),
            (across + altitude) * np.cos(latitude) * np.sin(longitude),
            (across * (1 - square) + altitude) * np.sin(latitude),
        ],
        axis=1,
    )
    a, b = latitude[0], longitude[0]
    axes = np.array(
        [
            [-np.sin(b), np.cos(b), 0],
            [-np.sin(a) * np.cos(b), -np.sin(a) * np.sin(b), np.cos(a)],
            [np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)],
        ]
    )
    return (fixed - fixed[0]) @ axes.T
