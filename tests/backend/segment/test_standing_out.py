# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands out on a picture: objects before backgrounds that go on to the edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from turnaround.backend.images import read_grey, read_rgb
from turnaround.backend.segment.boxed import SIDE
from turnaround.backend.segment.engines import resized
from turnaround.backend.segment.standing_out import how_far, standing_out_mask


def landscape(seed=0, height=180, width=240):
    """Sky over grass, both uneven, and a red and white ball before them; the picture and the ball."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    picture[:80], picture[80:] = (120, 160, 220), (90, 130, 50)
    picture += cv2.GaussianBlur(random.normal(0, 60, picture.shape), (0, 0), 4)
    down, across = np.indices((height, width))
    ball = (across - 130) ** 2 + (down - 95) ** 2 < 40**2
    picture[ball] = np.where((down // 12 % 2 == 0)[..., None], (200, 30, 30), (230, 225, 220))[ball]
    return np.clip(picture + random.normal(0, 4, picture.shape), 0, 255).astype(np.uint8), ball


def overlap(mask, truth):
    found = mask > 0.5
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_ball_before_a_landscape_is_found(seed):
    picture, ball = landscape(seed)
    shown = how_far(picture)
    assert shown.shape == ball.shape
    assert shown[ball].mean() > 3 * shown[~ball].mean()
    assert overlap(standing_out_mask(picture, 1.0).mask, ball) > 0.9


def test_where_nothing_is_nothing_stands_out_or_is_believed():
    even = np.full((90, 120, 3), 127, np.uint8)
    assert how_far(even).max() <= 1
    found = standing_out_mask(even, 1.0)
    assert found is None or found.mask.shape == (90, 120)


@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (33, 33)])
def test_any_proportions(shape):
    picture = landscape(0)[0]
    assert how_far(cv2.resize(picture, shape[::-1])).shape == shape


@pytest.mark.data
def test_the_duck_on_its_table(data):
    folder = data / "rendered_duck"
    for name in ("000", "020"):
        picture = resized(read_rgb(folder / "images" / f"{name}.jpg"), SIDE)
        truth = cv2.resize(read_grey(next((folder / "masks").glob(f"{name}*"))), picture.shape[1::-1]) > 127
        assert overlap(standing_out_mask(picture, 1.0).mask, truth) > 0.9
