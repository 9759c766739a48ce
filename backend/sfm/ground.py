# SPDX-License-Identifier: GPL-3.0-or-later
"""The plane on which the object stands, found in the sparse points around it by RANSAC (Fischler and Bolles 1981).

Notation: a plane is (normal (3,), offset): points with ``normal . x = offset``; ``normal`` points to the cameras' side.
"""

from __future__ import annotations

import numpy as np

from ..geometry import angle_degrees

_TRIALS = 1000
_TOLERANCE = 0.01
"""Distance at which a point belongs to the plane, in object diagonals: 2 mm for a mug."""
_FEWEST = 40
_SHARE = 0.2
"""Fewest points on the plane, and least share of the points around the object."""
_MOST_TILT_DEGREES = 25.0


def support_plane(
    points: np.ndarray,
    centre: np.ndarray,
    diagonal: float,
    camera_centres: np.ndarray,
    up: np.ndarray,
    seed: int = 0,
) -> tuple[np.ndarray, float] | None:
    """Find the plane below the object at ``centre`` (3,) whose box has ``diagonal``, or None where there is none.

    ``points`` (N, 3) are of the background; ``up`` (3,) is a first guess, from which the plane may tilt by 25 degrees.
    The plane must leave the object's centre and nearly all ``camera_centres`` (C, 3) on one side and must not lie
    further below the centre than one diagonal.
    """
    near = points[np.linalg.norm(points - centre, axis=1) < 2.0 * diagonal]
    if len(near) < _FEWEST:
        return None
    normals, offsets = _candidates(near, up, np.random.default_rng(seed))
    heights = normals @ centre - offsets
    above = np.mean(camera_centres @ normals.T > offsets, axis=0) >= 0.95
    keep = (heights > 0.02 * diagonal) & (heights < 0.8 * diagonal) & above
    normals, offsets = normals[keep], offsets[keep]
    if not len(normals):
        return None
    tolerance = _TOLERANCE * diagonal
    counts = np.array(
        [np.count_nonzero(np.abs(near @ n - d) < tolerance) for n, d in zip(normals, offsets, strict=True)]
    )
    normal, offset = normals[np.argmax(counts)], offsets[np.argmax(counts)]
    for _ in range(5):  # refit to the inliers, which then change a little
        inliers = near[np.abs(near @ normal - offset) < tolerance]
        if len(inliers) < _FEWEST:
            return None
        mean = inliers.mean(axis=0)
        fitted = np.linalg.svd(inliers - mean, full_matrices=False)[2][2]
        normal = fitted if fitted @ up > 0 else -fitted
        offset = float(normal @ mean)
    count = np.count_nonzero(np.abs(near @ normal - offset) < tolerance)
    if count < max(_FEWEST, _SHARE * len(near)) or angle_degrees(normal, up) > _MOST_TILT_DEGREES:
        return None
    return normal, offset


def _candidates(points: np.ndarray, up: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Planes through three random points each that are level enough: normals (M, 3) and offsets (M,)."""
    triples = points[random.integers(0, len(points), (_TRIALS, 3))]
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    triples, normals = triples[lengths > 1e-15], normals[lengths > 1e-15]
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals * np.where(normals @ up < 0, -1.0, 1.0)[:, None]
    level = normals @ up > np.cos(np.radians(_MOST_TILT_DEGREES))
    return normals[level], np.sum(normals * triples[:, 0], axis=1)[level]
