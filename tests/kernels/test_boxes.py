# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.kernels import boxes, boxes_reference

SHAPES = [(0, 0), (0, 3), (1, 1), (2, 2), (9, 14), (50, 61)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.02, 1.0])
def test_box_equals_the_reference(shape, share):
    generator = np.random.default_rng(1)
    alpha = np.where(generator.random(shape) < share, generator.integers(1, 256, shape), 0).astype(np.uint8)
    out = np.full(4, -5, np.int64)
    for threshold in (0, 127):
        boxes.alpha_box(alpha, threshold, out)
        assert np.array_equal(out, boxes_reference.alpha_box(alpha, threshold))


def test_the_box_holds_everything_and_touches_it_on_all_sides():
    alpha = np.zeros((20, 30), np.uint8)
    alpha[4, 7], alpha[11, 3], alpha[9, 22] = 9, 200, 1
    out = np.zeros(4, np.int64)
    boxes.alpha_box(alpha, 0, out)
    assert out.tolist() == [3, 4, 23, 12]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "window", [(0, 0, 4, 5), (-3, -2, 6, 20), (4, 7, 1, 1), (100, 100, 3, 3), (-50, 0, 5, 5), (1, 1, 0, 4)]
)
def test_crop_equals_the_reference(shape, window):
    image = np.random.default_rng(2).integers(1, 256, (*shape, 3)).astype(np.uint8)
    x0, y0, height, width = window
    out = np.full((height, width, 3), 7, np.uint8)
    boxes.crop(image, x0, y0, out)
    assert np.array_equal(out, boxes_reference.crop(image, x0, y0, height, width))
