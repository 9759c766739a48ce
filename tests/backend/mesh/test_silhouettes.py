# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.mesh.silhouettes import reduced, signed_distance


def covered_disc(radius, size=160, samples=8):
    step = (np.arange(size * samples) + 0.5) / samples
    inside = np.hypot(*np.meshgrid(step - size / 2 - 0.3, step - size / 2 + 0.2)) < radius
    return np.round(inside.reshape(size, samples, size, samples).mean(axis=(1, 3)) * 255).astype(np.uint8)


def true_distance(radius, size=160):
    centre = np.arange(size) + 0.5
    return radius - np.hypot(*np.meshgrid(centre - size / 2 - 0.3, centre - size / 2 + 0.2))


@pytest.mark.parametrize("hard", [False, True])
def test_distance_from_a_disc(hard):
    mask = covered_disc(50.37)
    if hard:
        mask = np.where(mask > 127, 255, 0).astype(np.uint8)
    error = signed_distance(mask) - true_distance(50.37)
    near = np.abs(true_distance(50.37)) < 1.0
    # A hard mask does not say where in a pixel its rim runs; on average it does.
    assert np.abs(error[near]).max() < (0.5 if hard else 0.08)
    assert abs(error[near].mean()) < 0.03
    assert np.abs(error[true_distance(50.37) < 45]).max() < 1.3


def test_masks_without_a_rim():
    assert (signed_distance(np.zeros((5, 7), np.uint8)) < -100).all()
    assert (signed_distance(np.full((5, 7), 255, np.uint8)) > 100).all()


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_reduced_keeps_distances_at_pixel_centres(factor):
    distance = signed_distance(covered_disc(50.0))
    small = reduced(distance, factor)
    assert small.shape == (-(-160 // factor),) * 2
    y, x = (np.mgrid[: small.shape[0], : small.shape[1]] + 0.5) * factor
    expected = 50.0 - np.hypot(x - 80.3, y - 79.8)
    error = np.abs(small - expected)
    assert error[np.abs(expected) < 1].max() < 0.35
    assert error[np.abs(expected) < 20].max() < 1.0
