# SPDX-License-Identifier: GPL-3.0-or-later
"""Closedness, islands, cavities, and a reduction that keeps a mesh closed."""

import numpy as np
import pytest
from turnaround.backend.mesh.cleaning import folded_share, is_closed, parts_of, sewn, without_islands
from turnaround.backend.mesh.simplify import simplified
from turnaround.backend.mesh.triangles import Mesh, volume
from turnaround.backend.mesh.untangling import crossed_faces


def joined(*meshes):
    shifts = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    faces = np.concatenate([m.faces + s for m, s in zip(meshes, shifts[:-1], strict=True)])
    return Mesh(np.concatenate([m.vertices for m in meshes]), faces.astype(np.int32))


def test_closed_is_every_edge_twice_and_both_ways(synthetic):
    ball = synthetic.sphere(steps=24)
    assert is_closed(ball.faces)
    assert not is_closed(ball.faces[1:])
    assert not is_closed(np.concatenate([ball.faces, ball.faces[:1]]))
    turned = ball.faces.copy()
    turned[0] = turned[0, ::-1]
    assert not is_closed(turned)
    assert not is_closed(np.zeros((0, 3), np.int32))


def test_islands_and_cavities_go(synthetic):
    large, small = synthetic.sphere(1.0, steps=24), synthetic.sphere(0.1, (3, 0, 0), steps=24)
    cavity = synthetic.sphere(0.4, steps=24)
    cavity.faces = np.ascontiguousarray(cavity.faces[:, ::-1])
    second = synthetic.sphere(0.8, (0, 4, 0), steps=24)
    mesh = joined(large, small, cavity, second)
    assert parts_of(mesh.faces).max() == 3
    kept, gone = without_islands(mesh, 0.05)
    assert gone == 2
    assert is_closed(kept.faces)
    assert volume(kept.vertices, kept.faces) == pytest.approx(
        volume(large.vertices, large.faces) + volume(second.vertices, second.faces)
    )
    nothing, gone = without_islands(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), 0.1)
    assert len(nothing.faces) == gone == 0


@pytest.mark.parametrize("triangles", [60, 500, 3000])
def test_a_reduced_mesh_stays_closed(synthetic, triangles):
    torus = synthetic.torus()
    reduced = simplified(torus, triangles)
    assert len(reduced.faces) <= triangles
    assert is_closed(reduced.faces)
    assert len(reduced.colours) == len(reduced.vertices)
    assert folded_share(reduced) == 0
    if triangles >= 500:
        assert volume(reduced.vertices, reduced.faces) == pytest.approx(volume(torus.vertices, torus.faces), rel=0.02)


def sponge(side):
    """A body full of tunnels and thin walls: what is above the mean of smooth noise."""
    from scipy import ndimage
    from skimage import measure

    noise = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal((side,) * 3), 1.6)
    noise[[0, -1]] = noise[:, [0, -1]] = noise[:, :, [0, -1]] = -1.0
    vertices, faces, _, _ = measure.marching_cubes(noise, 0.0, gradient_direction="ascent")
    return sewn(Mesh(vertices.astype(np.float64), faces.astype(np.int32)))


@pytest.mark.parametrize("share", [3, 10, 30])
def test_what_is_full_of_tunnels_stays_closed_however_far_it_is_reduced(share):
    body = sponge(40)
    assert is_closed(body.faces)
    wanted = len(body.faces) // share
    reduced = simplified(body, wanted)
    assert 0.9 * wanted < len(reduced.faces) <= wanted
    assert is_closed(reduced.faces)
    assert crossed_faces(reduced).mean() < 0.02
    assert volume(reduced.vertices, reduced.faces) == pytest.approx(volume(body.vertices, body.faces), rel=share / 100)


def test_two_bodies_on_one_edge_come_apart():
    cube = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))], np.int32)
    assert is_closed(faces)
    both = joined(Mesh(cube, faces), Mesh(cube + np.array([1.0, 1.0, 0.0]), faces))
    points, same = np.unique(both.vertices, axis=0, return_inverse=True)
    touching = Mesh(points, same.ravel()[both.faces].astype(np.int32))
    assert not is_closed(touching.faces)
    apart = sewn(touching)
    assert is_closed(apart.faces)
    assert len(apart.vertices) == 16
    assert parts_of(apart.faces).max() == 1
    assert volume(apart.vertices, apart.faces) == pytest.approx(2.0)
