# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats in other frames: shapes, sizes and, to the third degree, colours move with them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from turnaround.backend import splat_files
from turnaround.backend.splat_files import harmonics, moving, quaternions


def similarity(seed: int, size: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rotation = Rotation.random(rng=random).as_matrix()
    target_from_source = np.eye(4)
    target_from_source[:3, :3] = size * rotation
    target_from_source[:3, 3] = random.normal(0, 2, 3)
    return target_from_source, rotation


def covariances(splats: splat_files.Splats) -> np.ndarray:
    axes = quaternions.to_matrices(splats.quats) * np.exp(splats.scales.astype(np.float64))[:, None]
    return axes @ axes.transpose(0, 2, 1)


def colours(splats: splat_files.Splats, camera: np.ndarray) -> np.ndarray:
    """Colour of each splat seen from the camera's centre."""
    rays = splats.means - camera
    basis = harmonics.basis(rays / np.linalg.norm(rays, axis=1, keepdims=True), splats.degree)
    return 0.5 + np.einsum("nk,nkc->nc", basis, splats.sh.astype(np.float64))


def test_the_basis_is_orthonormal():
    """Gauss-Legendre in z and equal steps around integrate products of degree 6 exactly."""
    heights, weights = np.polynomial.legendre.leggauss(8)
    angles = np.arange(16) * np.pi / 8
    z, angle = (a.ravel() for a in np.meshgrid(heights, angles, indexing="ij"))
    ring = np.sqrt(1 - z * z)
    values = harmonics.basis(np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1), 3)
    area = np.repeat(weights, 16) * np.pi / 8
    assert np.allclose(values.T @ (area[:, None] * values), np.eye(16), atol=1e-13)


def test_the_basis_has_the_signs_of_3dgs():
    """Constants of the 3DGS renderer (SH_C1, SH_C2, SH_C3), at one direction."""
    x, y, z = 2 / 7, 3 / 7, 6 / 7
    c1, c2, c20, c22 = 0.4886025119029199, 1.0925484305920792, 0.31539156525252005, 0.5462742152960396
    expected = [0.28209479177387814, -c1 * y, c1 * z, -c1 * x]
    expected += [c2 * x * y, -c2 * y * z, c20 * (2 * z * z - x * x - y * y), -c2 * x * z, c22 * (x * x - y * y)]
    expected += [
        -0.5900435899266435 * y * (3 * x * x - y * y),
        2.890611442640554 * x * y * z,
        -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
        0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
        -0.4570457994644658 * x * (4 * z * z - x * x - y * y),
        1.445305721320277 * z * (x * x - y * y),
        -0.5900435899266435 * x * (x * x - 3 * y * y),
    ]
    assert np.allclose(harmonics.basis(np.array([[x, y, z]]), 3)[0], expected, atol=1e-14)


@pytest.mark.parametrize("degree", range(4))
@pytest.mark.parametrize("size", [1.0, 0.037, 12.0])
def test_cloud_and_camera_moved_together_look_the_same(cloud, degree, size):
    splats = cloud(200, degree, seed=degree)
    target_from_source, _ = similarity(5 + degree, size)
    camera = np.array([0.4, -3.0, 1.2])
    moved_camera = (target_from_source @ [*camera, 1])[:3]
    moved = splat_files.transform(splats, target_from_source)
    assert np.allclose(colours(moved, moved_camera), colours(splats, camera), atol=5e-6)
    if degree:
        assert not np.allclose(colours(moved, camera), colours(splats, camera), atol=0.05)


def test_shapes_move_as_covariances_do(cloud):
    splats = cloud(300)
    target_from_source, rotation = similarity(3, 0.2)
    moved = splat_files.transform(splats, target_from_source)
    linear = target_from_source[:3, :3]
    expected = linear @ covariances(splats) @ linear.T
    size = np.linalg.norm(expected, axis=(1, 2), keepdims=True)
    assert (np.abs(covariances(moved) - expected) / size).max() < 1e-5
    assert np.allclose(moved.means, splats.means @ linear.T + target_from_source[:3, 3], atol=1e-6)
    assert np.array_equal(moved.opacities, splats.opacities)
    assert np.isclose(np.linalg.det(rotation), 1)


def test_a_motion_and_its_inverse_are_nothing(cloud):
    splats = cloud(50, 3)
    target_from_source, _ = similarity(8, 2.5)
    back = splat_files.transform(splat_files.transform(splats, target_from_source), np.linalg.inv(target_from_source))
    for name in ("means", "quats", "scales", "opacities", "sh"):
        mine, theirs = getattr(back, name), getattr(splats, name)
        aligned = mine * np.sign((mine * theirs).sum(axis=1, keepdims=True)) if name == "quats" else mine
        assert np.allclose(aligned, theirs, atol=2e-6), name


@pytest.mark.parametrize("signs", [(1, -1, -1), (-1, -1, 1), (-1, 1, 1), (1, 1, -1), (-1, -1, -1)])
def test_mirrored_axes_mirror_shapes_and_colours_exactly(cloud, signs):
    splats = cloud(100, 3)
    mirrored = splat_files.mirror(splats, signs)
    flip = np.diag(signs).astype(float)
    assert np.allclose(covariances(mirrored), flip @ covariances(splats) @ flip, rtol=1e-6, atol=1e-12)
    camera = np.array([1.0, -2.0, 0.5])
    assert np.allclose(colours(mirrored, camera * signs), colours(splats, camera), atol=1e-6)
    again = splat_files.mirror(mirrored, signs)
    for name in ("means", "quats", "scales", "opacities", "sh"):
        assert np.array_equal(getattr(again, name), getattr(splats, name))


def test_a_proper_mirroring_is_the_rotation_it_equals(cloud):
    splats = cloud(40, 3)
    half_turn = np.diag([1.0, -1.0, -1.0, 1.0])
    turned, mirrored = splat_files.transform(splats, half_turn), splat_files.mirror(splats, (1, -1, -1))
    assert np.allclose(turned.sh, mirrored.sh, atol=1e-6)
    assert np.allclose(covariances(turned), covariances(mirrored), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(("up", "direction"), [("-y", (0, -1, 0)), ("y", (0, 1, 0)), ("z", (0, 0, 1))])
def test_what_is_up_becomes_y(up, direction):
    one = splat_files.from_columns([direction], [[1, 0, 0, 0]], [[0, 0, 0]], [0], [[[0, 0, 0]]])
    assert np.allclose(moving.rub_from_up(one, up).means, [[0, 1, 0]])
    assert np.allclose(moving.up_from_rub(moving.rub_from_up(one, up), up).means, [direction])


def test_z_up_becomes_y_up_as_blender_exports_gltf():
    one = splat_files.from_columns([[1, 2, 3]], [[1, 0, 0, 0]], [[0, 0, 0]], [0], [[[0, 0, 0]]])
    assert np.allclose(moving.rub_from_up(one, "z").means, [[1, 3, -2]])


@pytest.mark.parametrize(
    "matrix",
    [np.diag([1.0, 1, 2, 1]), np.diag([-1.0, 1, 1, 1]), np.zeros((4, 4)), np.eye(3), np.full((4, 4), np.nan)],
)
def test_what_is_no_similarity_is_refused(cloud, matrix):
    with pytest.raises(ValueError, match="expected"):
        splat_files.transform(cloud(2), matrix)


def test_quaternions_of_matrices_agree_with_scipy():
    for rotation in Rotation.random(50, rng=np.random.default_rng(0)):
        mine = quaternions.from_matrix(rotation.as_matrix())
        theirs = np.roll(rotation.as_quat(canonical=True), 1)
        assert np.allclose(mine, theirs, atol=1e-12) or np.allclose(mine, -theirs, atol=1e-12)
    half_turn = np.diag([1.0, -1.0, -1.0])
    assert np.allclose(np.abs(quaternions.from_matrix(half_turn)), [0, 1, 0, 0])
