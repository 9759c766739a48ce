# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations and similarities against what they must satisfy."""

import numpy as np
import pytest
from turnaround.backend import geometry as g


def random_rotation(random):
    return g.rotation_from_quaternion(random.normal(size=4))


@pytest.mark.parametrize("seed", range(20))
def test_quaternion_and_rotation_are_inverse(seed):
    q = np.random.default_rng(seed).normal(size=4)
    q *= np.sign(q[0]) / np.linalg.norm(q)
    R = g.rotation_from_quaternion(q)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(R) == pytest.approx(1)
    np.testing.assert_allclose(g.quaternion_from_rotation(R), q, atol=1e-12)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_half_turns_have_a_quaternion(axis):
    R = 2 * np.outer(axis, axis) - np.eye(3)
    np.testing.assert_allclose(g.rotation_from_quaternion(g.quaternion_from_rotation(R)), R, atol=1e-12)


def test_quarter_turn_about_z_turns_x_to_y():
    R = g.rotation_from_quaternion(np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)]))
    np.testing.assert_allclose(R @ [1, 0, 0], [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(g.rotation_about_z(np.pi / 2), R, atol=1e-15)


@pytest.mark.parametrize("bad", [np.zeros(4), np.full(4, np.nan)])
def test_no_rotation_of_a_quaternion_without_length(bad):
    with pytest.raises(ValueError, match="expected a quaternion"):
        g.rotation_from_quaternion(bad)


def test_nearest_rotation_undoes_noise_and_never_mirrors():
    random = np.random.default_rng(1)
    R = random_rotation(random)
    assert g.rotation_angle_degrees(g.nearest_rotation(R + 1e-4 * random.normal(size=(3, 3))) @ R.T) < 0.02
    assert np.linalg.det(g.nearest_rotation(-R)) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(10))
def test_rotation_between_takes_the_shortest_way(seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, 3))
    R = g.rotation_between(a, b)
    np.testing.assert_allclose(R @ a / np.linalg.norm(a), b / np.linalg.norm(b), atol=1e-12)
    assert g.rotation_angle_degrees(R) == pytest.approx(float(g.angle_degrees(a, b)), abs=1e-9)


def test_rotation_between_opposite_directions_is_a_half_turn():
    R = g.rotation_between(np.array([0.0, 0, 2]), np.array([0.0, 0, -1]))
    np.testing.assert_allclose(R @ [0, 0, 1], [0, 0, -1], atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1)


def test_small_angles_keep_their_digits():
    assert g.rotation_angle_degrees(g.rotation_about_z(np.radians(1e-7))) == pytest.approx(1e-7, rel=1e-6)
    assert g.angle_degrees(np.array([1.0, 0, 0]), np.array([1.0, 1e-9, 0])) == pytest.approx(np.degrees(1e-9))


@pytest.mark.parametrize("count", [3, 4, 101])
def test_similarity_is_recovered_exactly(count):
    random = np.random.default_rng(count)
    true = g.transform(random_rotation(random), random.normal(size=3), 0.37)
    points = random.normal(size=(count, 3))
    found = g.similarity_between(points, g.apply(true, points))
    np.testing.assert_allclose(found, true, atol=1e-10)
    assert g.scale_of(found) == pytest.approx(0.37)


def test_similarity_of_a_mirrored_cloud_is_no_mirror():
    points = np.random.default_rng(2).normal(size=(20, 3))
    assert np.linalg.det(g.similarity_between(points, points * [1, 1, -1])[:3, :3]) > 0


def test_similarity_needs_three_points_that_differ():
    with pytest.raises(ValueError, match="N >= 3"):
        g.similarity_between(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="differ"):
        g.similarity_between(np.ones((5, 3)), np.zeros((5, 3)))


def test_a_camera_sees_the_same_after_its_world_moved():
    random = np.random.default_rng(3)
    cam_from_old = g.transform(random_rotation(random), [0.1, -0.2, 5.0])
    new_from_old = g.transform(random_rotation(random), random.normal(size=3), 2.5)
    cam_from_new = g.camera_in_new_world(cam_from_old, new_from_old)
    points = random.normal(size=(50, 3))
    before, after = g.apply(cam_from_old, points), g.apply(cam_from_new, g.apply(new_from_old, points))
    np.testing.assert_allclose(after, 2.5 * before, atol=1e-12)
    np.testing.assert_allclose(cam_from_new[:3, :3] @ cam_from_new[:3, :3].T, np.eye(3), atol=1e-12)


def test_lines_meet_where_they_meet_in_spite_of_a_stray():
    random = np.random.default_rng(4)
    target = np.array([1.0, 2.0, 3.0])
    origins = random.normal(size=(20, 3)) * 5
    directions = target - origins
    directions[0] = [0, 0, 1.0]
    np.testing.assert_allclose(g.nearest_point_to_lines(origins, directions, rounds=30), target, atol=0.02)


def test_parallel_lines_have_a_nearest_point_too():
    origins = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    point = g.nearest_point_to_lines(origins, np.tile([0.0, 0, 1], (3, 1)))
    np.testing.assert_allclose(point, [1, 0, 0], atol=1e-6)
