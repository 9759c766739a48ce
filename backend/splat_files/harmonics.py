# SPDX-License-Identifier: GPL-3.0-or-later
"""Real spherical harmonics to degree 3, as 3DGS signs and orders them, and how they turn.

Notation: Y_k(d) for a unit direction d = (x, y, z) from the camera to the splat; band l holds the 2l + 1 functions with
k = l^2 .. l^2 + 2l. The Condon-Shortley phase is included, as in 3DGS and KHR_gaussian_splatting.
"""

from __future__ import annotations

import math

import numpy as np

_1 = math.sqrt(3 / (4 * math.pi))
_2 = math.sqrt(15 / (4 * math.pi))
_20 = math.sqrt(5 / (16 * math.pi))
_3 = math.sqrt(35 / (32 * math.pi))
_31 = math.sqrt(21 / (32 * math.pi))
_32 = math.sqrt(105 / (4 * math.pi))
_30 = math.sqrt(7 / (16 * math.pi))


def basis(directions: np.ndarray, degree: int) -> np.ndarray:
    """Y_k(d): (M, K) float64 for unit directions (M, 3)."""
    x, y, z = np.asarray(directions, np.float64).T
    xx, yy, zz = x * x, y * y, z * z
    columns = [np.full_like(x, 0.5 / math.sqrt(math.pi))]
    if degree > 0:
        columns += [-_1 * y, _1 * z, -_1 * x]
    if degree > 1:
        columns += [_2 * x * y, -_2 * y * z, _20 * (2 * zz - xx - yy), -_2 * x * z, 0.5 * _2 * (xx - yy)]
    if degree > 2:
        columns += [
            -_3 * y * (3 * xx - yy),
            _32 * x * y * z,
            -_31 * y * (4 * zz - xx - yy),
            _30 * z * (2 * zz - 3 * xx - 3 * yy),
            -_31 * x * (4 * zz - xx - yy),
            0.5 * _32 * z * (xx - yy),
            -_3 * x * (xx - 3 * yy),
        ]
    return np.stack(columns, axis=1)


def rotated(sh: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Coefficients (N, K, 3) of the colours turned by ``rotation`` (3, 3), which maps old directions to new ones.

    For each band l, Y_l(R d) = M_l Y_l(d) with a fixed orthogonal M_l, found by evaluating both sides at more than
    2l + 1 directions and solving; exact but for rounding, and needs no recurrence (cf. Ivanic and Ruedenberg 1996).
    """
    degree = {1: 0, 4: 1, 9: 2, 16: 3}[sh.shape[1]]
    directions = _spread(32)
    before, after = basis(directions, degree), basis(directions @ np.asarray(rotation, np.float64).T, degree)
    turned = np.array(sh, np.float32)
    for band in range(1, degree + 1):
        part = slice(band * band, (band + 1) * (band + 1))
        solved = np.linalg.lstsq(after[:, part], before[:, part], rcond=None)[0]
        turned[:, part] = np.tensordot(sh[:, part], solved.astype(sh.dtype), axes=(1, 1)).transpose(0, 2, 1)
    return turned


def mirrored(sh: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Coefficients (N, K, 3) after each axis is multiplied by its ``signs`` (3,), +1 or -1: signs only, so exact.

    Every Y_k is even or odd in each of x, y and z, so one direction with three unequal coordinates tells its sign.
    """
    degree = {1: 0, 4: 1, 9: 2, 16: 3}[sh.shape[1]]
    probe = np.array([[2.0, 3.0, 6.0]]) / 7.0
    flips = np.sign(basis(probe * signs, degree) * basis(probe, degree))[0]
    mixed: np.ndarray = sh * flips[None, :, None].astype(np.float32)
    return mixed


def _spread(count: int) -> np.ndarray:
    """Unit directions (count, 3) spread evenly over the sphere (Fibonacci's lattice)."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    angle = math.pi * (1 + math.sqrt(5)) * index
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)
