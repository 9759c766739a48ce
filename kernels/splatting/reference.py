# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twins of the splatting kernels, in float64, for reading and for tests. Slow: every Gaussian, every pixel.

Notation as in the package; the formulas' sources stand in the kernels' own files.
"""

from __future__ import annotations

import numpy as np

from . import ALPHA_LEAST, ALPHA_MOST, DILATION, FAR, NEAR, TRANSMITTANCE_LEAST

SH_C0 = 0.28209479177387814
SH_C1 = 0.4886025119029199
SH_C2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
SH_C3 = (
    -0.5900435899266435, 2.890611442640554, -0.4570457994644658, 0.3731763325901154,
    -0.4570457994644658, 1.445305721320277, -0.5900435899266435,
)  # fmt: skip


def rotations(quats: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 3, 3) of quaternions (N, 4), w x y z, of any non-zero length."""
    w, x, y, z = (quats / np.linalg.norm(quats, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def project(means, quats, scales, opacities, cam_from_world, K, width, height, antialiased=False):
    """Twin of ``projection.project``: dictionary of means2d, depths, conics, compensations and drawn (N,) bool."""
    w, t = cam_from_world[:3, :3].astype(float), cam_from_world[:3, 3].astype(float)
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    p = means.astype(float) @ w.T + t
    in_front = (p[:, 2] >= NEAR) & (p[:, 2] <= FAR)
    z = np.where(in_front, p[:, 2], 1.0)
    slope_x = np.clip(p[:, 0] / z, -(cx + 0.15 * width) / fx, (width - cx + 0.15 * width) / fx)
    slope_y = np.clip(p[:, 1] / z, -(cy + 0.15 * height) / fy, (height - cy + 0.15 * height) / fy)
    jacobian = np.zeros((len(p), 2, 3))
    jacobian[:, 0, 0], jacobian[:, 0, 2] = fx / z, -fx * slope_x / z
    jacobian[:, 1, 1], jacobian[:, 1, 2] = fy / z, -fy * slope_y / z
    half = rotations(quats.astype(float)) * scales.astype(float)[:, None, :]
    root = jacobian @ w @ half
    before = root @ np.swapaxes(root, 1, 2)
    after = before + DILATION * np.eye(2)
    conic = np.linalg.inv(after)
    compensation = np.ones(len(p))
    if antialiased:
        compensation = np.sqrt(np.maximum(np.linalg.det(before) / np.linalg.det(after), 0.0))
    return {
        "means2d": np.stack([fx * p[:, 0] / z + cx, fy * p[:, 1] / z + cy], 1),
        "depths": p[:, 2],
        "conics": np.stack([conic[:, 0, 0], conic[:, 0, 1], conic[:, 1, 1]], 1),
        "compensations": compensation,
        "drawn": in_front & (opacities * compensation >= ALPHA_LEAST),
    }


def blend(means2d, conics, opacities, features, depths, drawn, width, height):
    """Twin of ``blending.blend`` with the sorting of ``tiles``: image (H, W, D + 1), alpha last."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    transmittance = np.ones((height, width))
    running = np.ones((height, width), bool)
    image = np.zeros((height, width, features.shape[1] + 1))
    for i in np.argsort(depths, kind="stable"):
        if not drawn[i]:
            continue
        dx, dy = x - means2d[i, 0], y - means2d[i, 1]
        a, b, c = conics[i]
        alpha = np.minimum(ALPHA_MOST, opacities[i] * np.exp(-0.5 * (a * dx**2 + 2 * b * dx * dy + c * dy**2)))
        counts = running & (alpha >= ALPHA_LEAST)
        after = transmittance * (1 - alpha)
        running &= ~(counts & (after <= TRANSMITTANCE_LEAST))
        counts &= running
        weight = np.where(counts, alpha * transmittance, 0.0)
        transmittance = np.where(counts, after, transmittance)
        image[..., :-1] += weight[..., None] * features[i]
        image[..., -1] += weight
    return image


def harmonics_basis(directions: np.ndarray, degree: int) -> np.ndarray:
    """Real spherical harmonics (N, (degree + 1)^2) of unit ``directions`` (N, 3), order and signs as in 3DGS files."""
    x, y, z = directions.T
    basis = [np.full(len(x), SH_C0)]
    if degree > 0:
        basis += [-SH_C1 * y, SH_C1 * z, -SH_C1 * x]
    if degree > 1:
        terms = (x * y, y * z, 2 * z * z - x * x - y * y, x * z, x * x - y * y)
        basis += [c * t for c, t in zip(SH_C2, terms, strict=True)]
    if degree > 2:
        terms3 = (
            y * (3 * x * x - y * y), x * y * z, y * (4 * z * z - x * x - y * y),
            z * (2 * z * z - 3 * x * x - 3 * y * y),
            x * (4 * z * z - x * x - y * y), z * (x * x - y * y), x * (x * x - 3 * y * y),
        )  # fmt: skip
        basis += [c * t for c, t in zip(SH_C3, terms3, strict=True)]
    return np.stack(basis, 1)


def colours(means: np.ndarray, coefficients: np.ndarray, eye: np.ndarray, degree: int) -> np.ndarray:
    """Twin of ``harmonics.colours``: (N, 3) seen from ``eye`` (3,), never below 0; ``coefficients`` (N, K, 3)."""
    offsets = means.astype(float) - eye
    directions = offsets / np.maximum(np.linalg.norm(offsets, axis=1, keepdims=True), 1e-12)
    basis = harmonics_basis(directions, degree)
    return np.maximum(np.einsum("nk,nkc->nc", basis, coefficients[:, : basis.shape[1]]) + 0.5, 0.0)
