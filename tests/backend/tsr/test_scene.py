# SPDX-License-Identifier: GPL-3.0-or-later
"""Points, pictures and surfaces of a field whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tsr_networks import TINY, ball_field, tiny_network
from turnaround.backend.tsr import grid, mesher, renderer
from turnaround.backend.tsr.cores import on_cores
from turnaround.backend.tsr.field import Field, chunk_for, points_that_fit
from turnaround.backend.tsr.folding import AXES
from turnaround.backend.tsr.occupancy import occupied


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
    assert chunk_for(torch.device("cpu"), 40, 64) == 1 << 12


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
    where = occupied(field, 32)
    assert 0.01 < where.cells.float().mean() < 0.5
    origins, directions = (torch.from_numpy(a) for a in renderer.orbit(5, 20, 1.9, 40, 48)[1])
    whole = renderer.render(field, origins, directions, 128)
    assert (renderer.render(field, origins, directions, 128, where) - whole).abs().max() < 2e-3


def test_compiled_loops_draw_what_pytorch_alone_draws():
    field = ball_field()
    origins, directions = (torch.from_numpy(a) for a in renderer.orbit(5, 20, 1.9, 40, 32)[1])
    near, far = renderer._interval(origins, directions, 0.86)
    alive = torch.nonzero(far - near > 0.1)[:, 0]
    for where in (None, occupied(field, 16), occupied(field, 64)):
        drawn = [
            shoot(field, origins, directions, near, far, alive, 64, where)
            for shoot in (renderer._marched, renderer._slabs)
        ]
        # They end opaque rays at different samples: what is left is below a thousandth.
        for a, b in zip(*drawn, strict=True):
            assert (a - b).abs().max() < 1.5e-3


def test_few_samples_are_asked_in_vain():
    """Of rays that hit a hard ball, hardly more are asked than lie between where it begins and where they end."""
    field = ball_field(0.28)
    asked = []

    class Counting(Field):
        def raw(self, points):
            asked.append(len(points))
            return field.raw(points)

    counting = Counting(field.planes, field.decoder, field.radius, field.density_bias)
    where = occupied(counting, 128)
    clear = slice(8, -8)  # of the faces, where the planes fade
    middle = where.cells.numpy()[clear, clear, clear]
    sides = [np.nonzero(middle.any(axis=tuple({0, 1, 2} - {axis})))[0] + 8 for axis in range(3)]
    edge = 0.28 + np.log(100) / 60  # where density falls below what is passed over
    for found in sides:
        assert np.allclose((np.array([found[0], found[-1] + 1]) / 64 - 1) * 0.87, [-edge, edge], atol=3 * 0.87 / 64)
    asked.clear()
    origins, directions = rays((3, 0, 0), *[(-1, y, z) for y in (-0.02, 0, 0.02) for z in (-0.02, 0, 0.02)])
    drawn = renderer.render(counting, origins, directions, 128, where)
    assert (drawn[:, 3] > 0.998).all()
    # exp(60 d) adds up to 128 ln 1000 at d = 0.055: 0.132 of the way from the edge, in steps of 1.74 / 128; more
    # for a cell around, a round's end, and the box's face, where the planes fade and seem full.
    assert 9 * 9 <= sum(asked) <= 9 * (0.132 / (1.74 / 128) + 2 + 4 + 4)


def test_above_is_what_asking_everywhere_says(side=128):
    def wavy(points):
        return distance_to_ellipsoid(points) + 0.02 * np.sin(40 * points).sum(axis=1).astype(np.float32)

    corners = np.stack(np.meshgrid(*[np.arange(side + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    dense = wavy(grid.places(corners, 0.87, side)) > 0
    assert np.array_equal(grid.above(wavy, 0.87, side, 0.0), dense.reshape([side + 1] * 3))


def test_work_is_shared_out_and_threads_are_as_before():
    threads, done = torch.get_num_threads(), []
    on_cores(lambda k: done.append((k, torch.get_num_threads())), [(k,) for k in range(20)], torch.device("cpu"))
    assert sorted(k for k, _ in done) == list(range(20))
    assert {n for _, n in done} == {1}
    assert torch.get_num_threads() == threads
    with pytest.raises(ZeroDivisionError):
        on_cores(lambda k: 1 // k, [(1,), (0,), (1,)], torch.device("cpu"))
    assert torch.get_num_threads() == threads


def test_the_first_layer_laid_into_the_planes_changes_nothing():
    network = tiny_network()
    planes = torch.randn(3, 12, 16, 16, generator=torch.Generator().manual_seed(5))
    folded = Field(planes, network.decoder, TINY.radius, TINY.density_bias, chunk=100)
    plain = Field(planes, torch.nn.Sequential(network.decoder), TINY.radius, TINY.density_bias)
    points = (torch.rand(1000, 3, generator=torch.Generator().manual_seed(6)) - 0.5) * 2
    assert (folded.raw(points) - plain.raw(points)).abs().max() < 1e-5
    by_torch = folded._folded._planes.permute(0, 3, 1, 2)
    where = (points / TINY.radius)[:, AXES].transpose(0, 1).unsqueeze(1)
    sampled = torch.nn.functional.grid_sample(by_torch, where, align_corners=False)[:, :, 0].sum(dim=0).T
    kernel = folded._folded._sampled(points, TINY.radius) - folded._folded._bias
    assert (sampled - kernel).abs().max() < 1e-5


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
    crossed = every[grid._crosses(grid._signs(dense, every, 0.0), 255)]
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


def test_what_reaches_the_box_is_closed_there():
    import trimesh

    field = ball_field(0.28)
    shifted = Field(field.planes, Shifted(field.decoder, 0.75), field.radius, field.density_bias)
    made = mesher.mesh(shifted, 64, level=1.0)
    body = trimesh.Trimesh(made.vertices, made.faces, process=False)
    assert body.is_watertight
    assert made.vertices[:, 0].max() <= 0.87
    whole = 4 / 3 * np.pi * 0.28**3
    assert 0.5 * whole < body.volume < 0.9 * whole


class Shifted(torch.nn.Module):
    """A decoder of places that takes its object further out along x; the planes' own edges are of no matter."""

    def __init__(self, decoder, by):
        super().__init__()
        self.decoder, self.by = decoder, by

    def forward(self, features):
        moved = features.clone()
        moved[:, [0, 2]] -= self.by
        return self.decoder(moved)


def test_a_field_that_is_full_everywhere_has_no_surface():
    with pytest.raises(ValueError, match="wherever"):
        mesher.mesh(Field(torch.zeros(3, 2, 4, 4), Fog(), 0.87, 10.0), 64)


def test_a_field_without_a_surface_says_so():
    network = tiny_network()
    field = Field(torch.zeros(3, 12, 16, 16), network.decoder, TINY.radius, TINY.density_bias)
    with pytest.raises(ValueError, match="one side"):
        mesher.mesh(field, 64)
