# SPDX-License-Identifier: GPL-3.0-or-later
import cv2
import numpy as np
import pytest
from scipy import ndimage
from turnaround.backend import images
from turnaround.backend.segment.matte import soften


def blurred_disc(width, contrast=150.0):
    """A picture of a disc whose edge is ``width`` pixels soft, and its true matte, (120, 140)."""
    y, x = np.indices((120, 140), dtype=float)
    edge = 40 - np.hypot(y - 60, x - 70)
    alpha = np.clip(edge / width + 0.5, 0, 1)[..., None]
    grain = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(120, 140, 3)), (1, 1, 0)) * 8
    picture = (90 + contrast + grain) * alpha + (60 - grain) * (1 - alpha)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8), alpha[..., 0]


def error(matte, alpha, reach):
    band = np.abs(ndimage.distance_transform_edt(alpha > 0.5) + ndimage.distance_transform_edt(alpha <= 0.5)) < reach
    return np.abs(matte / 255.0 - alpha)[band].mean()


@pytest.mark.parametrize(("width", "reach"), [(1.0, 1.5), (4.0, 3.0), (10.0, 7.0)])
def test_soft_edges_come_back_from_a_hard_mask(width, reach):
    picture, alpha = blurred_disc(width)
    mask = (alpha > 0.5).astype(np.uint8) * 255
    matte = soften(picture, mask, reach)
    assert error(matte, alpha, reach + 1) < 0.5 * error(mask, alpha, reach + 1)
    assert np.mean((matte > 127) != (mask > 127)) < 0.005


def test_where_object_and_background_are_alike_the_mask_stays():
    picture = np.full((60, 60, 3), 120, np.uint8)
    mask = np.zeros((60, 60), np.uint8)
    mask[20:40, 20:40] = 255
    assert np.abs(soften(picture, mask, 3.0).astype(int) - mask).max() <= 1


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_without_an_edge_and_a_reach_of_nothing_change_nothing(value):
    picture, alpha = blurred_disc(2.0)
    flat = np.full(alpha.shape, value, np.uint8)
    assert np.array_equal(soften(picture, flat, 3.0), flat)
    mask = (alpha > 0.3).astype(np.uint8) * 255
    assert np.array_equal(soften(picture, mask, 0.0), mask)


@pytest.mark.data
def test_rendered_ducks_hard_masks_get_nearer_to_the_truth(data):
    folder, before, after = data / "rendered_duck", [], []
    for name in ("000", "011", "022"):
        picture = images.read_rgb(folder / "images" / f"{name}.jpg")
        truth = images.read_grey(folder / "masks" / f"{name}.png")
        hard = cv2.threshold(truth, 127, 255, cv2.THRESH_BINARY)[1]
        matte = soften(picture, hard, 1.5)
        before.append(error(hard, truth / 255.0, 4))
        after.append(error(matte, truth / 255.0, 4))
    assert np.mean(after) < 0.9 * np.mean(before)
