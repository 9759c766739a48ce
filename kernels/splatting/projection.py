# SPDX-License-Identifier: GPL-3.0-or-later
"""From 3D Gaussians to ellipses on the screen (elliptical weighted averaging; Zwicker et al. 2001, eq. 26 to 29).

The screen covariance is J W Sigma W^T J^T with J the Jacobian of the pinhole projection at the Gaussian's mean, whose
direction is clamped to 0.3 of the view's half width beyond its border, so that J stays bounded beside the camera.
The twin is ``projection_reference.py``; the gradient ``projection_backward.py``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .._jit import parallel, serial
from . import ALPHA_LEAST, DILATION, FAR, NEAR


@serial
def rotation_from_quat(w, x, y, z):
    """Rows of the rotation matrix of a quaternion of any non-zero length, as nine floats; a zero one gives identity."""
    length = math.sqrt(w * w + x * x + y * y + z * z)
    if length == 0.0:
        return 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0
    w, x, y, z = w / length, x / length, y / length, z / length
    return (
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),
        2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x),
        2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y),
    )  # fmt: skip


@serial
def covariance(quat, scale, out):
    """World covariance of one Gaussian: ``out`` (6,) = xx, xy, xz, yy, yz, zz of R S S R^T."""
    r = rotation_from_quat(quat[0], quat[1], quat[2], quat[3])
    s0, s1, s2 = scale[0] * scale[0], scale[1] * scale[1], scale[2] * scale[2]
    out[0] = r[0] * r[0] * s0 + r[1] * r[1] * s1 + r[2] * r[2] * s2
    out[1] = r[0] * r[3] * s0 + r[1] * r[4] * s1 + r[2] * r[5] * s2
    out[2] = r[0] * r[6] * s0 + r[1] * r[7] * s1 + r[2] * r[8] * s2
    out[3] = r[3] * r[3] * s0 + r[4] * r[4] * s1 + r[5] * r[5] * s2
    out[4] = r[3] * r[6] * s0 + r[4] * r[7] * s1 + r[5] * r[8] * s2
    out[5] = r[6] * r[6] * s0 + r[7] * r[7] * s1 + r[8] * r[8] * s2


@serial
def covariance_in_camera(cov, w, out):
    """Rotate a covariance (6,) by ``w``, the upper left (3, 3) of ``cam_from_world``: ``out`` (6,) = W cov W^T."""
    for row in range(3):
        m0 = w[row, 0] * cov[0] + w[row, 1] * cov[1] + w[row, 2] * cov[2]
        m1 = w[row, 0] * cov[1] + w[row, 1] * cov[3] + w[row, 2] * cov[4]
        m2 = w[row, 0] * cov[2] + w[row, 1] * cov[4] + w[row, 2] * cov[5]
        for col in range(row, 3):
            # Row-major upper triangle: (0,0) 0, (0,1) 1, (0,2) 2, (1,1) 3, (1,2) 4, (2,2) 5.
            out[row * 2 + col - (1 if row == 2 else 0)] = m0 * w[col, 0] + m1 * w[col, 1] + m2 * w[col, 2]


@serial
def clamped_slope(x, z, focal, centre, size):
    """The slope x / z, held within 0.3 half widths beyond the view's border, and whether it was held."""
    slope = x / z
    margin = 0.15 * size / focal
    high = (size - centre) / focal + margin
    low = -centre / focal - margin
    if slope > high:
        return high, True
    if slope < low:
        return low, True
    return slope, False


@serial
def screen_covariance(cov, sx, sy, fx, fy, z):
    """J cov J^T for camera covariance ``cov`` (6,), slopes ``sx``, ``sy`` and depth ``z``: (xx, xy, yy), undilated."""
    jx, jy = fx / z, fy / z
    # J = [[jx, 0, -jx sx], [0, jy, -jy sy]]
    xx = jx * jx * (cov[0] - 2.0 * sx * cov[2] + sx * sx * cov[5])
    xy = jx * jy * (cov[1] - sy * cov[2] - sx * cov[4] + sx * sy * cov[5])
    yy = jy * jy * (cov[3] - 2.0 * sy * cov[4] + sy * sy * cov[5])
    return xx, xy, yy


@parallel
def project(
    means, quats, scales, opacities, cam_from_world, K, width, height, antialiased,
    means2d, depths, conics, extents, compensations,
):  # fmt: skip
    """Project N Gaussians; write ``means2d``, ``depths`` (N,), ``conics``, ``extents`` and ``compensations`` (N,).

    ``compensations`` is sqrt(det before / det after dilation) where ``antialiased`` (Yu et al. 2024, Mip-Splatting, eq.
    9), else 1; the drawn opacity is ``opacities * compensations``. A Gaussian that is behind ``NEAR``, beyond ``FAR``,
    fainter than ``ALPHA_LEAST``, off the screen or not finite gets extents of 0.
    """
    w = cam_from_world[:3, :3].copy()
    t = cam_from_world[:3, 3].copy()
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    for i in prange(means.shape[0]):
        cov = np.zeros(6, np.float32)
        cov_c = np.zeros(6, np.float32)
        extents[i, 0] = 0.0
        extents[i, 1] = 0.0
        compensations[i] = 1.0
        x = w[0, 0] * means[i, 0] + w[0, 1] * means[i, 1] + w[0, 2] * means[i, 2] + t[0]
        y = w[1, 0] * means[i, 0] + w[1, 1] * means[i, 1] + w[1, 2] * means[i, 2] + t[1]
        z = w[2, 0] * means[i, 0] + w[2, 1] * means[i, 1] + w[2, 2] * means[i, 2] + t[2]
        depths[i] = z
        if not (z >= NEAR and z <= FAR):
            continue
        covariance(quats[i], scales[i], cov)
        covariance_in_camera(cov, w, cov_c)
        sx, _ = clamped_slope(x, z, fx, cx, width)
        sy, _ = clamped_slope(y, z, fy, cy, height)
        xx, xy, yy = screen_covariance(cov_c, sx, sy, fx, fy, z)
        det_before = xx * yy - xy * xy
        xx += np.float32(DILATION)
        yy += np.float32(DILATION)
        det = xx * yy - xy * xy
        if not (det > 0.0 and det < np.inf):
            continue
        opacity = opacities[i]
        if antialiased:
            compensations[i] = math.sqrt(max(det_before / det, np.float32(0.0)))
            opacity *= compensations[i]
        if not opacity >= ALPHA_LEAST:
            continue
        reach = 2.0 * math.log(opacity / ALPHA_LEAST)
        u, v = fx * x / z + cx, fy * y / z + cy
        half_width, half_height = math.sqrt(reach * xx), math.sqrt(reach * yy)
        if u + half_width <= 0.0 or u - half_width >= width or v + half_height <= 0.0 or v - half_height >= height:
            continue
        means2d[i, 0], means2d[i, 1] = u, v
        conics[i, 0], conics[i, 1], conics[i, 2] = yy / det, -xy / det, xx / det
        # A faint Gaussian's region may be thinner than the rounding of a float; it must still count as drawn.
        extents[i, 0], extents[i, 1] = max(half_width, np.float32(1e-6)), max(half_height, np.float32(1e-6))
