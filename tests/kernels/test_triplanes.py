# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of three planes: compiled against plain numpy, and at places whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.kernels import triplanes, triplanes_reference


@pytest.mark.parametrize("count", [0, 1, 2, 37])
@pytest.mark.parametrize("width", [1, 12, 64])
def test_as_the_reference(count, width):
    random = np.random.default_rng(count)
    planes = random.normal(size=(3, 8, 8, width)).astype(np.float32)
    points = random.uniform(-1.1, 1.1, (count, 3)).astype(np.float32)  # some beyond the planes
    bias = random.normal(size=width).astype(np.float32)
    out, known = np.full((count, width), np.nan, np.float32), np.zeros((count, width))
    triplanes.sample(planes, points, 1 / 0.87, bias, out)
    triplanes_reference.sample(planes, points, 1 / 0.87, bias, known)
    assert np.allclose(out, known, atol=2e-5)


def test_texels_are_read_at_their_centres_and_nothing_beyond():
    planes = np.zeros((3, 4, 4, 1), np.float32)
    planes[0, 1, 2], planes[1, 3, 2], planes[2, 3, 1] = 1, 10, 100
    out = np.zeros((2, 1), np.float32)
    centre = [0.25, -0.25, 0.75]  # column 2, row 1 of (x, y); column 2, row 3 of (x, z); column 1, row 3 of (y, z)
    triplanes.sample(planes, np.array([centre, [2.0, 2.0, 2.0]], np.float32), 1.0, np.ones(1, np.float32), out)
    assert np.allclose(out[:, 0], [112, 1])
