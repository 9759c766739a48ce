# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from turnaround.kernels import votes, votes_reference

K = np.array([[20.0, 0, 8.5], [0, 22.0, 6.0], [0, 0, 1.0]])
ROTATION = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
CENTRE = np.array([0.1, -3.0, 0.4])


def pixel_from_world() -> np.ndarray:
    return K @ np.column_stack([ROTATION, -ROTATION @ CENTRE])


@pytest.mark.parametrize("shape", [(0, 0, 0), (1, 1, 1), (2, 2, 2), (5, 7, 3), (16, 17, 18)])
def test_votes_agree_with_twin(shape):
    random = np.random.default_rng(1)
    denial = random.random((13, 17)).astype(np.float32)
    origin = np.array([-0.7, -0.7, -0.3])
    results = []
    for module in (votes, votes_reference):
        dissent, seen = np.ones(shape, np.float32), np.ones(shape, np.float32)
        module.add_votes(denial, 0.7, pixel_from_world(), origin, 0.11, dissent, seen)
        results.append((dissent, seen))
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-6)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (2, 2), (5, 7), (13, 17)])
def test_least_agrees_with_twin(size):
    dissent = np.random.default_rng(2).random((9, 8, 7)).astype(np.float32)
    world_from_pixel = ROTATION.T @ np.linalg.inv(K)
    results = []
    for module in (votes, votes_reference):
        out = np.zeros(size, np.float32)
        origin = np.array([-0.4, -0.4, -0.2])
        module.least_along_rays(dissent, origin, 0.13, CENTRE, world_from_pixel, 9.0, out)
        results.append(out)
    np.testing.assert_allclose(results[0], results[1], atol=1e-6)
    if size == (13, 17):
        assert (results[0] == 9.0).any()
        assert (results[0] < 1.0).any()


def test_voxels_behind_a_camera_or_off_its_picture_are_not_voted_on():
    dissent, seen = np.zeros((1, 3, 1), np.float32), np.zeros((1, 3, 1), np.float32)
    # Along the viewing axis: two behind the camera, one before it.
    votes.add_votes(
        np.ones((13, 17), np.float32), 1.0, pixel_from_world(), CENTRE - [0.5, 2.0, 0.5], 1.0, dissent, seen
    )
    assert seen[0].ravel().tolist() == [0.0, 0.0, 1.0]
    off = np.zeros((1, 1, 1), np.float32)
    votes.add_votes(
        np.ones((13, 17), np.float32), 1.0, pixel_from_world(), np.array([5.0, 0.0, 0.0]), 1.0, off, off.copy()
    )
    assert off.sum() == 0
