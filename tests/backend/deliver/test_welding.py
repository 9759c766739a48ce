# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.deliver.welding import closed, is_closed, open_edges, welded
from turnaround.backend.mesh.triangles import Mesh, volume


def test_charts_become_one_surface_again(textured):
    surface = welded(textured.vertices, textured.faces)
    assert not is_closed(textured.faces)
    assert is_closed(surface.faces)
    assert len(surface.vertices) < len(textured.vertices)
    stored = textured.vertices.astype(np.float32)
    np.testing.assert_array_equal(surface.vertices[surface.index], stored)
    np.testing.assert_array_equal(surface.vertices, stored[surface.source])
    np.testing.assert_array_equal(surface.vertices[surface.faces], stored[textured.faces])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_holes_are_closed_by_fans(synthetic, axis):
    body = synthetic.superquadric((1.0, 0.6, 0.8), 1.0, (0, 0, 0), steps=32)
    middle = body.vertices[body.faces][:, :, axis].mean(axis=1)
    reach = 0.7 * np.abs(middle).max()
    ring = body.faces[np.abs(middle) < reach]
    assert len(open_edges(ring)) > 6
    whole, holes = closed(Mesh(body.vertices, ring))
    assert holes == 2
    assert is_closed(whole.faces)
    # The caps are plane, so only what bulged beyond them is lost.
    assert 0.6 < volume(whole.vertices, whole.faces) / volume(body.vertices, body.faces) < 1.0


def test_what_is_closed_stays_as_it_is(synthetic):
    body = synthetic.sphere(steps=16)
    whole, holes = closed(body)
    assert holes == 0
    np.testing.assert_array_equal(whole.faces, body.faces)
    # A face that meets a place twice has no area; leaving it out opens nothing.
    extra = np.array([[5, 5, 9]], np.int32)
    whole, holes = closed(Mesh(body.vertices, np.concatenate([body.faces, extra])))
    assert holes == 0
    np.testing.assert_array_equal(whole.faces, body.faces)


def test_nothing_is_not_closed():
    none = np.zeros((0, 3), np.int32)
    assert not is_closed(none)
    assert open_edges(none).shape == (0, 2)
    assert welded(np.zeros((0, 3)), none).vertices.shape == (0, 3)
    assert closed(Mesh(np.zeros((0, 3)), none))[1] == 0


def test_an_edge_of_four_faces_is_noticed(synthetic):
    tetra = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
    # Two tetrahedra that share the edge 0-1.
    other = np.array([0, 1, 4, 5], np.int32)[tetra]
    assert is_closed(tetra)
    assert not is_closed(np.concatenate([tetra, other]))
    assert len(open_edges(np.concatenate([tetra, other]))) == 0
