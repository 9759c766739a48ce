# SPDX-License-Identifier: GPL-3.0-or-later
"""Minimum barrier distances against their plain twin, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.kernels import barriers, barriers_reference


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 7), (2, 2), (5, 3), (24, 31)])
@pytest.mark.parametrize("passes", [0, 1, 2, 5])
def test_scans_agree_with_the_twin(shape, passes):
    random = np.random.default_rng(shape[0] + passes)
    image = random.integers(0, 256, (*shape, 3)).astype(np.float32)  # integers: sums are exact in any order
    seeds = random.random(shape) < 0.1
    found, expected = np.full(shape, 7, np.float32), np.full(shape, 9, np.float32)
    barriers.barrier_distances(image, seeds, passes, found)
    barriers_reference.barrier_distances(image, seeds, passes, expected)
    np.testing.assert_array_equal(found, expected)


def test_on_a_line_the_distance_is_the_range_of_values_up_to_the_pixel():
    line = np.random.default_rng(0).uniform(0, 100, 50).astype(np.float32)
    seeds = np.zeros((1, 50), bool)
    seeds[0, 0] = True
    found = np.zeros((1, 50), np.float32)
    barriers.barrier_distances(line[None, :, None], seeds, 2, found)
    np.testing.assert_allclose(found[0], np.maximum.accumulate(line) - np.minimum.accumulate(line), atol=1e-4)


def test_a_ring_shields_what_it_encloses_even_in_the_colour_of_what_lies_around():
    y, x = np.mgrid[:60, :60]
    radius = np.hypot(x - 30, y - 30)
    image = np.where((radius > 15) & (radius < 19), 90.0, 20.0)[..., None].astype(np.float32)
    rim = (x == 0) | (y == 0) | (x == 59) | (y == 59)
    found = np.zeros((60, 60), np.float32)
    barriers.barrier_distances(image, rim, 8, found)
    assert (found[radius < 19] == 70).all()
    assert (found[radius >= 19] == 0).all()
