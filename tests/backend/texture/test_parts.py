# SPDX-License-Identifier: GPL-3.0-or-later
"""The texture's parts on surfaces and photos whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.backend.mesh.simplify import simplified
from turnaround.backend.mesh.triangles import Mesh, vertex_normals
from turnaround.backend.texture import exposure, fill, photos, relief, shade
from turnaround.backend.texture.photos import beside_steps
from turnaround.backend.texture.texels import attributes_of, texels_of
from turnaround.backend.texture.unwrap import unwrap


@pytest.fixture(scope="module")
def ball(synthetic):
    return synthetic.sphere(steps=64)


def unwrapped(mesh, size=256):
    made = unwrap(mesh, size)
    normals = vertex_normals(mesh.vertices, mesh.faces)[made.source]
    return made, mesh.vertices[made.source], normals


def test_charts_cover_the_surface_once(ball):
    made, vertices, normals = unwrapped(ball)
    assert np.array_equal(made.source[made.faces], ball.faces)
    assert (made.uvs >= 0).all()
    assert (made.uvs <= 1).all()
    assert made.used > 0.5
    texels = texels_of(vertices, normals, made.faces, made.uvs, 256)
    # As many texels as the charts' area: none is claimed twice or left out, but at rims.
    assert len(texels) == pytest.approx(made.used * 256**2, rel=0.02)
    away = np.linalg.norm(texels.points - (0, 0, 1), axis=1)
    assert np.abs(away - 1).max() < 3e-3
    assert ((texels.points - (0, 0, 1)) * texels.normals).sum(axis=1).min() > 0.99


def test_a_mesh_without_faces_is_refused():
    with pytest.raises(ValueError, match="faces"):
        unwrap(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), 64)


def test_exposures_come_back():
    random = np.random.default_rng(3)
    truth = random.uniform(0.7, 1.4, (8, 3))
    truth /= np.exp(np.log(truth).mean(axis=0))
    points = random.uniform(40, 150, (400, 3))
    colours = points / truth[:, None] * random.normal(1, 0.01, (8, 400, 3))
    weights = random.random((8, 400)) * (random.random((8, 400)) < 0.5)
    colours[random.random((8, 400)) < 0.05] = 240  # highlights
    assert np.abs(exposure.gains(colours, weights) / truth - 1).max() < 0.02


def test_a_photo_that_shares_nothing_keeps_its_exposure():
    weights = np.ones((3, 50))
    weights[2] = 0
    factors = exposure.gains(np.stack([np.full((50, 3), v) for v in (50.0, 100.0, 200.0)]), weights)
    assert np.allclose(factors[2], 1)
    assert np.allclose(factors[0] / factors[1], 2, rtol=1e-6)


def test_no_background_bleeds_into_the_blurred_levels():
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[:, :40] = (200, 100, 50)
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :40] = 255
    levels = photos.levels_of(photo, mask)
    assert np.abs(levels[:, :, :40].astype(int) - (200, 100, 50)).max() <= 1
    trust = photos.trust_of(mask)
    assert (trust[:, 40:] == 0).all()
    assert (trust[:, 39] == 0).all()
    assert (trust[:, :30] == 1).all()


def test_unseen_texels_take_their_neighbours_in_space(ball):
    made, vertices, normals = unwrapped(ball)
    texels = texels_of(vertices, normals, made.faces, made.uvs, 256)
    colours = np.where(texels.points[:, :1] > 0, (250, 10, 10), (10, 10, 250)).astype(np.uint8)
    seen = np.abs(texels.points[:, 0]) > 0.2
    filled = fill.complete(texels, np.where(seen[:, None], colours, 0).astype(np.uint8), seen)
    assert np.array_equal(filled[seen], colours[seen])
    far = np.abs(texels.points[:, 0]) > 0.15
    assert np.array_equal(filled[far], colours[far])
    assert (fill.complete(texels, colours, np.zeros(len(texels), bool)) == 128).all()


def test_padding_is_the_nearest_texel():
    picture, covered = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), bool)
    picture[5:10, 5:10], covered[5:10, 5:10] = 50, True
    picture[30:35, 30:35], covered[30:35, 30:35] = 200, True
    spread = fill.spread_outwards(picture, covered)
    assert np.array_equal(spread[covered], picture[covered])
    assert (spread[:12, :12] == 50).all()
    assert (spread[28:, 28:] == 200).all()


def test_the_same_surface_has_no_relief(ball):
    made, vertices, normals = unwrapped(ball)
    texels = texels_of(vertices, normals, made.faces, made.uvs, 128)
    normal = relief.bake(texels, vertices, normals, made.faces, made.uvs, ball).astype(float) / 127.5 - 1
    assert np.degrees(np.arccos(np.clip(normal[:, 2], -1, 1))).mean() < 1.5


def wavy_plane(steps, height):
    x, y = np.meshgrid(*[np.linspace(-1, 1, steps)] * 2, indexing="ij")
    z = height * np.sin(3 * x)
    here = np.arange(steps * steps).reshape(steps, steps)
    a, b, c, d = here[:-1, :-1], here[1:, :-1], here[1:, 1:], here[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3), np.stack([a, c, d], 2).reshape(-1, 3)])
    return Mesh(np.stack([x, y, z], 2).reshape(-1, 3), faces.astype(np.int32))


def test_waves_come_out_in_the_tangent_frame():
    """On a flat plane with u along x and v against y, tangent space is x, y, z itself."""
    flat, dense = wavy_plane(5, 0.0), wavy_plane(200, 0.1)
    uvs = np.stack([(flat.vertices[:, 0] + 1) / 2, (1 - flat.vertices[:, 1]) / 2], axis=1).astype(np.float32)
    normals = np.tile((0.0, 0.0, 1.0), (len(flat.vertices), 1))
    tangent = relief.tangents(flat.vertices, normals, flat.faces, uvs)
    assert np.allclose(tangent, (1, 0, 0, 1), atol=1e-6)
    texels = texels_of(flat.vertices, normals, flat.faces, uvs, 100)
    baked = relief.bake(texels, flat.vertices, normals, flat.faces, uvs, dense) / 127.5 - 1
    slope = 0.3 * np.cos(3 * texels.points[:, 0])
    expected = np.stack([-slope, np.zeros_like(slope), np.ones_like(slope)], 1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    inside = np.abs(texels.points[:, :2]).max(axis=1) < 0.9
    assert np.abs(baked - expected)[inside].max() < 0.02


def test_a_ball_is_unshaded_and_a_corner_is_not(ball):
    normals = vertex_normals(ball.vertices, ball.faces)
    assert shade.occlusion(ball.vertices, normals, ball).min() > 0.97
    box = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    walls = Mesh(
        np.concatenate([box * (4, 4, 0.1), box * (4, 0.1, 4)]),
        np.concatenate([_cube(), _cube() + 8]).astype(np.int32),
    )
    floor = np.array([[2.0, 0.3, 0.1], [2.0, 3.7, 0.1]])
    near, far = shade.occlusion(floor, np.tile((0.0, 0.0, 1.0), (2, 1)), walls)
    # Beside a wall that covers nearly half of the sky, weighted by the cosine, half is left (Nusselt's analogue).
    assert near == pytest.approx(0.53, abs=0.06)
    assert far > 0.8


def _cube():
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def test_interpolated_attributes_are_linear_on_a_chart():
    uvs = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]], np.float32)
    rows, columns, values = attributes_of(uvs, np.array([[0, 1, 2]], np.int32), uvs, 50)
    assert np.allclose(values, (np.stack([columns, rows], 1) + 0.5) / 50, atol=1e-5)


@pytest.mark.parametrize("wanted", [40, 300, 1000])
def test_simplifying_keeps_the_shape(synthetic, wanted):
    import trimesh

    dense = synthetic.superquadric((1.0, 0.7, 0.5), power=1.0, steps=96)
    reduced = simplified(dense, wanted)
    assert len(reduced.faces) <= wanted
    if wanted == 1000:
        body = trimesh.Trimesh(reduced.vertices, reduced.faces, process=False)
        assert body.is_watertight
        assert body.volume == pytest.approx(4 / 3 * np.pi * 0.35, rel=0.02)
        truth = 130 + 100 * np.sin(reduced.vertices * (2.1, 2.7, 3.3) + (0.3, 1.1, 2.3))
        assert np.abs(reduced.colours - truth).mean() < 8
    assert simplified(dense, len(dense.faces)) is dense


def test_too_few_triangles_are_refused(ball):
    with pytest.raises(ValueError, match="at least 4"):
        simplified(ball, 3)


def test_photos_are_doubted_beside_steps_of_depth():
    """A part in front hides another: near its outline little counts on either side, not at the outer rim."""
    depth = np.full((40, 60), np.inf, np.float32)
    depth[5:35, 5:55] = 2.0
    depth[5:35, 20:40] = 1.0
    depth[5:35, 5:20] += np.linspace(0, 0.2, 15, dtype=np.float32)
    said = beside_steps(depth, 0.1, 4.0)
    assert said[20, [19, 20, 39, 40]].max() < 0.03
    assert said[20, [14, 25, 34, 45]].min() == 1.0
    assert 0.4 < said[20, 22] < 0.6
    assert said[20, [5, 6, 54]].min() == 1.0
    assert beside_steps(np.full((4, 4), np.inf, np.float32), 0.1, 2.0).min() == 1.0
