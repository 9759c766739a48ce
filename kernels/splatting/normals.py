# SPDX-License-Identifier: GPL-3.0-or-later
"""Normals of Gaussians, which are their thinnest axes, and the gradient of these. Twin in ``depth_reference.py``.

A normal is n = s W r_k, with r_k the column of the rotation that belongs to the thinnest axis and s = +-1 its turn
towards the camera. Neither k nor s moves with a small change, so that dL/dr_k = s W^T dL/dn, the quaternion follows,
and means and scales get nothing. dL/dW = sum_i dL/dn_i (s r_k)^T.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .._jit import parallel
from .projection import rotation_from_quat
from .projection_backward import quat_gradient

_ZERO = np.float32(0.0)


@parallel
def normals_in_camera(means, quats, scales, cam_from_world, normals):
    """Write ``normals`` (N, 3): each Gaussian's thinnest axis, in the camera's axes, turned towards the camera."""
    w, t = cam_from_world[:3, :3].copy(), cam_from_world[:3, 3].copy()
    for i in prange(means.shape[0]):
        axis = 0
        for k in (1, 2):
            if scales[i, k] < scales[i, axis]:
                axis = k
        r = rotation_from_quat(quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3])
        x, y, z = (r[0], r[3], r[6]) if axis == 0 else ((r[1], r[4], r[7]) if axis == 1 else (r[2], r[5], r[8]))
        towards = _ZERO
        for row in range(3):
            normals[i, row] = w[row, 0] * x + w[row, 1] * y + w[row, 2] * z
            place = w[row, 0] * means[i, 0] + w[row, 1] * means[i, 1] + w[row, 2] * means[i, 2] + t[row]
            towards += normals[i, row] * place
        if towards > 0.0:
            for row in range(3):
                normals[i, row] = -normals[i, row]


@parallel
def normals_in_camera_backward(quats, scales, cam_from_world, normals, v_normals, v_quats):
    """``v_quats`` (N, 4) += the gradient, given the forward ``normals`` and ``v_normals``, both (N, 3)."""
    w = cam_from_world[:3, :3].copy()
    for i in prange(quats.shape[0]):
        axis = 0
        for k in (1, 2):
            if scales[i, k] < scales[i, axis]:
                axis = k
        v_r = np.zeros((3, 3), np.float32)
        turn = np.float32(0.0)
        for row in range(3):
            for col in range(3):
                v_r[row, axis] += w[col, row] * v_normals[i, col]
        # The turn is read off the result: its product with the axis is 1 or -1.
        qw, qx, qy, qz = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
        r = rotation_from_quat(qw, qx, qy, qz)
        x, y, z = (r[0], r[3], r[6]) if axis == 0 else ((r[1], r[4], r[7]) if axis == 1 else (r[2], r[5], r[8]))
        for row in range(3):
            turn += normals[i, row] * (w[row, 0] * x + w[row, 1] * y + w[row, 2] * z)
        if turn < 0.0:
            for row in range(3):
                v_r[row, axis] = -v_r[row, axis]
        quat_gradient(quats[i], v_r, v_quats[i])


def camera_by_normals(cam_from_world: np.ndarray, normals: np.ndarray, v_normals: np.ndarray) -> np.ndarray:
    """Gradient (3, 3) by the rotation of ``cam_from_world``, given ``normals`` and ``v_normals``, both (N, 3)."""
    return (v_normals.T @ normals) @ cam_from_world[:3, :3]
