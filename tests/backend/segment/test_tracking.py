# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracker on rendered clips whose truth is known: textured objects that move over textured grounds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.metrics.masks import intersection_over_union
from turnaround.backend.segment import colour, engines
from turnaround.backend.segment.prompts import draw_marks
from turnaround.backend.segment.tracking import engine, local, memory, motion, shade, start
from turnaround.backend.segment.tracking.track import Tracker, track

SHAPE = (270, 480)


def texture(seed: int, low: tuple, high: tuple, shape: tuple[int, int] = SHAPE, sigma: float = 2.0) -> np.ndarray:
    """A picture (h, w, 3) uint8 between two colours."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=shape).astype(np.float32), (0, 0), sigma)
    share = np.clip(0.5 + noise / (4 * noise.std()), 0, 1)[..., None]
    return np.round(share * np.array(low) + (1 - share) * np.array(high)).astype(np.uint8)


def clip(count: int, shadow: bool = False) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames and masks of an ellipse that moves right and grows, over a ground that moves left; both are greyish."""
    ground = texture(1, (60, 70, 80), (150, 150, 140), (SHAPE[0], SHAPE[1] + 4 * count))
    skin = texture(2, (70, 90, 60), (170, 150, 150), (200, 300))
    frames, masks = [], []
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    for t in range(count):
        scale, cx, cy = 1 + 0.01 * t, 160 + 3.0 * t, 120 + 1.0 * t
        u, v = (x - cx) / scale, (y - cy) / scale
        inside = (u / 80) ** 2 + (v / 45) ** 2 < 1
        frame = ground[:, 2 * t : 2 * t + SHAPE[1]].astype(np.float32)
        if shadow:
            dark = (u / 80) ** 2 + ((v - 25) / 45) ** 2 < 1
            frame[dark] *= 0.3
        painted = cv2.remap(skin, u + 150, v + 100, cv2.INTER_LINEAR)
        frame[inside] = painted[inside]
        frames.append(np.round(frame).astype(np.uint8))
        masks.append(inside)
    return frames, masks


def bounds(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def test_a_moving_object_of_the_grounds_colours_is_found_from_a_box_and_from_a_click():
    frames, masks = clip(4)
    for prompt in ({"type": "box", "xyxy": bounds(masks[0])}, {"type": "point", "xy": [160, 120]}):
        found = start.first_of_video(frames, draw_marks([prompt], SHAPE, (1.0, 1.0)), 2.0)
        assert found.moving > 0.8
        assert intersection_over_union(found.mask > 0.5, masks[0]) > 0.93


def test_a_box_without_anything_after_it_is_cut_by_colours_alone():
    red = texture(3, (200, 40, 30), (160, 20, 20))
    frames, masks = clip(1)
    frame = np.where(masks[0][..., None], red, frames[0])
    found = start.first_of_video([frame], draw_marks([{"type": "box", "xyxy": bounds(masks[0])}], SHAPE, (1, 1)), 2.0)
    assert found.moving == 0
    assert intersection_over_union(found.mask > 0.5, masks[0]) > 0.97


def test_a_mask_along_a_side_of_a_guessed_window_leaks_there_but_not_at_the_picture_s_own_border():
    window, mask = np.zeros((100, 200), bool), np.zeros((100, 200), np.float32)
    window[20:80, 40:140] = True
    mask[40:60, 40:100] = 1
    side = start._leaking_side(mask, window)
    assert np.flatnonzero(side.any(0)).tolist() == list(range(40, 50))
    mask[:, :44] = 0
    assert start._leaking_side(mask, window) is None
    mask[30:70, 100:140] = 1
    assert np.flatnonzero(start._leaking_side(mask, window).any(0)).tolist() == list(range(130, 140))
    window[:, 140:] = window[:, 139:140]
    mask[30:70, 140:] = 1
    assert start._leaking_side(mask, window) is None


def test_a_window_is_cut_back_only_where_that_is_of_use():
    frames, masks = clip(4)
    marks = draw_marks([{"type": "point", "xy": [160, 120]}], SHAPE, (1.0, 1.0))
    beside = start._far_from(marks.inside)
    lab = cv2.cvtColor(frames[0], cv2.COLOR_RGB2LAB).astype(np.float32)
    scene = start._Scene(
        lab=lab,
        indices=colour.colour_indices(frames[0]),
        weight=start.contrast_weights(frames[0], 4.0),
        marks=marks,
        motion=start._look_ahead(frames, beside),
    )
    x0, y0, x1, y1 = bounds(masks[0])
    window = np.zeros(SHAPE, bool)
    window[y0 - 9 : y1 + 9, x0 + 30 : x1 + 9] = True  # the object runs along its left side, and is not leaking
    kept, plain = start._tightened(scene, window), start._grow(scene, window)
    assert start._merit(kept) >= start._merit(plain)
    inside = masks[0] & window
    assert intersection_over_union(kept.mask > 0.5, inside) > 0.9


def test_followed_from_the_true_mask_it_does_not_drift():
    frames, masks = clip(9)
    cuts = list(track(iter(frames), masks[0].astype(np.float32)))
    scores = [intersection_over_union(cut.mask > 0.5, true) for cut, true in zip(cuts, masks[1:], strict=True)]
    assert len(cuts) == 8
    assert min(scores) > 0.95
    assert scores[-1] > 0.96
    assert min(cut.confidence for cut in cuts) > 0.5


def test_an_object_that_is_gone_is_not_believed():
    frames, masks = clip(3)
    tracker = Tracker(frames[0], masks[0].astype(np.float32), 2.0)
    kept = tracker.follow_to(frames[1])
    ground = texture(9, (20, 120, 20), (40, 200, 60))
    gone = [tracker.follow_to(ground).confidence for _ in range(2)]
    assert kept.confidence > 0.8
    assert max(gone) < 0.5


def test_memory_does_not_grow_with_the_video():
    frames, masks = clip(3)
    frames = [np.ascontiguousarray(frame[::3, ::3]) for frame in frames]
    tracker = Tracker(frames[0], masks[0][::3, ::3].astype(np.float32), 2.0)
    for i in range(20):
        tracker.follow_to(frames[i % 2 + 1])
    assert len(tracker._keys) == 3
    assert tracker._keys[0].first


def test_a_shadow_is_told_from_a_dark_texture():
    frames, masks = clip(1, shadow=True)
    lab = cv2.cvtColor(frames[0], cv2.COLOR_RGB2LAB).astype(np.float32)
    plain, _ = clip(1)
    dark = (frames[0] != plain[0]).any(-1)
    free = ~(dark | masks[0])
    likeness = shade.shadow_likeness(lab, free.astype(np.float32), 12.0)
    rim = dark & (cv2.distanceTransform((~free).astype(np.uint8), cv2.DIST_L2, 3) < 15)
    assert likeness[rim].mean() > 0.3
    assert likeness[masks[0]].mean() < 0.3 * likeness[rim].mean()


def test_a_camera_that_pans_leaves_no_residual():
    frames, masks = clip(3)
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    wide = cv2.dilate(masks[0].astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    steps = [motion.observe_motion(greys[i], greys[i + 1], ~wide) for i in range(2)]
    for seen, moved in ((steps[0], 5.0), (motion.chain(*steps), 10.0)):
        inner = cv2.erode(masks[0].astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
        outer = ~wide
        outer[:, :30] = outer[:, -30:] = False
        assert np.median(np.abs(seen.residual[outer])) < 0.2
        assert abs(np.median(seen.residual[inner][:, 0]) - moved) < 1.0


def test_motion_that_both_sides_share_says_nothing():
    random = np.random.default_rng(0)
    bins = motion.residual_bins(random.normal(0, 1, (80, 80, 2)).astype(np.float32))
    half = (np.arange(80) < 40)[None].repeat(80, 0).astype(np.float32)
    assert np.abs(motion.motion_ratio(bins, half, half)).max() < 1e-5
    still = motion.standing_out(np.zeros((80, 80, 2), np.float32), half > 0, half == 0, None)
    assert not still.any()


def test_local_colours_know_where_a_colour_belongs_to_the_object():
    picture = np.full((120, 240, 3), 90, np.uint8)
    picture[:, 120:] = (90, 30, 30)
    inside = np.zeros((120, 240), np.float32)
    inside[40:80, 40:80] = 1  # grey on grey here ...
    inside[40:80, 160:200] = 1
    picture[40:80, 40:80] = (90, 30, 30)  # ... and the same two colours the other way round there
    picture[40:80, 160:200] = (90, 90, 90)
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    classes = local.assign(lab, local.palette(lab))
    model = local.LocalColours((120, 240), 12)
    model.add(classes, inside, 1 - inside)
    ratio = model.ratio(classes)
    assert (ratio[44:76, 44:76] > 1).all()
    assert (ratio[44:76, 164:196] > 1).all()
    assert (ratio[50:70, 20:36] < -1).all()
    assert (ratio[50:70, 204:220] < -1).all()
    whole = colour.log_ratio(
        colour.histogram(colour.colour_indices(picture), inside),
        colour.histogram(colour.colour_indices(picture), 1 - inside),
    )
    assert np.abs(whole[colour.colour_indices(picture)]).max() < 0.3


def test_flow_of_the_object_is_continued_beyond_it():
    flow = np.full((120, 160, 2), (-4, 2), np.float32)
    inside = np.zeros((120, 160), np.float32)
    inside[40:80, 60:100] = 1
    flow[inside > 0] = (3, 1)
    around = memory.continued(flow, inside)
    assert np.abs(around[35:85, 55:105] - (3, 1)).max() < 0.05


def test_every_frame_is_followed_from_the_nearest_marked_one():
    plan = engine.walks([2, 7], 10)
    reached = {i: anchor for anchor, following in plan for i in following}
    assert reached == {0: 2, 1: 2, 3: 2, 4: 2, 5: 7, 6: 7, 8: 7, 9: 7}
    assert list(plan[1][1]) == [1, 0]


def _task(folder: Path, frames: list[np.ndarray], **what: object) -> engines.Task:
    pictures = []
    for i, frame in enumerate(frames):
        path = folder / f"{i:03d}.png"
        cv2.imwrite(str(path), frame[..., ::-1])
        size = {"width": SHAPE[1], "height": SHAPE[0], "source_width": 2 * SHAPE[1], "source_height": 2 * SHAPE[0]}
        pictures.append(engines.Picture(name=path.stem, source=path.name, path=path, **size))
    return engines.Task(pictures=pictures, ordered=True, side=480, **what)


def test_engine_follows_both_ways_in_time(tmp_path):
    frames, masks = clip(6)
    box = [2 * value for value in bounds(masks[3])]
    heard = []
    task = _task(tmp_path, frames, prompts={3: [{"type": "box", "xyxy": box}]}, progress=lambda *a: heard.append(a))
    found = {result.index: result for result in engine.segment(task)}
    assert sorted(found) == list(range(6))
    assert min(intersection_over_union(found[i].mask > 0.5, masks[i]) for i in range(6)) > 0.92
    assert len(heard) >= 6


def test_engine_starts_from_a_drawn_mask_and_refuses_a_prompt_off_the_picture(tmp_path):
    frames, masks = clip(3)
    task = _task(tmp_path, frames, drawn={0: masks[0].astype(np.float32)})
    assert [result.method for result in engine.segment(task)] == ["drawn", "tracker", "tracker"]
    task = _task(tmp_path, frames, prompts={0: [{"type": "point", "xy": [5000, 5000]}]})
    with pytest.raises(PipelineError, match="cannot be used"):
        list(engine.segment(task))
