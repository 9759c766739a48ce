# SPDX-License-Identifier: GPL-3.0-or-later
"""The same numbers as the published inference, on its tiny random network."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from tsr_networks import TINY
from turnaround.backend.tsr import grid, renderer
from turnaround.backend.tsr.checkpoint import load
from turnaround.backend.tsr.config import RELEASED
from turnaround.backend.tsr.field import Field
from turnaround.backend.tsr.model import TripoSR
from turnaround.backend.tsr.occupancy import occupied

pytestmark = pytest.mark.data
CLOSE = 1e-5


@pytest.fixture(scope="module")
def reference(data):
    folder = data / "tsr"
    if not folder.is_dir():
        pytest.skip("no tsr in the data folder")
    return folder


@pytest.fixture(scope="module")
def expected(reference):
    return np.load(reference / "tiny" / "expected.npz")


@pytest.fixture(scope="module")
def model(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tsr")
    (folder / "model.ckpt").symlink_to((reference / "tiny" / "model.ckpt").resolve())
    (folder / "model.json").write_text(json.dumps(asdict(TINY)))
    return load(folder / "model.ckpt")


@pytest.fixture(scope="module")
def field(model, expected):
    codes = torch.from_numpy(expected["scene_codes"])
    return Field(codes[0], model.decoder, model.config.radius, model.config.density_bias)


def test_the_full_network_has_the_checkpoints_names_and_shapes(reference):
    with torch.device("meta"):
        model = TripoSR(RELEASED)
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes == json.loads((reference / "full" / "state_dict_shapes.json").read_text())


def test_tokens_and_scene_codes(model, expected):
    picture = torch.from_numpy(expected["image"])[None]
    prepared = model.prepare(picture)
    assert np.abs(prepared.numpy() - expected["preprocessed"]).max() < CLOSE
    tokens = model.image_tokenizer(prepared).transpose(1, 2)[:, None]
    assert np.abs(tokens.numpy() - expected["image_tokens"]).max() < CLOSE
    assert np.abs(model.scene_codes(picture).numpy() - expected["scene_codes"]).max() < CLOSE


def test_density_and_colour(field, expected):
    points = torch.from_numpy(expected["points"])
    density, colour = field.density_and_colour(points)
    assert np.abs(field.raw(points)[:, :1].numpy() - expected["density"]).max() < CLOSE
    assert np.abs(density[:, None].numpy() - expected["density_act"]).max() < CLOSE
    assert np.abs(colour.numpy() - expected["color"]).max() < CLOSE


def test_density_on_a_grid(field, expected):
    lattice = grid.everywhere(lambda p: field.density(torch.from_numpy(p)).numpy(), field.radius, 23, 0.4)
    assert np.abs(lattice.values - expected["grid_density"]).max() < CLOSE


def published_rays_of_three_views():
    """The rays of the reference's three views.

    Its cameras call ``torch.cross`` without a dimension, which for exactly three views runs over the views instead of
    over x, y, z: right and up both lie along z and the pictures are streaks. They test the renderer all the same.
    """
    side, focal = 24, 12 / np.tan(np.radians(20))
    x, y = np.meshgrid((np.arange(side) - 11.5) / focal, (11.5 - np.arange(side)) / focal)
    for k, (right, up) in enumerate([(1, -1), (0, 1), (-1, -1)]):
        azimuth, elevation = 2 * np.pi * k / 3, np.radians(10)
        out = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
        rays = (x * right + y * up)[..., None] * np.array([0, 0, 1.0]) - out
        rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3)
        yield torch.from_numpy(np.tile(1.9 * out, (side * side, 1)).astype(np.float32)), torch.from_numpy(rays).float()


@pytest.mark.parametrize("skipping", [False, True])
def test_rendered_views(field, expected, skipping):
    where = occupied(field, 16) if skipping else None
    for rays, view in zip(published_rays_of_three_views(), expected["views"], strict=True):
        drawn = renderer.render(field, *rays, 32, where)[:, :3].reshape(24, 24, 3)
        assert np.abs(drawn.numpy() - view).max() < CLOSE
