# SPDX-License-Identifier: GPL-3.0-or-later
"""Gradient of ``projection.project``: from the screen back to means, quaternions, scales, opacities and the camera.

Derivation: with C the dilated screen covariance and M = C^-1 the conic, dL/dC = -M (dL/dM) M; C = J V J^T gives
dL/dV = J^T (dL/dC) J and dL/dJ = 2 (dL/dC) J V; V = W Sigma W^T and Sigma = (R S)(R S)^T go the same way.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .._jit import parallel, serial
from . import DILATION
from .projection import clamped_slope, covariance, covariance_in_camera, rotation_from_quat, screen_covariance


@serial
def quat_gradient(quat, v_r, out):
    """``out`` (4,) += gradient with respect to an unnormalised quaternion, given ``v_r`` (3, 3) of its rotation."""
    length = math.sqrt(quat[0] ** 2 + quat[1] ** 2 + quat[2] ** 2 + quat[3] ** 2)
    if length == 0.0:
        return
    w, x, y, z = quat[0] / length, quat[1] / length, quat[2] / length, quat[3] / length
    g_w = 2.0 * (x * (v_r[2, 1] - v_r[1, 2]) + y * (v_r[0, 2] - v_r[2, 0]) + z * (v_r[1, 0] - v_r[0, 1]))
    g_x = 2.0 * (
        -2.0 * x * (v_r[1, 1] + v_r[2, 2])
        + y * (v_r[0, 1] + v_r[1, 0])
        + z * (v_r[0, 2] + v_r[2, 0])
        + w * (v_r[2, 1] - v_r[1, 2])
    )
    g_y = 2.0 * (
        x * (v_r[0, 1] + v_r[1, 0])
        - 2.0 * y * (v_r[0, 0] + v_r[2, 2])
        + z * (v_r[1, 2] + v_r[2, 1])
        + w * (v_r[0, 2] - v_r[2, 0])
    )
    g_z = 2.0 * (
        x * (v_r[0, 2] + v_r[2, 0])
        + y * (v_r[1, 2] + v_r[2, 1])
        - 2.0 * z * (v_r[0, 0] + v_r[1, 1])
        + w * (v_r[1, 0] - v_r[0, 1])
    )
    along = g_w * w + g_x * x + g_y * y + g_z * z
    out[0] += (g_w - along * w) / length
    out[1] += (g_x - along * x) / length
    out[2] += (g_y - along * y) / length
    out[3] += (g_z - along * z) / length


@serial
def _shape_gradient(quat, scale, v_sigma, v_quat, v_scale):
    """Add to ``v_quat`` (4,) and ``v_scale`` (3,) the gradient of a world covariance, ``v_sigma`` (3, 3), symmetric."""
    r9 = rotation_from_quat(quat[0], quat[1], quat[2], quat[3])
    r = np.array(((r9[0], r9[1], r9[2]), (r9[3], r9[4], r9[5]), (r9[6], r9[7], r9[8])), dtype=np.float32)
    v_r = np.zeros((3, 3), np.float32)
    for row in range(3):
        for col in range(3):
            # d/d(RS) of (RS)(RS)^T is 2 v_sigma (RS)
            v_m = (
                2.0
                * scale[col]
                * (v_sigma[row, 0] * r[0, col] + v_sigma[row, 1] * r[1, col] + v_sigma[row, 2] * r[2, col])
            )
            v_scale[col] += r[row, col] * v_m
            v_r[row, col] = scale[col] * v_m
    quat_gradient(quat, v_r, v_quat)


@serial
def _covariance_gradient(conic, v_conic, det, compensation, v_compensation, antialiased):
    """Gradient with respect to the undilated screen covariance: (v_xx, v_xy (of one of the two), v_yy)."""
    a, b, c = conic[0], conic[1], conic[2]
    va, vb, vc = v_conic[0], 0.5 * v_conic[1], v_conic[2]
    p, q, r, s = a * va + b * vb, a * vb + b * vc, b * va + c * vb, b * vb + c * vc
    v_xx, v_xy, v_yy = -(p * a + q * b), -(p * b + q * c), -(r * b + s * c)
    if antialiased and compensation > 0.0:
        half = 0.5 * v_compensation / compensation
        lost = 1.0 - compensation * compensation
        v_xx += half * (lost * a - DILATION / det)
        v_xy += half * lost * b
        v_yy += half * (lost * c - DILATION / det)
    return v_xx, v_xy, v_yy


@serial
def _camera_gradient(mean, cov, v_cov_w, v_mean, out):
    """Add one Gaussian's share of the gradient of ``cam_from_world[:3]`` to ``out`` (3, 4).

    ``v_mean`` is the mean's gradient in the camera, ``v_cov_w`` (3, 3) is v_V W.
    V = W Sigma W^T gives dL/dW = 2 v_V W Sigma.
    """
    for row in range(3):
        a, b, c = v_cov_w[row, 0], v_cov_w[row, 1], v_cov_w[row, 2]
        out[row, 0] += v_mean[row] * mean[0] + 2.0 * (a * cov[0] + b * cov[1] + c * cov[2])
        out[row, 1] += v_mean[row] * mean[1] + 2.0 * (a * cov[1] + b * cov[3] + c * cov[4])
        out[row, 2] += v_mean[row] * mean[2] + 2.0 * (a * cov[2] + b * cov[4] + c * cov[5])
        out[row, 3] += v_mean[row]


@serial
def _jacobian_gradient(x, y, z, sx, sy, held_x, held_y, jx, jy, cov_c, v_cov2d, v_screen):
    """Gradient of the mean in the camera through its place on screen, ``v_screen`` (u, v, depth), and through J.

    J = [[jx, 0, kx], [0, jy, ky]] with jx = fx / z, kx = -jx sx; dL/dJ = 2 v_C (J V). Returns (v_x, v_y, v_z).
    """
    v_xx, v_xy, v_yy = v_cov2d
    v_u, v_v, v_depth = v_screen
    kx, ky = -jx * sx, -jy * sy
    # J V, (2, 3), row by row; dL/dJ needs columns 0 and 2 for jx, kx and columns 1 and 2 for jy, ky.
    u0, u1, u2 = jx * cov_c[0] + kx * cov_c[2], jx * cov_c[1] + kx * cov_c[4], jx * cov_c[2] + kx * cov_c[5]
    r0, r1, r2 = jy * cov_c[1] + ky * cov_c[2], jy * cov_c[3] + ky * cov_c[4], jy * cov_c[4] + ky * cov_c[5]
    v_jx, v_kx = 2.0 * (v_xx * u0 + v_xy * r0), 2.0 * (v_xx * u2 + v_xy * r2)
    v_jy, v_ky = 2.0 * (v_xy * u1 + v_yy * r1), 2.0 * (v_xy * u2 + v_yy * r2)
    v_x, v_y = jx * v_u, jy * v_v
    v_z = v_depth - (jx * x * v_u + jy * y * v_v + jx * v_jx + jy * v_jy + kx * v_kx + ky * v_ky) / z
    # Besides 1 / z above, a slope moves with x and z unless it is held at the border.
    if not held_x:
        v_x -= jx / z * v_kx
        v_z += jx * sx / z * v_kx
    if not held_y:
        v_y -= jy / z * v_ky
        v_z += jy * sy / z * v_ky
    return v_x, v_y, v_z


@serial
def _covariance_in_camera_gradient(jx, jy, sx, sy, v_cov2d, out):
    """``out`` (3, 3) = J^T v_C J, the gradient of the camera covariance."""
    v_xx, v_xy, v_yy = v_cov2d
    kx, ky = -jx * sx, -jy * sy
    out[0, 0], out[1, 1] = jx * jx * v_xx, jy * jy * v_yy
    out[0, 1] = jx * jy * v_xy
    out[0, 2] = jx * (v_xx * kx + v_xy * ky)
    out[1, 2] = jy * (v_xy * kx + v_yy * ky)
    out[2, 2] = kx * (v_xx * kx + v_xy * ky) + ky * (v_xy * kx + v_yy * ky)
    out[1, 0], out[2, 0], out[2, 1] = out[0, 1], out[0, 2], out[1, 2]


@serial
def _multiply(a, b, out):
    """``out = a b``, (3, 3)."""
    for row in range(3):
        for col in range(3):
            out[row, col] = a[row, 0] * b[0, col] + a[row, 1] * b[1, col] + a[row, 2] * b[2, col]


@parallel
def project_backward(
    means, quats, scales, opacities, cam_from_world, K, width, height, antialiased,
    conics, extents, compensations,
    v_means2d, v_depths, v_conics, v_drawn_opacities,
    v_means, v_quats, v_scales, v_opacities, v_camera,
):  # fmt: skip
    """Write ``v_means``, ``v_quats``, ``v_scales``, ``v_opacities`` (N,) and add to ``v_camera`` (P, 3, 4).

    ``v_drawn_opacities`` (N,) is the gradient of ``opacities * compensations``. The camera's gradient is gathered in P
    fixed parts (of ``cam_from_world[:3]``), so that their sum does not depend on the number of threads; P = 0: none.
    """
    n, parts = means.shape[0], v_camera.shape[0]
    chunks = parts if parts > 0 else 64
    w, t = cam_from_world[:3, :3].copy(), cam_from_world[:3, 3].copy()
    wt = w.T.copy()
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    v_means[:], v_quats[:], v_scales[:], v_opacities[:] = 0.0, 0.0, 0.0, 0.0
    for chunk in prange(chunks):
        cov, cov_c = np.zeros(6, np.float32), np.zeros(6, np.float32)
        v_cov_c, v_cov_w = np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32)
        v_sigma = np.zeros((3, 3), np.float32)
        for i in range(chunk * n // chunks, (chunk + 1) * n // chunks):
            if extents[i, 0] <= 0.0:
                continue
            m = means[i]
            x = w[0, 0] * m[0] + w[0, 1] * m[1] + w[0, 2] * m[2] + t[0]
            y = w[1, 0] * m[0] + w[1, 1] * m[1] + w[1, 2] * m[2] + t[1]
            z = w[2, 0] * m[0] + w[2, 1] * m[1] + w[2, 2] * m[2] + t[2]
            covariance(quats[i], scales[i], cov)
            covariance_in_camera(cov, w, cov_c)
            sx, held_x = clamped_slope(x, z, fx, cx, width)
            sy, held_y = clamped_slope(y, z, fy, cy, height)
            xx, xy, yy = screen_covariance(cov_c, sx, sy, fx, fy, z)
            det = (xx + DILATION) * (yy + DILATION) - xy * xy
            v_opacities[i] = v_drawn_opacities[i] * compensations[i]
            v_cov2d = _covariance_gradient(
                conics[i], v_conics[i], det, compensations[i], v_drawn_opacities[i] * opacities[i], antialiased
            )
            jx, jy = fx / z, fy / z
            v_screen = (v_means2d[i, 0], v_means2d[i, 1], v_depths[i])
            v = _jacobian_gradient(x, y, z, sx, sy, held_x, held_y, jx, jy, cov_c, v_cov2d, v_screen)
            for row in range(3):
                v_means[i, row] = w[0, row] * v[0] + w[1, row] * v[1] + w[2, row] * v[2]
            _covariance_in_camera_gradient(jx, jy, sx, sy, v_cov2d, v_cov_c)
            _multiply(v_cov_c, w, v_cov_w)
            _multiply(wt, v_cov_w, v_sigma)
            _shape_gradient(quats[i], scales[i], v_sigma, v_quats[i], v_scales[i])
            if parts > 0:
                _camera_gradient(m, cov, v_cov_w, v, v_camera[chunk])
