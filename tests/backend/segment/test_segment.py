# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of ``backend/segment`` on pictures whose truth is known by construction."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from turnaround.backend.segment import colour, evidence, flow, order, prompts, settle, shape
from turnaround.backend.segment.cut import contrast_weights, cut
from turnaround.backend.segment.given import find_masks


def disc(size: int, centre: tuple[float, float], radius: float, fine: int = 8) -> np.ndarray:
    """Coverage (size, size) float32 of a disc, pixel centres at half integers."""
    axis = (np.arange(size * fine) + 0.5) / fine
    x, y = np.meshgrid(axis, axis)
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    return inside.reshape(size, fine, size, fine).mean((1, 3)).astype(np.float32)


def blend(cover: np.ndarray, front: tuple, back: tuple) -> np.ndarray:
    mixed = cover[..., None] * np.array(front) + (1 - cover[..., None]) * np.array(back)
    return np.round(mixed).astype(np.uint8)


def test_cut_finds_a_disc_in_noise():
    cover = disc(240, (120, 110), 60)
    cost = np.where(cover > 0.5, -1.0, 1.0) + np.random.default_rng(0).normal(0, 2.0, cover.shape)
    image = np.full((240, 240, 3), 128, np.uint8)
    result = cut(cost.astype(np.float32), contrast_weights(image, 2.0))
    assert shape.overlap((result > 0.5).astype(np.float32), (cover > 0.5).astype(np.float32)) > 0.97


@pytest.mark.parametrize("error", [-2, 2])
def test_settled_contour_is_true_to_a_fraction_of_a_pixel(error):
    cover = disc(200, (100.3, 99.6), 50)
    image = blend(cover, (220, 190, 40), (90, 100, 110))
    result = settle.settle(disc(200, (100.3, 99.6), 50 + error), image, 2.0)
    radius = np.sqrt(result.sum() / np.pi)
    assert abs(radius - 50) < 0.15


def test_marks_lie_where_the_prompt_says():
    drawn = prompts.draw_marks(
        [
            {"type": "point", "xy": [101, 61], "label": 1},
            {"type": "stroke", "points": [[20, 20], [20, 60]], "radius": 4, "label": 0},
            {"type": "box", "xyxy": [80, 40, 400, 90]},
        ],
        (60, 80),
        (0.5, 0.5),
    )
    rows, columns = np.nonzero(drawn.inside)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == (50.5, 30.5)
    rows, columns = np.nonzero(drawn.outside)
    assert columns.mean() + 0.5 == pytest.approx(10, abs=0.5)
    assert rows.max() - rows.min() == pytest.approx(24, abs=2)
    assert drawn.box == (40, 20, 80, 45)
    assert drawn.within_box().sum() == 40 * 25


@pytest.mark.parametrize(
    "bad",
    [
        [{"type": "point", "xy": [500, 10]}],
        [{"type": "point", "xy": [10, 10], "label": 0}],
        [{"type": "box", "xyxy": [500, 500, 600, 600]}],
    ],
)
def test_prompts_off_the_picture_or_beside_the_object_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        prompts.draw_marks(bad, (60, 80), (0.5, 0.5))


def test_colours_seen_on_neither_side_are_neutral():
    red, blue, grey = (np.full((8, 8, 3), c, np.uint8) for c in ((200, 30, 30), (30, 30, 200), (120, 120, 120)))
    ones = np.ones((8, 8), np.float32)
    ratio = colour.log_ratio(*(colour.histogram(colour.colour_indices(picture), ones) for picture in (red, blue)))
    at = [float(ratio[colour.colour_indices(picture)[0, 0]]) for picture in (red, blue, grey)]
    assert at[0] > 3
    assert at[1] < -3
    assert abs(at[2]) < 0.1


def test_evidence_of_alike_sides_is_nothing():
    random = np.random.default_rng(0)
    ratios = random.uniform(-4, 4, (100, 100)).astype(np.float32)
    unlike = random.exponential(2, (100, 100)).astype(np.float32)
    unlike[:20] = np.nan
    bins = evidence.difference_bins(unlike)
    assert (bins[:20] == 0).all()
    assert (bins[20:] > 0).all()
    counts = evidence.count(ratios, bins, np.ones_like(ratios))
    assert counts.sum() == 100 * 100
    assert np.abs(evidence.judge(evidence.joint_table(counts, 3 * counts), ratios, bins)).max() < 1e-4


def test_flow_of_a_shift_is_found_and_what_left_the_picture_is_not_believed():
    random = np.random.default_rng(0)
    texture = cv2.GaussianBlur(random.integers(0, 255, (120, 180), np.uint8), (0, 0), 2)
    here, there = texture[:, 20:160], texture[:, 12:152]  # the scene moves right by 8
    forward, backward = flow.flow_pair(np.ascontiguousarray(here), np.ascontiguousarray(there))
    middle = forward[20:-20, 20:-20]
    assert np.abs(middle - (8, 0)).max() < 0.5
    belief = flow.consistency(forward, backward)
    assert belief[20:-20, 20:-20].mean() > 0.9
    assert belief[:, -7:].max() == 0


def test_shuffled_frames_are_reached_through_their_true_neighbours():
    random = np.random.default_rng(0)
    texture = cv2.GaussianBlur(random.integers(0, 255, (96, 400), np.uint8), (0, 0), 5)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    places = random.permutation(12)
    greys = [np.ascontiguousarray(texture[:, 8 * p : 8 * p + 128]) for p in places]
    root = int(np.argmin(places))
    pairs = order.carry_order(greys, [root])
    assert sorted(i for i, _ in pairs) == sorted(set(range(12)) - {root})
    reached = {root}
    for i, source in pairs:
        assert source in reached
        assert abs(int(places[i]) - int(places[source])) <= 2
        reached.add(i)


def test_parts_and_holes():
    mask = np.zeros((60, 60), np.float32)
    mask[5:30, 5:30] = 1
    mask[10:13, 10:13] = 0
    mask[40:50, 40:50] = 1
    support = np.zeros((60, 60), bool)
    support[20, 20] = True
    kept = shape.keep_parts(mask, support)
    assert kept[45, 45] == 0
    assert kept[20, 20] == 1
    assert shape.fill_holes(kept, 0.05)[11, 11] == 1
    assert shape.fill_holes(kept, 0.005)[11, 11] == 0
    assert shape.keep_parts(mask, np.zeros((60, 60), bool)).max() == 0


def test_masks_are_found_by_the_names_people_give_them(tmp_path):
    for name in ("a.png", "b.jpg.png", "c_mask.png", "mask_d.jpg", "other.png", "e.txt"):
        (tmp_path / name).write_bytes(b"")
    found = find_masks(tmp_path, [(stem, f"{stem}.jpg") for stem in "abcde"])
    assert {k: v.name for k, v in found.items()} == {
        "a": "a.png",
        "b": "b.jpg.png",
        "c": "c_mask.png",
        "d": "mask_d.jpg",
    }
    with pytest.raises(FileNotFoundError):
        find_masks(tmp_path / "none", [])
