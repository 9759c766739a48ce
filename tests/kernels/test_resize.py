# SPDX-License-Identifier: GPL-3.0-or-later
import cv2
import numpy as np
import pytest
from turnaround.kernels import resize, resize_reference

SIZES = [((1, 1), (1, 1)), ((2, 2), (1, 1)), ((1, 1), (3, 2)), ((7, 5), (3, 4)), ((64, 96), (33, 17)), ((9, 9), (0, 0))]


def picture(shape, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, channels)).astype(np.uint8)


@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_area_equals_the_reference(old, new, channels):
    image, out = picture(old, channels), np.zeros((*new, channels), np.uint8)
    resize.resize_area(image, out)
    assert np.abs(out.astype(int) - resize_reference.resize_area(image, *new)).max(initial=0) <= 1


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_rgba_equals_the_reference(old, new):
    rgba, out = picture(old, 4), np.zeros((*new, 4), np.uint8)
    rgba[: old[0] // 2, :, 3] = 0
    resize.resize_rgba(rgba, out)
    assert np.abs(out.astype(int) - resize_reference.resize_rgba(rgba, *new)).max(initial=0) <= 1


def test_whole_factors_keep_the_mean_and_agree_with_opencv():
    image, out = picture((60, 80), 3), np.zeros((15, 20, 3), np.uint8)
    resize.resize_area(image, out)
    assert np.abs(out.mean((0, 1)) - image.mean((0, 1))).max() < 0.05
    assert np.abs(out.astype(int) - cv2.resize(image, (20, 15), interpolation=cv2.INTER_AREA)).max() <= 1


def test_the_same_size_is_a_copy():
    rgba = picture((12, 7), 4)
    out = np.zeros_like(rgba)
    resize.resize_rgba(rgba, out)
    assert np.array_equal(out, rgba)


def test_what_is_transparent_does_not_bleed():
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[..., :3] = (0, 255, 0)
    rgba[:, 13:27] = (200, 30, 10, 255)
    out = np.zeros((9, 9, 4), np.uint8)
    resize.resize_rgba(rgba, out)
    assert (out[out[..., 3] > 0][:, :3] == (200, 30, 10)).all()
    assert abs(out[..., 3].mean() - rgba[..., 3].mean()) < 0.5


def test_bands_of_rows_make_the_whole():
    rgba, whole, parts = picture((31, 22), 4), np.zeros((10, 9, 4), np.uint8), np.zeros((10, 9, 4), np.uint8)
    resize.resize_rgba(rgba, whole)
    for first, last in ((0, 4), (4, 5), (5, 10)):
        resize.resize_rgba_rows(rgba, parts, first, last)
    assert np.array_equal(whole, parts)
