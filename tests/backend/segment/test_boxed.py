# SPDX-License-Identifier: GPL-3.0-or-later
"""First masks from a box drawn on a photo: drawn scenes, and eight photos of a robot with their truth."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from turnaround.backend.images import read_rgb
from turnaround.backend.metrics.masks import intersection_over_union
from turnaround.backend.segment import boxed, engines, photos
from turnaround.backend.segment.prompts import draw_marks
from turnaround.backend.segment.settle import enlarge


def scene(seed=0):
    """A pale figure with darker rims before a wall nearly as pale, over a dark floor; its mask."""
    random = np.random.default_rng(seed)
    image = np.full((240, 320, 3), (196, 194, 190), np.float32)
    image[160:] = (60, 60, 66)
    true = np.zeros((240, 320), np.uint8)
    cv2.rectangle(true, (120, 60), (190, 200), 1, -1)
    cv2.circle(true, (155, 50), 28, 1, -1)
    image[true > 0] = (204, 202, 196)
    rim = (true > 0) & (cv2.erode(true, np.ones((5, 5), np.uint8)) == 0)
    image[rim] = (120, 120, 122)
    image = np.clip(image + random.normal(0, 2.5, image.shape), 0, 255).astype(np.uint8)
    return image, true > 0


def marks_of(prompts, shape=(240, 320)):
    return draw_marks(prompts, shape, (1.0, 1.0))


BOX = {"type": "box", "xyxy": [96, 12, 214, 214]}


def test_pale_before_pale_is_told_apart_by_the_rim_between():
    image, true = scene()
    found = boxed.boxed_mask(image, marks_of([BOX]), 2.0)
    assert intersection_over_union(found.mask > 0.5, true) > 0.97


def test_marks_in_the_box_are_kept():
    image, true = scene()
    beside = {"type": "stroke", "points": [[150, 120], [150, 180]], "radius": 4, "label": 0}
    on = {"type": "point", "xy": [155, 40], "label": 1}
    marks = marks_of([BOX, beside, on])
    found = boxed.boxed_mask(image, marks, 2.0)
    assert (found.mask[marks.outside] == 0).all()
    assert (found.mask[marks.inside] > 0.5).all()
    assert true[marks.outside].all()  # it would have been taken for the object
    assert (
        found.mask[true & ~cv2.dilate(marks.outside.astype(np.uint8), np.ones((9, 9))).astype(bool)] > 0.5
    ).mean() > 0.9


def test_a_box_round_the_whole_picture_and_one_of_a_single_colour_are_no_error():
    image, _ = scene()
    boxed.boxed_mask(image, marks_of([{"type": "box", "xyxy": [-5, -5, 400, 400]}]), 2.0)
    grey = np.full((240, 320, 3), 128, np.uint8)
    boxed.boxed_mask(grey, marks_of([BOX]), 2.0)


@pytest.mark.data
@pytest.mark.slow
def test_boxes_on_eight_photos_of_a_robot(data):
    """White before white walls: 0.58 by colours alone."""
    folder = data / "multiview_masks_robot"
    boxes = json.loads((folder / "bboxes.json").read_text())
    pictures, truths = [], []
    for path in sorted((folder / "images").glob("*.jpg")):
        height, width = read_rgb(path).shape[:2]
        size = {"width": width, "height": height, "source_width": width, "source_height": height}
        pictures.append(engines.Picture(name=path.stem, source=path.name, path=path, **size))
        truths.append(cv2.imread(str(folder / "masks" / f"{path.stem}.png"))[..., 2] > 127)
    prompts = {i: [{"type": "box", "xyxy": box}] for i, box in enumerate(boxes)}
    scores = []
    for found in photos.segment(engines.Task(pictures=pictures, prompts=prompts)):
        mask = enlarge(found.mask, pictures[found.index].read(), 2.0) > 127
        scores.append(intersection_over_union(mask, truths[found.index]))
    assert len(scores) == 8
    assert np.mean(scores) >= 0.80
    assert np.min(scores) >= 0.70


def test_a_box_is_believed_as_far_as_it_tells_object_from_background(tmp_path):
    """The figure again, and a picture of noise alone in which nothing stands out."""
    confidence, heard = [], []
    for name, image in (
        ("figure", scene()[0]),
        ("noise", cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8), (0, 0), 3) * 2),
    ):
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        size = {"width": 320, "height": 240, "source_width": 320, "source_height": 240}
        picture = engines.Picture(name=name, source=path.name, path=path, **size)
        small = engines.resized(image, 192)
        borders = photos.first.border_histogram([small])
        found = photos.cut_prompted(picture, [BOX], image, small, borders, 2.0, lambda *said: heard.append(said))
        confidence.append(found.confidence)
    assert confidence[0] > 0.8
    assert confidence[1] < 0.5
    assert [said[0] for said in heard] == ["mask_unsure"]
    assert "strokes" in heard[0][2]
