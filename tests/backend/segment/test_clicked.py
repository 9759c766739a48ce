# SPDX-License-Identifier: GPL-3.0-or-later
"""A click where colours do not say what is meant."""

from __future__ import annotations

import cv2
import numpy as np
from turnaround.backend.metrics.masks import intersection_over_union
from turnaround.backend.segment import boxed, engines, first, photos
from turnaround.backend.segment.prompts import draw_marks

SHAPE = (240, 320)


def scene():
    """A box of two colours, each of which the ground has as well, with a dark rim; its mask without the rim."""
    random = np.random.default_rng(3)
    noise = [cv2.GaussianBlur(random.normal(size=SHAPE).astype(np.float32), (0, 0), 12) for _ in range(2)]
    pale, brown = np.array((200, 190, 170.0)), np.array((150, 110, 70.0))
    image = np.where((noise[0] > 0)[..., None], pale, brown)
    true = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(true, (160, 120), (62, 46), 0, 0, 360, 1, -1)
    image = np.where(true[..., None] > 0, np.where((noise[1] > 0)[..., None], pale, brown), image)
    rim = cv2.dilate(true, np.ones((5, 5), np.uint8)) - cv2.erode(true, np.ones((3, 3), np.uint8))
    image[rim > 0] = (40, 30, 30)
    return np.clip(image + random.normal(0, 2, image.shape), 0, 255).astype(np.uint8), true > 0


def test_edges_say_what_colours_do_not(tmp_path):
    image, true = scene()
    cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    size = {"width": 320, "height": 240, "source_width": 320, "source_height": 240}
    picture = engines.Picture(name="a", source="a.png", path=tmp_path / "a.png", **size)
    click = [{"type": "point", "xy": [160, 120], "label": 1}]
    small = engines.resized(image, first.SIDE)
    borders = first.border_histogram([small])
    scale = small.shape[1] / image.shape[1]
    by_colours = first.first_mask(small, draw_marks(click, small.shape[:2], (scale, scale)), borders, 2.0)
    assert by_colours.fit < 0.3
    heard = []
    found = photos.cut_prompted(
        picture, click, image, small, borders, 2.0, lambda *said: heard.append(said), edges=True
    )
    assert intersection_over_union(found.mask > 0.5, true) > 0.87
    grown = cv2.resize(by_colours.mask, SHAPE[::-1]) > 0.5
    assert intersection_over_union(grown, true) < 0.8
    assert found.confidence < 0.5
    assert [said[0] for said in heard] == ["mask_unsure"]


def test_a_mask_is_not_blamed_for_the_picture_s_own_border():
    solid = np.zeros((50, 60), bool)
    solid[:25, :30] = True
    assert boxed._along_sides(solid, (0.0, 0.0, 40.0, 40.0)) == 0
    assert boxed._along_sides(solid, (0.0, 0.0, 30.0, 40.0)) == (25 / 40) / 4
