# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way is up, as far as the cameras tell.

People hold a camera level more often than not, so that the image's x axis is horizontal; they walk around things, so
that the camera centres lie in a level ring. Both are weighed here; the plane the object stands on (``ground.py``) is a
better witness where there is one.

Notation: ``cams_from_world`` (C, 4, 4), OpenCV camera axes (x right, y down, z forward); directions (3,) unit length in
that world.
"""

from __future__ import annotations

import numpy as np

from ..geometry import nearest_point_to_lines

GIVEN_TOLERANCE_DEGREES = 45.0
"""A given z axis is kept unless the cameras' mean up vector is further off: looking down on an object from one side by
up to 45 degrees tilts that mean by as much, and a COLMAP model in its own frame is off by about 90."""
_AGREEMENT = 0.5
"""Least length of the mean of the cameras' unit up vectors at which they are said to agree on one."""
_LEVEL = 0.35
"""Largest rms of (right . up) at which cameras count as held level: a roll of 20 degrees."""
_PRIOR = 0.004
"""Weight of the mean up vector against the right vectors: decides where these are parallel, moves nothing elsewhere."""


def estimate_up(cams_from_world: np.ndarray) -> tuple[np.ndarray, str]:
    """(up, where it came from): ``horizon``, ``ring``, ``cameras`` (mean up vector) or ``view`` (against the view)."""
    rights, ups, forwards = cams_from_world[:, 0, :3], -cams_from_world[:, 1, :3], cams_from_world[:, 2, :3]
    mean_up = ups.mean(axis=0)
    if np.linalg.norm(mean_up) > _AGREEMENT:
        up = _horizon(rights, mean_up)
        if np.sqrt(np.mean((rights @ up) ** 2)) < _LEVEL:
            return up, "horizon"
    ring = _ring(cams_from_world, mean_up)
    if ring is not None:
        return ring, "ring"
    if np.linalg.norm(mean_up) > 0.1:
        return mean_up / np.linalg.norm(mean_up), "cameras"
    backward = -forwards.mean(axis=0)
    length = np.linalg.norm(backward)
    return (backward / length, "view") if length > 1e-6 else (np.array([0.0, 0.0, 1.0]), "view")


def contradicts_given_z(cams_from_world: np.ndarray) -> bool:
    """Whether cameras that agree on an up vector put it further from z than ``GIVEN_TOLERANCE_DEGREES``."""
    mean_up = -cams_from_world[:, 1, :3].mean(axis=0)
    length = float(np.linalg.norm(mean_up))
    return length > _AGREEMENT and mean_up[2] / length < np.cos(np.radians(GIVEN_TOLERANCE_DEGREES))


def _horizon(rights: np.ndarray, mean_up: np.ndarray) -> np.ndarray:
    """The direction most nearly across all ``rights`` (C, 3), on the side of ``mean_up``."""
    scatter = rights.T @ rights / len(rights) - _PRIOR * np.outer(mean_up, mean_up)
    up = np.linalg.eigh(scatter)[1][:, 0]
    return up if up @ mean_up > 0 else -up


def _ring(cams_from_world: np.ndarray, mean_up: np.ndarray) -> np.ndarray | None:
    """Normal of the plane of the camera centres if they go round for 120 degrees or more in it, else None."""
    rotations = cams_from_world[:, :3, :3]
    centres = -np.einsum("nji,nj->ni", rotations, cams_from_world[:, :3, 3])
    if len(centres) < 5:
        return None
    focus = nearest_point_to_lines(centres, rotations[:, 2])
    offsets = centres - centres.mean(axis=0)
    _, spread, axes = np.linalg.svd(offsets, full_matrices=False)
    if spread[1] < 1e-9 or spread[2] / spread[1] > _LEVEL:
        return None
    around = (centres - focus) @ axes[:2].T
    if 360.0 - largest_gap_degrees(np.degrees(np.arctan2(around[:, 1], around[:, 0]))) < 120.0:
        return None
    normal = axes[2]
    above = float(normal @ (centres.mean(axis=0) - focus))
    if abs(normal @ mean_up) > 0.3:
        above = float(normal @ mean_up)  # else cameras are turned on their side; they look down rather than up
    return normal if above >= 0 else -normal


def largest_gap_degrees(azimuths: np.ndarray) -> float:
    """Largest gap between neighbouring directions ``azimuths`` (N,), degrees, around the full circle."""
    if not len(azimuths):
        return 360.0
    a = np.sort(np.mod(azimuths, 360.0))
    return float(np.max(np.diff(np.append(a, a[0] + 360.0))))
