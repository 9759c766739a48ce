# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures framed, fields turned and joined, azimuths found, the box placed: where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from tsr_networks import place_planes, tiny_network
from turnaround.backend.geometry import apply
from turnaround.backend.mesh.rendering import looking_at
from turnaround.backend.tsr import joining, placing, turning
from turnaround.backend.tsr.field import Field
from turnaround.backend.tsr.framing import Square, framed

BOX = 0.87


class Lumps(nn.Module):
    """A red lump towards +x and a smaller blue one towards +y, on planes that hold places."""

    def __init__(self, turn: float) -> None:
        super().__init__()
        self.turn = turn

    def forward(self, features):
        points = torch.stack([features[:, 0], features[:, 1], features[:, 3]], dim=1)
        own = joining.turned(points, -self.turn)
        red = 0.25 - (own - torch.tensor([0.2, 0.0, 0.0])).norm(dim=1)
        blue = 0.15 - (own - torch.tensor([0.0, 0.3, 0.1])).norm(dim=1)
        density = 60 * torch.maximum(red, blue) + 3
        colour = torch.where((red > blue)[:, None], torch.tensor([6.0, -6, -6]), torch.tensor([-6.0, -6, 6]))
        return torch.cat([density[:, None], colour], dim=1)


def lumps(turn: float = 0.0) -> Field:
    """The lumps turned about z by ``turn`` degrees: what a picture from azimuth -turn would make of them."""
    return Field(place_planes(64, BOX), Lumps(turn), BOX, 0.0)


def points(count: int = 400) -> torch.Tensor:
    return (torch.rand(count, 3, generator=torch.Generator().manual_seed(3)) - 0.5) * 1.2


class Swapped(nn.Module):
    """A decoder whose second and third planes' features change places."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, features):
        xy, xz, yz = features.chunk(3, dim=1)
        return self.decoder(torch.cat([xy, yz, xz], dim=1))


def test_a_quarter_turn_permutes_the_planes_exactly():
    """f'(x, y, z) = f(y, -x, z): the plane (x, y) turns in itself, (x, z) and (y, z) change places, one mirrored."""
    network = tiny_network()
    planes = torch.randn(3, 12, 16, 16, generator=torch.Generator().manual_seed(1))
    field = Field(planes, network.decoder, BOX, -1.0)
    turned = torch.stack([planes[0].transpose(1, 2).flip(2), planes[2].flip(2), planes[1]])
    again = Field(turned, Swapped(network.decoder), BOX, -1.0)
    where = points()
    assert torch.allclose(field.raw(joining.turned(where, -90.0)), again.raw(where), atol=1e-5)


@pytest.mark.parametrize("degrees", [0.0, 90.0, 180.0, 270.0, -90.0])
def test_quarter_turns_are_exact_and_come_back(degrees):
    where = points()
    assert torch.equal(joining.turned(joining.turned(where, degrees), -degrees), where)


def test_fields_that_agree_are_joined_to_themselves():
    fields, azimuths = [lumps(0.0), lumps(-90.0), lumps(-200.0)], [0.0, 90.0, 200.0]
    joined, where = joining.join(fields, azimuths), points()
    assert torch.allclose(joined.raw(where), lumps().raw(where), atol=1e-3)
    assert torch.allclose(joined.colour(where), lumps().colour(where), atol=1e-3)


def test_one_field_is_itself_and_none_is_refused():
    field = lumps()
    assert joining.join([field], [0.0]) is field
    with pytest.raises(ValueError, match="azimuths"):
        joining.join([], [])


def test_each_picture_counts_most_on_its_own_side():
    """Two balls that differ in colour only: the joined one is red towards the first camera, blue towards the other."""

    class Ball(nn.Module):
        def __init__(self, colour) -> None:
            super().__init__()
            self.colour = torch.tensor(colour)

        def forward(self, features):
            far = torch.stack([features[:, 0], features[:, 1], features[:, 3]], dim=1).norm(dim=1)
            return torch.cat([(60 * (0.3 - far) + 5)[:, None], self.colour.expand(len(far), 3)], dim=1)

    red, blue = (Field(place_planes(64, BOX), Ball(c), BOX, 0.0) for c in ([4.0, -4, -4], [-4.0, -4, 4]))
    joined = joining.join([red, blue], [0.0, 180.0])
    colours = joined.colour(torch.tensor([[0.3, 0, 0], [-0.3, 0, 0]]))
    assert colours[0, 0] > 0.9
    assert colours[0, 2] < 0.1
    assert colours[1, 2] > 0.9
    assert colours[1, 0] < 0.1


class HalfSeen(nn.Module):
    """A long body whose side away from its picture's camera, -x, is guessed a third too thin."""

    def __init__(self, turn: float) -> None:
        super().__init__()
        self.turn = turn

    def forward(self, features):
        seen_from = torch.stack([features[:, 0], features[:, 1], features[:, 3]], dim=1)
        own = joining.turned(seen_from, self.turn)  # the body's own frame
        q = (own / torch.tensor([0.5, 0.22, 0.3])).norm(dim=1)
        q = torch.where(seen_from[:, 0] < 0, 1.5 * q, q)
        return torch.cat([(15 * (1 - q) + 3.2)[:, None], own], dim=1)


def test_weighing_by_what_was_seen_beats_one_picture_and_the_average():
    """Intersection over union with the true body of what three pictures, 120 degrees apart, make of it."""
    azimuths = [0.0, 120.0, 240.0]
    fields = [Field(place_planes(64, BOX), HalfSeen(a), BOX, 0.0) for a in azimuths]
    where = (torch.rand(40_000, 3, generator=torch.Generator().manual_seed(4)) - 0.5) * 1.2
    truth = (where / torch.tensor([0.5, 0.22, 0.3])).norm(dim=1) < 1

    def overlap(raw):
        solid = raw[:, 0] > 3.2
        return float((solid & truth).sum() / (solid | truth).sum())

    first = overlap(fields[0].raw(where))
    # Averaging codes is averaging the outputs, unturned, as far as a decoder is linear.
    average = overlap(torch.stack([f.raw(where) for f in fields]).mean(dim=0))
    visible = overlap(joining.join(fields, azimuths).raw(where))
    assert visible > 0.73  # 0.75; one picture 0.65, the average 0.42
    assert visible > first + 0.08
    assert visible > average + 0.25


def test_the_average_is_plain():
    codes = torch.randn(3, 3, 4, 8, 8)
    assert torch.allclose(joining.averaged(codes), (codes[0] + codes[1] + codes[2]) / 3, atol=1e-6)


@pytest.mark.parametrize("truth", [90.0, 222.5])
def test_an_azimuth_is_found(truth):
    first, other = lumps(), lumps(-truth)
    found, left = turning.azimuth_of(first, turning.seen_from(first, 0.0), other, turning.seen_from(first, truth))
    assert abs((found - truth + 180) % 360 - 180) <= 5.0
    assert left < 1e-3


def test_a_cutout_is_framed_as_the_network_was_trained():
    rgba = np.zeros((100, 200, 4), np.uint8)
    rgba[20:60, 150:190] = (255, 0, 0, 255)
    picture, square = framed(rgba)
    assert square == Square(150 - 3, 20 - 3, 47)
    assert picture.shape == (47, 47, 3)
    assert np.allclose(picture[:3], 0.5)
    assert np.array_equal(picture[23, 23], [1, 0, 0])
    assert (picture == [1, 0, 0]).all(axis=2).sum() == 1600
    with pytest.raises(ValueError, match="empty"):
        framed(np.zeros((10, 10, 4), np.uint8))


def test_the_box_is_placed_as_its_own_camera_sees_it():
    """A camera like the network's, scaled: every point of the model falls where the network's own camera has it."""
    camera = looking_at(np.array([0.1, 0.2, 0.4]), -90.0, 0.0, 3.0, 200, turning.FIELD_OF_VIEW)
    similarity = placing.world_from_model(camera, np.array([0.1, 0.2, 0.4]), Square(0, 0, 200))
    own = looking_at(np.zeros(3), 0.0, 0.0, turning.DISTANCE, 200, turning.FIELD_OF_VIEW)
    model = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3))
    assert np.allclose(camera.project(apply(similarity, model))[0], own.project(model)[0], atol=1e-6)


def test_the_silhouettes_box_is_filled():
    camera = looking_at(np.array([0.1, 0.2, 0.4]), -90.0, 10.0, 3.0, 200, 25.0)
    model = np.random.default_rng(1).uniform(-0.4, 0.4, (500, 3)) * [1, 0.6, 0.8]
    start = placing.world_from_model(camera, np.array([0.1, 0.2, 0.4]), Square(20, 30, 150))
    known = start.copy()
    known[:3, :3] *= 1.3
    known[:3, 3] += [0.05, 0.0, -0.1]
    pixels = camera.project(apply(known, model))[0]
    found = placing.fitted(start, model, camera, np.stack([pixels.min(axis=0), pixels.max(axis=0)]))
    seen = camera.project(apply(found, model))[0]
    assert np.abs(seen.min(axis=0) - pixels.min(axis=0)).max() < 1.0
    assert np.abs(seen.max(axis=0) - pixels.max(axis=0)).max() < 1.0
