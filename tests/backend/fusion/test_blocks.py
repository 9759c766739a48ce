# SPDX-License-Identifier: GPL-3.0-or-later
"""The sparse field: its surface is closed over bricks, where it should be, and memory grows with the area."""

import numpy as np
import pytest
from turnaround.backend.fusion.blocks import BLOCK, INSIDE, OUTSIDE, Blocks
from turnaround.backend.mesh.cleaning import is_closed
from turnaround.backend.mesh.triangles import volume


def ball(side, radius):
    """Blocks around a ball's surface on a grid of ``side`` blocks of unit voxels."""
    origin = np.full(3, -(side * BLOCK - 1) / 2)
    places = np.stack(np.meshgrid(*(np.arange(side),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    centre = radius - np.linalg.norm(origin + places * BLOCK + (BLOCK - 1) / 2, axis=1)
    stored = np.abs(centre) < BLOCK
    index = np.where(centre > 0, INSIDE, OUTSIDE).astype(np.int32)
    index[stored] = np.arange(stored.sum())
    kept = places[stored].astype(np.int32)
    blocks = Blocks(origin, 1.0, index.reshape(side, side, side), kept, np.zeros((len(kept), BLOCK, BLOCK, BLOCK)))
    blocks.values = (radius - np.linalg.norm(blocks.points(), axis=1)).astype(np.float32).reshape(blocks.values.shape)
    return blocks


@pytest.mark.parametrize("smoothing", [0.0, 0.9])
def test_a_ball_over_several_bricks_is_closed_and_round(smoothing):
    mesh = ball(18, 60.0).mesh(smoothing, 4.0)
    assert is_closed(mesh.faces)
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 60).max() < 0.08
    assert volume(mesh.vertices, mesh.faces) == pytest.approx(4 / 3 * np.pi * 60**3, rel=2e-3)


def test_memory_grows_with_the_surface():
    small, large = ball(10, 32.0), ball(20, 64.0)
    assert 3 < large.values.nbytes / small.values.nbytes < 5


def test_a_surface_that_leaves_the_grid_is_closed_at_its_border():
    assert is_closed(ball(6, 30.0).mesh(0.0, 4.0).faces)


def test_values_are_found_again():
    blocks = ball(8, 20.0)
    points = np.array([[20.0, 0.2, 0.1], [0.0, 0.0, 0.0], [31.0, 31.0, 31.0]])
    found = blocks.sampled(blocks.values, points)
    assert abs(found[0]) < 1
    assert found[2] == 0
