# SPDX-License-Identifier: GPL-3.0-or-later
"""Quaternions (N, 4) in one array: products, and the three smallest components that compressed files store.

The component order is the caller's, except where w x y z is named.
"""

from __future__ import annotations

import numpy as np

_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
"""The three components that remain beside the largest one, in order."""


def unit(quats: np.ndarray) -> np.ndarray:
    """``quats`` at length 1; zero becomes undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return quats / np.linalg.norm(quats, axis=1, keepdims=True)


def smallest_three(quats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the largest component (N,), and the other three (N, 3) of the unit quaternion, within +-1/sqrt(2).

    q and -q are one rotation, so the sign is chosen for the largest to be positive and it need not be stored.
    """
    quats = unit(quats)
    largest = np.argmax(np.abs(quats), axis=1)
    head = np.take_along_axis(quats, largest[:, None], axis=1)
    rest = np.take_along_axis(quats, _OTHERS[largest], axis=1)
    return largest, np.where(head < 0, -rest, rest)


def from_smallest_three(largest: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Inverse of ``smallest_three``: unit quaternions (N, 4) with a positive largest component."""
    quats = np.zeros((len(rest), 4), np.float32)
    np.put_along_axis(quats, _OTHERS[largest], rest.astype(np.float32), axis=1)
    head = np.sqrt(np.maximum(0.0, 1.0 - np.sum(np.square(rest, dtype=np.float64), axis=1)))
    np.put_along_axis(quats, np.asarray(largest)[:, None], head.astype(np.float32)[:, None], axis=1)
    return quats


def multiply(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Hamilton product of w x y z quaternions, broadcast: the rotation ``second``, then ``first``."""
    w, v = first[..., :1], first[..., 1:]
    other_w, other_v = second[..., :1], second[..., 1:]
    scalar = w * other_w - np.sum(v * other_v, axis=-1, keepdims=True)
    vector = w * other_v + other_w * v + np.cross(v, other_v)
    return np.concatenate([scalar, vector], axis=-1)


def from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion w x y z (4,) float64 of a rotation matrix (3, 3).

    The leading eigenvector of the matrix of Bar-Itzhack 2000, equation 3; needs no case distinction and tolerates
    rounding in ``rotation``.
    """
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(rotation, np.float64)
    matrix = np.array(
        [
            [a + e + i, h - f, c - g, d - b],
            [h - f, a - e - i, b + d, c + g],
            [c - g, b + d, e - a - i, f + h],
            [d - b, c + g, f + h, i - a - e],
        ]
    )
    leading: np.ndarray = np.linalg.eigh(matrix)[1][:, -1]
    return leading if leading[0] >= 0 else -leading


def to_matrices(quats: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 3, 3) of w x y z quaternions of any length."""
    w, x, y, z = unit(np.asarray(quats, np.float64)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)
