# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left out of a tile is out of the ellipse, and little else is kept."""

import numpy as np
import pytest
from turnaround.kernels.splatting import ALPHA_LEAST, TILE_HEIGHT, TILE_WIDTH
from turnaround.kernels.splatting.blending import reached


@pytest.mark.parametrize("seed", range(4))
def test_the_rows_kept_hold_all_that_counts_and_little_else(seed):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:TILE_HEIGHT, 0:TILE_WIDTH].astype(float)
    kept = needed = 0
    for _ in range(400):
        turn, (long, short) = random.uniform(0, np.pi), np.exp(random.uniform([0.5, -0.5], [3.5, 1.5]))
        axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        covariance = axes @ np.diag([long**2, short**2]) @ axes.T + 0.3 * np.eye(2)
        conic = np.linalg.inv(covariance)
        a, b, c = conic[0, 0], conic[0, 1], conic[1, 1]
        opacity = random.uniform(0.005, 1)
        reach = 2 * np.log(opacity / ALPHA_LEAST)
        u, v = random.uniform(-20, 28), random.uniform(-20, 52)
        extents = np.sqrt(reach * np.diag(covariance))
        start, stop = reached(*np.float32([u, v, a, b, c, *extents]))
        dx, dy = x - u, y - v
        counts = (a * dx * dx + 2 * b * dx * dy + c * dy * dy <= reach * 0.9999).ravel()
        inside = np.flatnonzero(counts)
        assert start % 16 == stop % 16 == 0
        assert 0 <= start <= stop
        if len(inside):
            assert start <= inside[0]
            assert inside[-1] < stop <= TILE_WIDTH * TILE_HEIGHT
            rows = inside[-1] // TILE_WIDTH - inside[0] // TILE_WIDTH + 1
            needed += rows * TILE_WIDTH
            kept += stop - start
    # Whole pairs of rows: on average one row more than needed.
    assert kept < needed * 1.25
