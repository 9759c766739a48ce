# SPDX-License-Identifier: GPL-3.0-or-later
"""Depths of a splat file from the job's cameras: where a ball of splats is, at any size of the pictures."""

import numpy as np
import pytest
from turnaround.backend.records import Camera
from turnaround.backend.splat_files import load, save
from turnaround.backend.training.starts import start_from_points

pytest.importorskip("torch", reason="the training package needs torch")

from turnaround.backend.training.depths import depths_seen


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    """Opaque splats on a sphere of radius 0.5 around the origin, from a file."""
    points = np.random.default_rng(0).normal(0, 1, (4000, 3))
    points *= 0.5 / np.linalg.norm(points, axis=1, keepdims=True)
    path = tmp_path_factory.mktemp("ball") / "splats.ply"
    save(path, start_from_points(points, np.full((4000, 3), 0.5), 0.95), up="z")
    return load(path, up="z")


@pytest.mark.parametrize("side", [None, 40, 1000])
def test_the_median_depth_is_the_spheres(ball, side):
    camera = Camera(
        name="0", image="", width=80, height=60, K=np.array([[90.0, 0, 40], [0, 90.0, 30], [0, 0, 1]]),
        cam_from_world=np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]]),
    )  # fmt: skip
    ((used, seen),) = depths_seen(ball, [camera], side)
    assert (used.width, used.height) == ((40, 30) if side == 40 else (80, 60))
    assert seen.median.shape == seen.alpha.shape == (used.height, used.width)
    y, x = np.mgrid[0 : used.height, 0 : used.width] + 0.5
    rays = np.stack([(x - used.K[0, 2]) / used.K[0, 0], (y - used.K[1, 2]) / used.K[1, 1], np.ones_like(x)], 2)
    square = (rays**2).sum(2)
    inside = 4 - square * (4 - 0.25)
    well = inside > 0.15  # not at the rim, where the sphere is seen from aside
    want = (2 - np.sqrt(np.maximum(inside, 0))) / square
    assert well.sum() > 100
    assert np.abs(seen.median - want)[well].max() < 0.06
    assert seen.alpha[well].min() > 0.9
    corner = seen.median[:3, :3]
    assert (corner == 0).all()
