# SPDX-License-Identifier: GPL-3.0-or-later
"""The flat cap on the side that no camera saw."""

import numpy as np
import pytest
from turnaround.backend.mesh import hull
from turnaround.backend.mesh.capping import inside_plane, put_inside, unseen_cap
from turnaround.backend.mesh.triangles import Mesh


def tapered(synthetic, depth):
    """A ball whose part below z = -0.5, in no picture, is drawn out into a spike."""
    ball = synthetic.sphere(centre=(0, 0, 0))
    low = np.minimum(ball.vertices[:, 2] + 0.5, 0.0)
    spike = ball.vertices + low[:, None] * (0, 0, depth)
    return Mesh(spike, ball.faces), ball.vertices[:, 2] >= -0.5


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_it_ends_where_the_last_was_seen(synthetic, axis):
    mesh, seen = tapered(synthetic, 2.0)
    mesh.vertices = np.roll(mesh.vertices, axis, axis=1)
    plane = unseen_cap(mesh, seen, 0.05)
    np.testing.assert_allclose(plane[:3], -np.roll((0, 0, 1.0), axis), atol=0.02)
    assert plane[3] == pytest.approx(0.5, abs=0.03)
    inside = inside_plane(mesh.vertices, plane)
    assert (inside[seen] > -0.03).all()
    assert inside.min() < -1


def test_what_is_flat_already_or_seen_all_around_is_left_alone(synthetic):
    mesh, seen = tapered(synthetic, 2.0)
    assert unseen_cap(mesh, np.ones(len(seen), bool), 0.05) is None
    assert unseen_cap(mesh, np.zeros(len(seen), bool), 0.05) is None
    flat, seen = tapered(synthetic, -1.0)
    assert unseen_cap(flat, seen, 0.05) is None


def test_a_belt_that_goes_around_has_no_cap(synthetic):
    mesh, _ = tapered(synthetic, 0.0)
    assert unseen_cap(mesh, np.abs(mesh.vertices[:, 2]) > 0.4, 0.05) is None


def test_the_field_is_closed_at_the_plane():
    grid = hull.Grid.over(np.array([[-1.0, -1, -1], [1, 1, 1]]), 0.1)
    field = np.ones(grid.shape, np.float32)
    plane = np.array([0.6, 0.0, -0.8, 0.25])
    hull.cut_beyond(field, grid, plane[None])
    points = grid.origin + grid.step * np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    np.testing.assert_allclose(field, np.minimum(inside_plane(points, plane), 1.0), atol=1e-5)


def test_what_lies_beyond_is_put_back_onto_the_planes():
    planes = np.array([[0.0, 0, -1, 0.2], [0.6, 0.8, 0, 1.0]])
    points = np.random.default_rng(0).uniform(-3, 3, (300, 3))
    moved = put_inside(points, planes)
    depths = np.stack([inside_plane(points, p) for p in planes])
    after = np.stack([inside_plane(moved, p) for p in planes])
    np.testing.assert_allclose(after, np.maximum(depths, 0), atol=1e-5)
    np.testing.assert_array_equal(moved[(depths >= 0).all(axis=0)], points[(depths >= 0).all(axis=0)])
    np.testing.assert_array_equal(put_inside(points, np.zeros((0, 4))), points)
