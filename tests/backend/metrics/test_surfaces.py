# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.metrics.surfaces import closest_distance, compare, point_triangle_distance


def moved(mesh, offset, factor=1.0):
    return Mesh(mesh.vertices * factor + offset, mesh.faces)


def test_a_shifted_sphere_is_half_the_shift_away(synthetic):
    # |d cos(theta)| has the mean d / 2 over the sphere.
    sphere = synthetic.sphere(radius=1.0)
    figures = compare(moved(sphere, (0.05, 0, 0)), sphere, [])
    assert figures["chamfer"] == pytest.approx(0.025, rel=0.02)
    assert figures["f_score_1pct"] == pytest.approx(0.0346 / 0.05, rel=0.03)
    assert figures["f_score_1mm"] == pytest.approx(0.001 / 0.05, rel=0.2)
    assert figures["chamfer_percent"] == pytest.approx(100 * 0.025 / np.sqrt(12), rel=0.02)


def test_a_grown_sphere_is_as_far_as_it_grew(synthetic):
    sphere = synthetic.sphere(radius=1.0, centre=(0, 0, 0))
    figures = compare(moved(sphere, 0.0, 1.02), sphere, [])
    assert figures["accuracy"] == pytest.approx(0.02, rel=0.02)
    assert figures["completeness"] == pytest.approx(0.02, rel=0.02)
    assert figures["f_score_1pct"] == 1.0


def test_only_what_cameras_see_counts(synthetic):
    sphere = synthetic.sphere(radius=1.0, centre=(0, 0, 0))
    broken = sphere.vertices.copy()
    broken[sphere.vertices[:, 0] < -0.5, 0] -= 1.0  # the far side is wrong, but no camera sees it
    camera = synthetic.looking_at(np.zeros(3), 0, 0, 6.0, 200)
    assert compare(Mesh(broken, sphere.faces), sphere, [camera])["chamfer"] < 1e-4
    assert compare(Mesh(broken, sphere.faces), sphere, [])["chamfer"] > 0.1
    away = synthetic.looking_at(np.array([9.0, 0, 0]), 180, 0, 1.0, 64, 5.0)
    with pytest.raises(ValueError, match="expected cameras that see"):
        compare(sphere, sphere, [away])


def test_point_to_triangle_against_dense_samples():
    random = np.random.default_rng(3)
    corners = random.normal(size=(40, 3, 3))
    points = random.normal(size=(40, 3)) * 2
    a, b = np.meshgrid(np.linspace(0, 1, 120), np.linspace(0, 1, 120))
    weights = np.stack([1 - a, a * (1 - b), a * b], axis=2).reshape(-1, 3)
    dense = np.array([np.linalg.norm(weights @ c - p, axis=1).min() for p, c in zip(points, corners, strict=True)])
    np.testing.assert_allclose(point_triangle_distance(points, corners), dense, atol=0.03)
    assert (point_triangle_distance(points, corners) <= dense + 1e-12).all()


def test_closest_distance_of_a_flat_square():
    square = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    points = np.array([[0.5, 0.5, 0.3], [2.0, 0.5, 0.0], [-3.0, -4.0, 0.0]])
    np.testing.assert_allclose(closest_distance(points, square, np.random.default_rng(0)), [0.3, 1.0, 5.0], atol=1e-9)
