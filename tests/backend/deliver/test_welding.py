# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.deliver.parting import parted
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


TETRA = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0.5, 1, -0.3], [0.5, 1, 0.8]], float)


def outwards(points, faces):
    """The faces with their normals outwards."""
    return faces if volume(points, faces) > 0 else faces[:, ::-1]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_bodies_that_share_an_edge_come_apart(count):
    """Tetrahedra around one edge, like the pages of a book."""
    points, faces = [CORNERS[:2]], []
    for k in range(count):
        angle = 2 * np.pi * k / count
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        points.append((CORNERS[2:] * (1, 1, 0.3)) @ turn.T)
        faces.append(np.array([0, 1, 2 + 2 * k, 3 + 2 * k], np.int32)[TETRA])
    points = np.concatenate(points)
    faces = np.concatenate([outwards(points, f) for f in faces])
    assert not is_closed(faces)
    body, added = parted(Mesh(points, faces))
    assert added == 2 * (count - 1)
    assert is_closed(body.faces)
    assert is_closed(welded(body.vertices, body.faces).faces)
    np.testing.assert_allclose(body.vertices[body.faces], points[faces], atol=1e-4)
    # Each piece is one of the tetrahedra, whole.
    pieces = body.faces.reshape(count, 4, 3)
    assert all(is_closed(piece) for piece in pieces)
    volumes = [volume(body.vertices, piece) for piece in pieces]
    np.testing.assert_allclose(volumes, volume(points, faces) / count, rtol=1e-3)


def test_bodies_that_share_a_vertex_come_apart():
    points = np.concatenate([CORNERS, -CORNERS[1:]])
    other = np.array([0, 4, 5, 6], np.int32)[TETRA]
    faces = np.concatenate([outwards(points, TETRA), outwards(points, other)])
    body, added = parted(Mesh(points, faces))
    assert added == 1
    assert len(body.vertices) == 8
    assert is_closed(body.faces)


def test_one_body_is_left_as_it_is(synthetic):
    body = synthetic.sphere(steps=16)
    same, added = parted(body)
    assert added == 0
    np.testing.assert_array_equal(same.vertices[same.faces], body.vertices[body.faces])
    assert parted(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)))[1] == 0
    with pytest.raises(ValueError, match="rims"):
        parted(Mesh(body.vertices, body.faces[1:]))
