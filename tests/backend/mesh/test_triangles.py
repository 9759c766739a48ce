# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.mesh.triangles import Mesh, area, sample, vertex_normals, volume


@pytest.fixture
def box(synthetic):
    return synthetic.superquadric((1.0, 0.5, 0.8), steps=16)


def test_ply_round_trip(tmp_path, box):
    box.save(tmp_path / "m.ply")
    again = Mesh.load(tmp_path / "m.ply")
    np.testing.assert_allclose(again.vertices, box.vertices, atol=1e-6)
    np.testing.assert_array_equal(again.faces, box.faces)
    np.testing.assert_array_equal(again.colours, box.colours)


def test_a_spheres_normals_area_volume_and_samples(synthetic):
    sphere = synthetic.sphere(radius=2.0, centre=(0, 0, 0), steps=128)
    normals = vertex_normals(sphere.vertices, sphere.faces)
    assert (np.einsum("ij,ij->i", normals, sphere.vertices / 2.0) > 0.999).all()
    assert volume(sphere.vertices, sphere.faces) == pytest.approx(4 / 3 * np.pi * 8, rel=0.01)
    assert area(sphere.vertices, sphere.faces) == pytest.approx(16 * np.pi, rel=0.01)
    points, face, weights = sample(sphere.vertices, sphere.faces, 5000, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2.0, atol=0.01)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose(np.einsum("nk,nkc->nc", weights, sphere.vertices[sphere.faces[face]]), points)
    assert [len(a) for a in sample(sphere.vertices, sphere.faces, 0, np.random.default_rng(0))] == [0, 0, 0]
