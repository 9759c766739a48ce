# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy import ndimage
from turnaround.kernels import morphology, morphology_reference

CASES = [(0, 0), (0, 4), (1, 1), (2, 2), (1, 9), (9, 1), (13, 17), (60, 41)]


def soft(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("radius", [0.0, 0.9, 1.0, 1.5, 3.0, 7.3, 40.0])
@pytest.mark.parametrize("shape", CASES)
def test_equals_the_reference(shape, radius):
    mask = soft(shape)
    out = np.zeros_like(mask)
    morphology.dilate(mask, radius, out)
    assert np.array_equal(out, morphology_reference.dilate(mask, radius))
    morphology.erode(mask, radius, out)
    assert np.array_equal(out, morphology_reference.erode(mask, radius))


def test_a_point_grows_to_a_disc_and_back():
    mask = np.zeros((31, 31), np.uint8)
    mask[15, 15] = 255
    y, x = np.indices(mask.shape) - 15
    grown, back = np.zeros_like(mask), np.zeros_like(mask)
    morphology.dilate(mask, 6.5, grown)
    assert np.array_equal(grown > 0, x * x + y * y <= 6.5**2)
    morphology.erode(grown, 6.5, back)
    assert np.array_equal(back, mask)


def test_binary_masks_agree_with_scipy():
    mask = (ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(70, 90)), 3) > 0.05).astype(np.uint8) * 255
    y, x = np.indices((9, 9)) - 4
    disc = x * x + y * y <= 16
    out = np.zeros_like(mask)
    morphology.dilate(mask, 4.0, out)
    assert np.array_equal(out > 0, ndimage.binary_dilation(mask > 0, disc))
    morphology.erode(mask, 4.0, out)
    assert np.array_equal(out > 0, ndimage.binary_erosion(mask > 0, disc, border_value=1))
