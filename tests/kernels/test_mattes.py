# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy import ndimage
from turnaround.kernels import mattes, mattes_reference

SHAPES = [(0, 0), (0, 3), (3, 0), (1, 1), (2, 2), (1, 13), (13, 1), (23, 31)]


def blobs(shape, seed=0):
    noise = (
        ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2) if min(shape) else np.zeros(shape)
    )
    return (noise > 0).astype(np.uint8) * 255


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_reference(shape, seed):
    mask = blobs(shape, seed)
    distance, matte, nearest = np.zeros(shape, np.float32), np.zeros_like(mask), np.zeros(shape, np.int32)
    mattes.signed_distance(mask, distance)
    assert np.array_equal(distance, mattes_reference.signed_distance(mask))
    for width, offset in ((0.0, 0.0), (3.0, 0.0), (2.5, -1.0)):
        mattes.feather(mask, width, offset, matte)
        assert np.abs(matte.astype(int) - mattes_reference.feather(mask, width, offset)).max(initial=0) <= 1
    mattes.nearest_inside(mask, nearest)
    expected = mattes_reference.nearest_inside(mask)
    y, x = np.indices(shape)
    length = [(y - n // max(shape[1], 1)) ** 2 + (x - n % max(shape[1], 1)) ** 2 for n in (nearest, expected)]
    assert np.array_equal(length[0], length[1])
    assert np.array_equal(nearest < 0, expected < 0)
    assert (mask.ravel()[nearest[nearest >= 0]] > 127).all()


def test_distance_is_exact_on_a_large_mask():
    mask = blobs((301, 433), 7)
    out = np.zeros(mask.shape, np.float32)
    mattes.signed_distance(mask, out)
    inside = mask > 127
    true = np.where(inside, ndimage.distance_transform_edt(inside) - 0.5, 0.5 - ndimage.distance_transform_edt(~inside))
    assert np.abs(out - true).max() < 1e-4


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_without_an_edge_is_infinitely_far_from_it(value):
    mask = np.full((5, 7), value, np.uint8)
    out, matte, nearest = np.zeros(mask.shape, np.float32), np.zeros_like(mask), np.zeros(mask.shape, np.int32)
    mattes.signed_distance(mask, out)
    assert (out == (np.inf if value else -np.inf)).all()
    mattes.feather(mask, 4.0, 0.0, matte)
    assert (matte == value).all()
    mattes.nearest_inside(mask, nearest)
    assert np.array_equal(nearest.ravel(), np.arange(35) if value else np.full(35, -1))


def test_a_feathered_straight_edge_is_a_ramp_and_half_at_the_edge():
    mask = np.zeros((4, 20), np.uint8)
    mask[:, 10:] = 255
    out = np.zeros_like(mask)
    mattes.feather(mask, 4.0, 0.0, out)
    assert out[2].tolist() == [0] * 8 + [32, 96, 159, 223] + [255] * 8
