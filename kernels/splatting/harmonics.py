# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour of a Gaussian by the direction from which it is seen: real spherical harmonics, degree 0 to 3.

colour = max(0, 1/2 + sum_k basis_k(direction) coefficient_k), the direction running from the eye to the mean; order and
signs of the basis as in 3D Gaussian splatting's files (Kerbl et al. 2023). The twin is ``reference.colours``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .._jit import parallel, serial
from .reference import SH_C0, SH_C1, SH_C2, SH_C3

_C20, _C21, _C22, _C23, _C24 = (np.float32(c) for c in SH_C2)
_C30, _C31, _C32, _C33, _C34, _C35, _C36 = (np.float32(c) for c in SH_C3)
_C0, _C1 = np.float32(SH_C0), np.float32(SH_C1)
_HALF, _ZERO = np.float32(0.5), np.float32(0.0)


@serial
def _basis(x, y, z, degree, out):
    """Fill ``out`` (16,) up to ``degree`` for the unit direction (x, y, z)."""
    out[0] = _C0
    if degree < 1:
        return
    out[1], out[2], out[3] = -_C1 * y, _C1 * z, -_C1 * x
    if degree < 2:
        return
    xx, yy, zz = x * x, y * y, z * z
    out[4], out[5] = _C20 * x * y, _C21 * y * z
    out[6] = _C22 * (zz + zz - xx - yy)
    out[7], out[8] = _C23 * x * z, _C24 * (xx - yy)
    if degree < 3:
        return
    out[9] = _C30 * y * (xx + xx + xx - yy)
    out[10] = _C31 * x * y * z
    out[11] = _C32 * y * (4 * zz - xx - yy)
    out[12] = _C33 * z * (2 * zz - 3 * xx - 3 * yy)
    out[13] = _C34 * x * (4 * zz - xx - yy)
    out[14] = _C35 * z * (xx - yy)
    out[15] = _C36 * x * (xx - 3 * yy)


@serial
def _basis_gradient(x, y, z, degree, v, out):
    """``out`` (3,) = sum_k v[k] d basis_k / d (x, y, z), x, y, z taken as independent."""
    out[:] = _ZERO
    if degree < 1:
        return
    out[0], out[1], out[2] = -_C1 * v[3], -_C1 * v[1], _C1 * v[2]
    if degree < 2:
        return
    out[0] += _C20 * y * v[4] - 2 * _C22 * x * v[6] + _C23 * z * v[7] + 2 * _C24 * x * v[8]
    out[1] += _C20 * x * v[4] + _C21 * z * v[5] - 2 * _C22 * y * v[6] - 2 * _C24 * y * v[8]
    out[2] += _C21 * y * v[5] + 4 * _C22 * z * v[6] + _C23 * x * v[7]
    if degree < 3:
        return
    xx, yy, zz = x * x, y * y, z * z
    out[0] += (
        6 * _C30 * x * y * v[9] + _C31 * y * z * v[10] - 2 * _C32 * x * y * v[11] - 6 * _C33 * x * z * v[12]
        + _C34 * (4 * zz - 3 * xx - yy) * v[13] + 2 * _C35 * x * z * v[14] + 3 * _C36 * (xx - yy) * v[15]
    )  # fmt: skip
    out[1] += (
        3 * _C30 * (xx - yy) * v[9] + _C31 * x * z * v[10] + _C32 * (4 * zz - xx - 3 * yy) * v[11]
        - 6 * _C33 * y * z * v[12] - 2 * _C34 * x * y * v[13] - 2 * _C35 * y * z * v[14] - 6 * _C36 * x * y * v[15]
    )  # fmt: skip
    out[2] += (
        _C31 * x * y * v[10] + 8 * _C32 * y * z * v[11] + _C33 * (6 * zz - 3 * xx - 3 * yy) * v[12]
        + 8 * _C34 * x * z * v[13] + _C35 * (xx - yy) * v[14]
    )  # fmt: skip


@parallel
def colours(means, coefficients, eye, degree, extents, out):
    """Write ``out`` (N, 3): colours seen from ``eye`` (3,); ``coefficients`` (N, K, 3), K >= (degree + 1)^2.

    Gaussians with ``extents`` (N, 2) of 0 are not drawn and are skipped.
    """
    count = (degree + 1) * (degree + 1)
    for i in prange(means.shape[0]):
        if extents[i, 0] <= 0.0:
            continue
        x, y, z = means[i, 0] - eye[0], means[i, 1] - eye[1], means[i, 2] - eye[2]
        length = max(math.sqrt(x * x + y * y + z * z), np.float32(1e-12))
        basis = np.zeros(16, np.float32)
        _basis(x / length, y / length, z / length, degree, basis)
        for channel in range(3):
            total = _HALF
            for k in range(count):
                total += basis[k] * coefficients[i, k, channel]
            out[i, channel] = max(total, _ZERO)


@parallel
def colours_backward(means, coefficients, eye, degree, extents, out, v_out, v_coefficients, v_means):
    """Write ``v_coefficients`` (N, K, 3) and add to ``v_means`` (N, 3), given ``v_out`` (N, 3) and the colours ``out``.

    A colour held at 0 passes no gradient.
    """
    count = (degree + 1) * (degree + 1)
    for i in prange(means.shape[0]):
        v_coefficients[i] = _ZERO
        if extents[i, 0] <= 0.0:
            continue
        x, y, z = means[i, 0] - eye[0], means[i, 1] - eye[1], means[i, 2] - eye[2]
        length = max(math.sqrt(x * x + y * y + z * z), np.float32(1e-12))
        x, y, z = x / length, y / length, z / length
        basis = np.zeros(16, np.float32)
        v_basis = np.zeros(16, np.float32)
        v_direction = np.zeros(3, np.float32)
        _basis(x, y, z, degree, basis)
        for channel in range(3):
            v = v_out[i, channel] if out[i, channel] > _ZERO else _ZERO
            for k in range(count):
                v_coefficients[i, k, channel] = basis[k] * v
                v_basis[k] += coefficients[i, k, channel] * v
        _basis_gradient(x, y, z, degree, v_basis, v_direction)
        along = x * v_direction[0] + y * v_direction[1] + z * v_direction[2]
        v_means[i, 0] += (v_direction[0] - along * x) / length
        v_means[i, 1] += (v_direction[1] - along * y) / length
        v_means[i, 2] += (v_direction[2] - along * z) / length
