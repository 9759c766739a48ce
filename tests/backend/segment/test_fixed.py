# SPDX-License-Identifier: GPL-3.0-or-later
"""A turning object before a still camera: drawn clips whose truth is known."""

from __future__ import annotations

import weakref

import cv2
import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.metrics.masks import intersection_over_union
from turnaround.backend.segment import engines, fixed, plate

SHAPE = (180, 240)


def noise(seed, low, high, shape=SHAPE, sigma=2.5):
    """A texture (h, w, 3) float32 between two colours."""
    random = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=shape).astype(np.float32), (0, 0), sigma)
    share = np.clip(0.5 + random / (3 * random.std()), 0, 1)[..., None]
    return np.asarray(share * np.array(low) + (1 - share) * np.array(high), np.float32)


def turning(count=12, pan=0):
    """Frames and masks of a long body that turns before a ground that its shadow darkens; ``pan`` moves the camera."""
    wide = noise(1, (150, 140, 120), (90, 90, 95), (SHAPE[0], SHAPE[1] + pan * count))
    skin = noise(2, (190, 60, 40), (40, 70, 150), (300, 300))
    frames, masks = [], []
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    for t in range(count):
        angle = 2 * np.pi * t / count
        u = (x - 120) * np.cos(angle) + (y - 90) * np.sin(angle)
        v = (y - 90) * np.cos(angle) - (x - 120) * np.sin(angle)
        inside = (u / 62) ** 2 + (v / 34) ** 2 < 1
        dark = ((x - 128) / 62) ** 2 + ((y - 104) / 50) ** 2 < 1
        frame = wide[:, pan * t : pan * t + SHAPE[1]].copy()
        frame[dark] *= 0.6 + 0.1 * np.sin(angle)
        painted = cv2.remap(
            skin, np.float32(u + 150 + 3 * t), np.float32(v + 150), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        frame[inside] = painted[inside]
        frame += np.random.default_rng(t).normal(0, 1.5, frame.shape)
        frames.append(np.clip(np.round(frame), 0, 255).astype(np.uint8))
        masks.append(inside)
    return frames, masks


def task_of(folder, frames, **what):
    pictures = []
    for i, frame in enumerate(frames):
        path = folder / f"{i:03d}.png"
        cv2.imwrite(str(path), frame[..., ::-1])
        size = {"width": SHAPE[1], "height": SHAPE[0], "source_width": SHAPE[1], "source_height": SHAPE[0]}
        pictures.append(engines.Picture(name=path.stem, source=path.name, path=path, **size))
    return engines.Task(pictures=pictures, **what)


ON = {0: [{"type": "point", "xy": [120, 90], "label": 1}]}


def test_one_click_gives_every_frame(tmp_path):
    frames, masks = turning()
    task = task_of(tmp_path, frames, prompts=ON)
    assert fixed.suits(task)
    found = {result.index: result for result in fixed.segment(task)}
    scores = [intersection_over_union(found[i].mask > 0.5, masks[i]) for i in range(len(frames))]
    assert min(scores) > 0.95
    assert min(result.confidence for result in found.values()) > 0.6


def test_a_moving_camera_a_click_on_the_ground_and_few_frames_do_not_suit(tmp_path):
    frames, _ = turning()
    beside = {0: [{"type": "point", "xy": [15, 15], "label": 1}]}
    assert not fixed.suits(task_of(tmp_path, frames, prompts=beside))
    assert not fixed.suits(task_of(tmp_path, frames[:5], prompts=ON))
    assert not fixed.suits(task_of(tmp_path, turning(pan=6)[0], prompts=ON))
    night = [np.where(mask[..., None], frame, frame // 16) for frame, mask in zip(frames, turning()[1], strict=True)]
    assert not fixed.suits(task_of(tmp_path, night, prompts=ON))
    with pytest.raises(PipelineError, match="does not move"):
        list(fixed.segment(task_of(tmp_path, frames, prompts=beside)))


def test_a_drawn_mask_stays_and_marks_beside_are_kept(tmp_path):
    frames, masks = turning()
    beside = {"type": "stroke", "points": [[70, 90], [80, 90]], "radius": 3, "label": 0}
    drawn = {3: masks[3].astype(np.float32)}
    task = task_of(tmp_path, frames, prompts={0: [*ON[0], beside]}, drawn=drawn)
    found = {result.index: result for result in fixed.segment(task)}
    assert found[3].method == "drawn"
    assert (found[3].mask > 0.5).tolist() == masks[3].tolist()
    assert found[0].mask[90, 75] == 0
    assert masks[0][90, 75]


def test_the_plate_is_what_is_behind_and_shadows_are_like_it():
    frames, masks = turning()
    which, share, reach = plate.vote(frames)
    behind = plate.develop(frames, which, share, reach)
    ever = np.any(masks, 0)
    far = ~(cv2.dilate(ever.astype(np.uint8), np.ones((61, 61), np.uint8)) > 0)
    assert np.abs(behind.colours[far] - np.mean(frames, 0)[far]).max() < 2
    assert np.percentile(behind.unlike(plate_in_shadow(behind))[far], 99) < behind.reach
    assert (share[np.all(masks, 0)] < 0.5).mean() > 0.8


def plate_in_shadow(behind):
    """The plate at half its light."""
    return behind.shaded(0.5)


def test_few_frames_are_held_however_many_there_are(tmp_path, monkeypatch):
    frames = turning()[0] * 6
    alive, most = [0], [0]
    read = engines.Picture.read

    def counted(picture, side=0):
        image = read(picture, side)
        if side == 200:
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            weakref.finalize(image, lambda: alive.__setitem__(0, alive[0] - 1))
        return image

    monkeypatch.setattr(engines.Picture, "read", counted)
    found = list(fixed.segment(task_of(tmp_path, frames, prompts=ON, side=200)))
    assert [result.index for result in found] == list(range(72))
    assert most[0] <= 40 + 2 * 8
