# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats in another frame: similarities, with their harmonics turned, and exchanges of axes' signs.

Axes by letters as the formats' documents have them: RDF is x right, y down, z forward (COLMAP and the usual 3DGS file);
RUB is x right, y up, z back (glTF, SPZ).
"""

from __future__ import annotations

import numpy as np

from . import harmonics, quaternions
from .splats import Splats, from_columns

UP = ("-y", "y", "z")
"""Which way may be up in splats whose file does not say: 3DGS's habit, glTF's, and that of Turnaround's own world."""

_RUB_FROM = {
    "-y": np.diag([1.0, -1.0, -1.0]),
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


def transform(splats: Splats, target_from_source: np.ndarray) -> Splats:
    """``splats`` under a similarity (4, 4): scaled, turned and moved, colours turned with them.

    Raises ``ValueError`` where the matrix shears, mirrors or scales unevenly: the result would be no set of splats with
    harmonics.
    """
    matrix = np.asarray(target_from_source, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"expected a finite matrix of shape (4, 4), got shape {matrix.shape}")
    size = np.cbrt(np.linalg.det(matrix[:3, :3]))
    if not size > 0:
        raise ValueError("expected a similarity that does not mirror, got a determinant of zero or less")
    rotation = matrix[:3, :3] / size
    if not np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-5) or not np.allclose(matrix[3], [0, 0, 0, 1]):
        raise ValueError("expected a similarity (one scale, a rotation and a shift), got another matrix")
    turn = quaternions.from_matrix(rotation)
    return from_columns(
        splats.means @ matrix[:3, :3].T + matrix[:3, 3],
        quaternions.multiply(turn[None], splats.quats),
        splats.scales + np.log(size),
        splats.opacities,
        harmonics.rotated(splats.sh, rotation),
    )


def mirror(splats: Splats, signs: tuple[int, int, int]) -> Splats:
    """``splats`` with each axis multiplied by +1 or -1; exact, and its own inverse."""
    x, y, z = signs
    quats = splats.quats * np.array([1, y * z, x * z, x * y])
    sh = harmonics.mirrored(splats.sh, np.array(signs, np.float64))
    return from_columns(splats.means * np.array(signs), quats, splats.scales, splats.opacities, sh)


def rub_from_up(splats: Splats, up: str) -> Splats:
    """``splats`` whose ``up`` is one of ``UP``, in RUB axes (y up)."""
    return _turned(splats, _matrix(up))


def up_from_rub(splats: Splats, up: str) -> Splats:
    """Inverse of ``rub_from_up``."""
    return _turned(splats, _matrix(up).T)


def _matrix(up: str) -> np.ndarray:
    if up not in UP:
        raise ValueError(f"expected one of {', '.join(UP)} for the direction that is up, got {up!r}")
    return _RUB_FROM[up]


def _turned(splats: Splats, rotation: np.ndarray) -> Splats:
    if (np.abs(rotation) == np.eye(3)).all():
        x, y, z = (int(s) for s in np.diag(rotation))
        return splats if (x, y, z) == (1, 1, 1) else mirror(splats, (x, y, z))
    target_from_source = np.eye(4)
    target_from_source[:3, :3] = rotation
    return transform(splats, target_from_source)
