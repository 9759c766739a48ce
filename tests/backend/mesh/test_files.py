# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.mesh.files import linear_from_srgb, write_glb, write_obj, write_stl, y_up
from turnaround.backend.mesh.triangles import Mesh, area, sample, vertex_normals, volume

trimesh = pytest.importorskip("trimesh")


@pytest.fixture
def box(synthetic):
    return synthetic.superquadric((1.0, 0.5, 0.8), steps=16)


def test_glb_is_y_up_with_linear_colours(tmp_path, box):
    write_glb(tmp_path / "m.glb", box, "thing")
    loaded = trimesh.load(tmp_path / "m.glb", force="mesh", process=False)
    np.testing.assert_allclose(loaded.vertices, y_up(box.vertices), atol=1e-6)
    np.testing.assert_array_equal(loaded.faces, box.faces)
    assert loaded.is_watertight
    assert loaded.volume == pytest.approx(volume(box.vertices, box.faces), rel=1e-5)
    data = (tmp_path / "m.glb").read_bytes()
    length = int.from_bytes(data[8:12], "little")
    assert length == len(data)
    assert length % 4 == 0
    # Colours follow positions and normals, 12 bytes each, in the binary part.
    text = int.from_bytes(data[12:16], "little")
    start = 12 + 8 + text + 8 + 24 * len(box.vertices)
    stored = np.frombuffer(data[start : start + 8 * len(box.vertices)], "<u2").reshape(-1, 4)
    np.testing.assert_allclose(stored[:, :3] / 65535, linear_from_srgb(box.colours), atol=1e-5)
    assert (stored[:, 3] == 65535).all()


def test_srgb_curve():
    np.testing.assert_allclose(linear_from_srgb(np.array([0, 10, 128, 255])), [0, 0.0030353, 0.2158605, 1], atol=1e-6)


def test_obj_and_stl_hold_the_same_shape(tmp_path, box):
    write_obj(tmp_path / "m.obj", box, "thing")
    write_stl(tmp_path / "m.stl", box)
    obj = trimesh.load(tmp_path / "m.obj", force="mesh", process=False)
    stl = trimesh.load(tmp_path / "m.stl", force="mesh")
    np.testing.assert_allclose(obj.bounds, [y_up(box.vertices).min(axis=0), y_up(box.vertices).max(axis=0)], atol=1e-5)
    np.testing.assert_allclose(stl.bounds, [box.vertices.min(axis=0), box.vertices.max(axis=0)], atol=1e-6)
    assert stl.volume == pytest.approx(volume(box.vertices, box.faces), rel=1e-5)
    np.testing.assert_allclose(obj.visual.vertex_colors[:, :3], box.colours, atol=1)


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
