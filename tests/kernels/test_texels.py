# SPDX-License-Identifier: GPL-3.0-or-later
"""What a photo says about texels: the kernel against its twin, and against a scene where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.kernels import texels, texels_reference

POWERS = np.array([8.0, 3.0, 1.0])


def scene(count, seed=0):
    """Points before a camera at the origin that looks along z, some beside its picture, some behind it."""
    random = np.random.default_rng(seed)
    points = random.uniform((-2, -2, -1), (2, 2, 5), (count, 3)).astype(np.float32)
    normals = random.normal(size=(count, 3)) - points
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    projection = np.array([[40.0, 0, 24, 0], [0, 40, 18, 0], [0, 0, 1, 0]])
    levels = random.integers(0, 256, (3, 36, 48, 3), dtype=np.uint8)
    trust = random.random((36, 48)).astype(np.float32)
    depth = random.uniform(0.5, 6, (36, 48)).astype(np.float32)
    depth[random.random((36, 48)) < 0.3] = np.inf
    expected = random.uniform(0, 255, (count, 3)).astype(np.float32)
    return (
        points, normals.astype(np.float32), projection, np.zeros(3), levels, trust, depth, 0.1, 1.5,
        np.array([0.9, 1.0, 1.2]), POWERS, expected,
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 2, 7, 2000])
@pytest.mark.parametrize("spread", [0.0, 30.0])
def test_kernel_is_its_twin(count, spread):
    given = scene(count)
    results = []
    for module in (texels, texels_reference):
        sums, weights = np.ones((count, 3, 3), np.float32), np.ones((count, 3), np.float32)
        module.gather(*given, spread, sums, weights)
        results.append((sums, weights))
    assert np.allclose(results[0][0], results[1][0], rtol=2e-4, atol=2e-3)
    assert np.allclose(results[0][1], results[1][1], rtol=2e-4, atol=1e-6)
    if count > 100:
        assert 0.02 < (results[0][1][:, 2] > 1).mean() < 0.9


def test_the_bands_add_up_to_the_photo():
    """One photo alone, squarely seen: what it shows at the point, whatever the blurred levels are."""
    given = list(scene(1))
    given[0] = np.array([[0.1, 0.05, 2.0]], np.float32)
    given[1] = np.array([[0.0, 0.0, -1.0]], np.float32)
    given[5][:], given[6][:], given[9] = 1.0, np.inf, np.ones(3)
    sums, weights = np.zeros((1, 3, 3), np.float32), np.zeros((1, 3), np.float32)
    texels.gather(*given, 0.0, sums, weights)
    photo = given[4][0].astype(float)
    x, y = 40 * 0.05 + 24 - 0.5, 40 * 0.025 + 18 - 0.5
    upper = photo[18, 25] * 0.5 + photo[18, 26] * 0.5
    lower = photo[19, 25] * 0.5 + photo[19, 26] * 0.5
    assert (x, y) == (25.5, 18.5)
    assert np.allclose((sums / weights[..., None]).sum(axis=1), (upper + lower) / 2, atol=1e-3)


@pytest.mark.parametrize(("surface", "seen"), [(np.inf, True), (2.05, True), (1.95, True), (1.85, False)])
def test_what_lies_behind_the_surface_is_not_seen(surface, seen):
    given = list(scene(1))
    given[0], given[1] = np.array([[0.0, 0.0, 2.0]], np.float32), np.array([[0.0, 0.0, -1.0]], np.float32)
    given[5][:], given[6][:] = 1.0, surface
    sums, weights = np.zeros((1, 3, 3), np.float32), np.zeros((1, 3), np.float32)
    texels.gather(*given, 0.0, sums, weights)
    assert (weights[0, 0] > 0) == seen
