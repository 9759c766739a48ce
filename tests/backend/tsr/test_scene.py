# SPDX-License-Identifier: GPL-3.0-or-later
"""Points, pictures and surfaces of a field whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tsr_networks import TINY, ball_field, tiny_network
from turnaround.backend.tsr import grid, mesher, renderer
from turnaround.backend.tsr.field import Field, points_that_fit


def rays(origin, *directions):
    towards = torch.tensor(directions, dtype=torch.float32)
    towards = towards / towards.norm(dim=1, keepdim=True)
    return torch.tensor([origin], dtype=torch.float32).expand(len(towards), -1).contiguous(), towards


def test_a_point_reads_its_own_place():
    field = ball_field()
    points = (torch.rand(500, 3, generator=torch.Generator().manual_seed(2)) - 0.5) * 1.6
    expected = torch.exp(60 * (0.28 - points.norm(dim=1)))
    assert torch.allclose(field.density(points), expected, rtol=1e-3)
    assert torch.allclose(field.colour(points), torch.sigmoid(8 * points), atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2, 6, 7, 8, 100])
def test_chunks_change_nothing(count):
    whole = ball_field()
    parts = Field(whole.planes, whole.decoder, whole.radius, whole.density_bias, chunk=7)
    points = torch.rand(count, 3)
    assert torch.equal(parts.raw(points), whole.raw(points))


def test_points_asked_at_once_follow_the_memory():
    assert points_that_fit(0, 40, 64) == 1 << 12
    assert points_that_fit(10**12, 40, 64) == 1 << 20
    assert points_that_fit(100 << 20, 40, 64) * 4 * 384 <= 100 << 20


class Fog(torch.nn.Module):
    """The same density and colour everywhere."""

    def forward(self, features):
        return torch.tensor([np.log(2.0), 0, 0, 0], dtype=torch.float32).expand(len(features), 4)


def test_fog_absorbs_as_its_formula_says():
    field = Field(torch.zeros(3, 2, 4, 4), Fog(), 0.87, 0.0)
    seen = renderer.render(field, *rays((3, 0, 0), (-1, 0, 0), (-1, 0.1, 0.05)), samples=32)
    # The unit interval of every ray, whatever its length: transmittance exp(-2).
    assert torch.allclose(seen[:, 3], torch.tensor(1 - np.exp(-2.0)).float(), atol=1e-5)
    assert torch.allclose(seen[:, :3], torch.tensor(0.5 * (1 + np.exp(-2.0))).float(), atol=1e-5)


def test_rays_that_miss_the_box_are_white():
    seen = renderer.render(ball_field(), *rays((3, 0, 0), (1, 0, 0), (0, 1, 0), (-1, 2, 0), (-1, 0, 0)), samples=32)
    assert torch.equal(seen[:3], torch.tensor([[1.0, 1, 1, 0]]).expand(3, -1))
    assert seen[3, 3] > 0.99


def test_no_ray_at_all():
    assert renderer.render(ball_field(), torch.zeros(0, 3), torch.zeros(0, 3), samples=32).shape == (0, 4)


def test_skipping_empty_space_changes_nothing_that_can_be_seen():
    field = ball_field()
    where = renderer.occupied(field, 32)
    assert 0.01 < where.cells.float().mean() < 0.5
    origins, directions = (torch.from_numpy(a) for a in renderer.orbit(5, 20, 1.9, 40, 48)[1])
    whole = renderer.render(field, origins, directions, 128)
    assert (renderer.render(field, origins, directions, 128, where) - whole).abs().max() < 2e-3


def test_the_orbit_looks_at_the_middle_with_z_up():
    views = renderer.orbit(4, 10, 1.9, 40, 21)
    for k, (origins, directions) in enumerate(views):
        centre, forward = origins[0], directions.reshape(21, 21, 3)[10, 10]
        assert np.allclose(centre + 1.9 * forward, 0, atol=1e-5)
        assert np.degrees(np.arctan2(centre[1], centre[0])) % 360 == pytest.approx(90 * k, abs=1e-3)
        assert directions.reshape(21, 21, 3)[0, 10, 2] > directions.reshape(21, 21, 3)[20, 10, 2]
    # From +x, what lies at +y is on the right.
    assert views[0][1].reshape(21, 21, 3)[10, 20, 1] > 0


def distance_to_ellipsoid(points):
    return (0.5 - np.linalg.norm(points * [1, 1.3, 2], axis=1)).astype(np.float32)


def test_coarse_to_fine_finds_what_asking_everywhere_finds(side=128):
    def wavy(points):
        return distance_to_ellipsoid(points) + 0.02 * np.sin(40 * points).sum(axis=1).astype(np.float32)

    fine = grid.near_level(wavy, 0.87, side, 0.0)
    corners = np.stack(np.meshgrid(*[np.arange(side + 1)] * 3, indexing="ij"), axis=-1)
    dense = wavy(grid.places(corners.reshape(-1, 3), 0.87, side)).reshape(fine.values.shape)
    assert np.array_equal(fine.values[fine.known], dense[fine.known])
    every = corners[:-1, :-1, :-1].reshape(-1, 3)
    crossed = every[grid._crossed(dense, every, 0.0)]
    assert {*map(tuple, fine.cells)} == {*map(tuple, crossed)}
    assert fine.asked < dense.size / (side / 64)


@pytest.mark.parametrize("side", [0, 65, 96, 192])
def test_a_side_that_cannot_be_halved_is_refused(side):
    with pytest.raises(ValueError, match="power of two"):
        grid.near_level(distance_to_ellipsoid, 0.87, side, 0.0)


def test_a_ball_is_meshed_as_a_ball():
    import trimesh

    made = mesher.mesh(ball_field(0.28), 128, level=1.0)
    body = trimesh.Trimesh(made.vertices, made.faces, process=False)
    assert body.is_watertight
    assert np.abs(np.linalg.norm(made.vertices, axis=1) - 0.28).max() < 1e-3
    assert body.volume == pytest.approx(4 / 3 * np.pi * 0.28**3, rel=2e-3)  # and so its faces look outwards
    assert np.abs(made.colours - 1 / (1 + np.exp(-8 * made.vertices))).max() < 1e-4


def test_a_field_without_a_surface_says_so():
    network = tiny_network()
    field = Field(torch.zeros(3, 12, 16, 16), network.decoder, TINY.radius, TINY.density_bias)
    with pytest.raises(ValueError, match="one side"):
        mesher.mesh(field, 64)
