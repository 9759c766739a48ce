# SPDX-License-Identifier: GPL-3.0-or-later
"""Rays through cells: compiled against plain numpy, round after round."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.kernels import rays, rays_reference

RADIUS, SAMPLES = 0.87, 32


def scene(count, seed=0):
    random = np.random.default_rng(seed)
    origins = random.normal(size=(count, 3))
    origins *= 2 / np.linalg.norm(origins, axis=1, keepdims=True)
    directions = random.uniform(-0.4, 0.4, (count, 3)) - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    near, far = np.full(count, 1.2), random.uniform(2.0, 2.8, count)
    cells = random.random((8, 8, 8)) < 0.3
    blocks = cells.reshape(2, 4, 2, 4, 2, 4).any(axis=(1, 3, 5))
    arrays = [a.astype(np.float32) for a in (origins, directions, near, (far - near) / SAMPLES)]
    return arrays, cells, blocks


@pytest.mark.parametrize("count", [0, 1, 2, 50])
@pytest.mark.parametrize("most", [1, 4, SAMPLES])
def test_rounds_as_the_reference(count, most):
    arrays, cells, blocks = scene(count)
    random = np.random.default_rng(1)
    begun, known_begun = np.zeros(count, np.int32), np.zeros(count, np.int32)
    light, known_light = np.ones(count, np.float32), np.ones(count)
    colour, known_colour = np.zeros((count, 3), np.float32), np.zeros((count, 3))
    under_way = np.arange(count, dtype=np.int32)[::-1].copy()
    for _ in range(SAMPLES):
        shape = (len(under_way), most)
        found, known = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
        counts, known_counts = np.zeros(len(under_way), np.int32), np.zeros(len(under_way), np.int32)
        rays.find(*arrays, under_way, begun, SAMPLES, cells, blocks, RADIUS, found, counts)
        rays_reference.find(*arrays, under_way, known_begun, SAMPLES, cells, blocks, RADIUS, known, known_counts)
        assert np.array_equal(found, known)
        assert np.array_equal(counts, known_counts)
        first = np.concatenate([[0], np.cumsum(counts)])
        points, known_points = np.zeros((first[-1], 3), np.float32), np.zeros((first[-1], 3))
        rays.place(*arrays, under_way, found, first, points)
        rays_reference.place(*arrays, under_way, found, first, known_points)
        assert np.allclose(points, known_points, atol=1e-5)
        raw = random.normal(size=(first[-1], 4)).astype(np.float32)
        rays.absorb(raw, 0.5, SAMPLES, under_way, first, light, colour)
        rays_reference.absorb(raw, 0.5, SAMPLES, under_way, first, known_light, known_colour)
        assert np.allclose(light, known_light, atol=1e-5)
        assert np.allclose(colour, known_colour, atol=1e-5)
        under_way = under_way[begun[under_way] < SAMPLES]
    assert not len(under_way)
    assert (begun == SAMPLES).all()


def test_every_sample_in_a_cell_is_found_once():
    arrays, cells, blocks = scene(20, seed=3)
    under_way, begun, total = np.arange(20, dtype=np.int32), np.zeros(20, np.int32), np.zeros(20, int)
    for _ in range(SAMPLES):
        found, counts = np.zeros((20, 3), np.int16), np.zeros(20, np.int32)
        rays.find(*arrays, under_way, begun, SAMPLES, cells, blocks, RADIUS, found, counts)
        total += counts
    origins, directions, near, step = arrays
    depth = near[:, None] + step[:, None] * (np.arange(SAMPLES) + 0.5)
    points = origins[:, None] + depth[..., None] * directions[:, None]
    index = ((points / RADIUS + 1) * 4).astype(int).clip(0, 7)
    assert np.array_equal(total, cells[tuple(np.moveaxis(index, -1, 0))].sum(axis=1))


def test_an_opaque_sample_takes_all_light_and_its_colour():
    light, colour = np.ones(1, np.float32), np.zeros((1, 3), np.float32)
    raw = np.array([[50.0, 100, 0, -100], [50, -100, 100, 100]], np.float32)
    rays.absorb(raw, 0.0, 128, np.zeros(1, np.int32), np.array([0, 2]), light, colour)
    assert light[0] == 0
    assert np.allclose(colour[0], [1, 0.5, 0], atol=1e-6)
