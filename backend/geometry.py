# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations, rigid transforms and similarities.

Notation: ``R`` (3, 3) rotation; quaternions (w, x, y, z), unit length; a transform (4, 4) float64 named
target_from_source maps a column (x, y, z, 1) of the source frame to the target frame. A similarity is
``[[s R, t], [0, 1]]`` with scale s > 0.
"""

from __future__ import annotations

import numpy as np


def rotation_from_quaternion(quaternion: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) of ``quaternion`` (4,), w first, any length but zero (``ValueError``)."""
    q = np.asarray(quaternion, np.float64)
    if not np.all(np.abs(q) < 1e100):  # NaN too; larger ones overflow when squared
        raise ValueError(f"expected a quaternion (w, x, y, z) of finite length, got {quaternion!r}")
    length = np.linalg.norm(q)
    if length < 1e-12:
        raise ValueError(f"expected a quaternion (w, x, y, z) of non-zero length, got {quaternion!r}")
    w, x, y, z = q / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_from_rotation(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion (w, x, y, z), w >= 0, of ``rotation`` (3, 3).

    Eigenvector method of Bar-Itzhack (2000), "New method for extracting the quaternion from a rotation matrix": it
    has no special cases, and gives the nearest quaternion when the matrix is slightly off.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.asarray(rotation, np.float64)
    k = np.array(
        [
            [xx - yy - zz, xy + yx, xz + zx, zy - yz],
            [xy + yx, yy - xx - zz, yz + zy, xz - zx],
            [xz + zx, yz + zy, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    x, y, z, w = np.linalg.eigh(k / 3.0)[1][:, -1]
    q = np.array([w, x, y, z])
    return q if w >= 0 else -q


def quaternions_from_rotations(rotations: np.ndarray) -> np.ndarray:
    """Unit quaternions (N, 4), (w, x, y, z), of rotation matrices (N, 3, 3) (Shepperd 1978: the largest part first)."""
    m = np.asarray(rotations, np.float64)
    trace = np.einsum("nii->n", m)
    squares = np.stack([trace, m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]], axis=1)
    squares[:, 0] = 1 + trace
    squares[:, 1:] = 1 + 2 * squares[:, 1:] - trace[:, None]
    products = np.zeros((len(m), 4, 4))
    for k in range(4):
        products[:, k, k] = squares[:, k]
    pairs = {
        (0, 1): m[:, 2, 1] - m[:, 1, 2], (0, 2): m[:, 0, 2] - m[:, 2, 0], (0, 3): m[:, 1, 0] - m[:, 0, 1],
        (1, 2): m[:, 0, 1] + m[:, 1, 0], (1, 3): m[:, 0, 2] + m[:, 2, 0], (2, 3): m[:, 1, 2] + m[:, 2, 1],
    }  # fmt: skip
    for (i, j), value in pairs.items():
        products[:, i, j] = products[:, j, i] = value
    rows = products[np.arange(len(m)), squares.argmax(axis=1)]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) nearest to ``matrix`` (3, 3) in the Frobenius norm (orthogonal Procrustes)."""
    u, _, vt = np.linalg.svd(np.asarray(matrix, np.float64))
    return u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt


def rotation_between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The least rotation (3, 3) that turns the direction ``source`` (3,) into the direction ``target`` (3,)."""
    a = np.asarray(source, np.float64) / np.linalg.norm(source)
    b = np.asarray(target, np.float64) / np.linalg.norm(target)
    cosine = float(a @ b)
    if cosine < -1 + 1e-12:  # opposite: any axis across will do
        axis = np.cross(a, np.eye(3)[np.argmin(np.abs(a))])
        axis /= np.linalg.norm(axis)
        return 2 * np.outer(axis, axis) - np.eye(3)
    v = np.cross(a, b)
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def rotation_about_z(angle: float) -> np.ndarray:
    """Rotation (3, 3) about z by ``angle`` radians, from x towards y."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def angle_degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle in degrees between directions ``a`` and ``b``, (..., 3), of any length; 0 where one of them is zero."""
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(cross, np.sum(np.asarray(a) * b, axis=-1)))


def rotation_angle_degrees(rotations: np.ndarray) -> np.ndarray:
    """Angle in degrees of rotations (..., 3, 3). Exact near zero too, where an arc cosine of the trace is not."""
    r = np.asarray(rotations)
    axis = np.stack([r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], axis=-1)
    return np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), np.trace(r, axis1=-2, axis2=-1) - 1.0))


def transform(rotation: np.ndarray, translation: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Assemble a similarity (4, 4) from ``rotation`` (3, 3), ``translation`` (3,) and ``scale``."""
    matrix = np.eye(4)
    matrix[:3, :3] = scale * np.asarray(rotation)
    matrix[:3, 3] = translation
    return matrix


def apply(target_from_source: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map ``points`` (N, 3) of the source frame to the target frame."""
    return np.asarray(points) @ target_from_source[:3, :3].T + target_from_source[:3, 3]


def scale_of(similarity: np.ndarray) -> float:
    """Scale of a similarity (4, 4)."""
    return float(np.cbrt(np.linalg.det(similarity[:3, :3])))


def camera_in_new_world(cam_from_old: np.ndarray, new_from_old: np.ndarray) -> np.ndarray:
    """``cam_from_new`` (4, 4), rigid, of a camera after its world went through the similarity ``new_from_old``.

    The camera's own frame is scaled along with the world, so that pictures stay what they were.
    """
    scale = scale_of(new_from_old)
    rotation = cam_from_old[:3, :3] @ (new_from_old[:3, :3] / scale).T
    return transform(rotation, scale * cam_from_old[:3, 3] - rotation @ new_from_old[:3, 3])


def similarity_between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity ``target_from_source`` (4, 4) of least squares between matched ``source`` and ``target`` (N, 3).

    Umeyama (1991), equations 34 to 43. Raises ``ValueError`` for fewer than three points or for coincident ones.
    """
    x, y = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if x.shape != y.shape or x.ndim != 2 or len(x) < 3:
        raise ValueError(f"expected two arrays (N, 3), N >= 3, got {x.shape} and {y.shape}")
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    dx, dy = x - mean_x, y - mean_y
    variance = np.mean(np.sum(dx**2, axis=1))
    if variance <= 0:
        raise ValueError("expected points that differ, got coincident ones")
    u, d, vt = np.linalg.svd(dy.T @ dx / len(x))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = float(np.sum(d * sign) / variance)
    return transform(rotation, mean_y - scale * rotation @ mean_x, scale)


def nearest_point_to_lines(origins: np.ndarray, directions: np.ndarray, rounds: int = 5) -> np.ndarray:
    """The point (3,) nearest to lines through ``origins`` (N, 3) along ``directions`` (N, 3).

    Least squares, then ``rounds`` of reweighting by 1 / distance, so that a few stray lines do not move it. Parallel
    lines leave it undetermined along them; the least-norm answer about the mean origin is given.
    """
    centre = np.mean(origins, axis=0)
    o = np.asarray(origins, np.float64) - centre
    d = np.asarray(directions, np.float64)
    d = d / np.linalg.norm(d, axis=1, keepdims=True)
    across = np.eye(3) - d[:, :, None] * d[:, None, :]
    weights = np.ones(len(o))
    point = np.zeros(3)
    for _ in range(rounds + 1):
        a = np.einsum("n,nij->ij", weights, across)
        b = np.einsum("n,nij,nj->i", weights, across, o)
        point = np.linalg.lstsq(a, b, rcond=1e-9)[0]
        distance = np.linalg.norm(np.einsum("nij,nj->ni", across, point - o), axis=1)
        weights = 1.0 / np.maximum(distance, max(np.median(distance), 1e-12) * 0.1)
    return point + centre
