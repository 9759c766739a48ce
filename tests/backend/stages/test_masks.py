# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from turnaround.backend.errors import JobCancelled, PipelineError
from turnaround.backend.images import read_grey
from turnaround.backend.records import Frames, Masks
from turnaround.backend.stages import masks


def _scene_module():
    path = Path(__file__).with_name("masks_scene.py")
    spec = importlib.util.spec_from_file_location("masks_scene", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["masks_scene"] = module
    spec.loader.exec_module(module)
    return module


ms = _scene_module()
POINT = {"type": "point", "xy": [200, 160], "label": 1}
# The ball's own box on 000.jpg, in source pixels (twice the frame's).
BOX = {"type": "box", "xyxy": [110, 70, 290, 250]}


@pytest.fixture(scope="module")
def scene():
    return ms.ball_on_table()


@pytest.mark.parametrize(
    "prompts",
    [
        [POINT],
        [BOX],
        [{"type": "stroke", "points": [[170, 130], [230, 190]], "radius": 8, "label": 1}],
    ],
    ids=["point", "box", "stroke"],
)
def test_prompt_reaches_all_frames(scene, tmp_path, prompts):
    workspace = ms.write_frames(scene, tmp_path)
    context = ms.run_stage(masks, workspace, ("frames",), prompts={"000.jpg": prompts})
    overlaps = ms.overlaps(workspace, "masks", scene)
    assert min(overlaps.values()) > 0.93
    written = Masks.load(workspace.folder("masks"))
    assert [m.name for m in written.masks] == sorted(scene.images)
    assert not written.guessed
    assert all(0 < m.confidence <= 1 for m in written.masks)
    assert context.facts.metrics["mask_confidence_mean"] > 0.5
    assert json.loads((workspace.folder("masks") / "prompts.json").read_text()) == {"000.jpg": prompts}


def test_same_prompt_gives_same_masks(scene, tmp_path):
    files = []
    for run in ("a", "b"):
        workspace = ms.write_frames(scene, tmp_path / run)
        ms.run_stage(masks, workspace, ("frames",), prompts={"000.jpg": [POINT]})
        files.append([(workspace.folder("masks") / f"{name}.png").read_bytes() for name in scene.images])
    assert files[0] == files[1]


def test_a_photo_named_in_two_ways_keeps_all_its_prompts(scene, tmp_path):
    outside = {"type": "point", "xy": [20, 20], "label": 0}
    files = []
    for prompts in ({"000.jpg": [POINT, outside]}, {"000.jpg": [POINT], "000": [outside]}):
        workspace = ms.write_frames(scene, tmp_path / str(len(files)))
        ms.run_stage(masks, workspace, ("frames",), prompts=prompts)
        files.append([(workspace.folder("masks") / f"{name}.png").read_bytes() for name in scene.images])
    assert files[0] == files[1]


def test_a_mask_is_a_prompt_that_is_carried(scene, tmp_path):
    workspace = ms.write_frames(scene, tmp_path / "job")
    path = tmp_path / "mine.png"
    first = min(scene.images)
    cv2.imwrite(str(path), (scene.masks[first] > 0).astype(np.uint8) * 255)
    ms.run_stage(masks, workspace, ("frames",), prompts={"000.jpg": [{"type": "mask", "path": str(path)}]})
    overlaps = ms.overlaps(workspace, "masks", scene)
    assert overlaps[first] > 0.99
    assert min(overlaps.values()) > 0.93
    path.write_bytes(b"no picture")
    with pytest.raises(PipelineError, match="cannot be read"):
        ms.run_stage(masks, workspace, ("frames",), prompts={"000.jpg": [{"type": "mask", "path": str(path)}]})


def test_given_masks_are_believed_as_far_as_their_session_says(scene, tmp_path):
    workspace, folder = ms.write_frames(scene, tmp_path / "job"), tmp_path / "masks"
    folder.mkdir()
    names = sorted(scene.images)
    for name in names:
        cv2.imwrite(str(folder / f"{name}.png"), (scene.masks[name] > 0).astype(np.uint8) * 255)
    (folder / "confidences.json").write_text(json.dumps({f"{names[0]}.png": 0.4, f"{names[1]}.png": 7}))
    ms.run_stage(masks, workspace, ("frames",), masks=str(folder))
    found = [m.confidence for m in Masks.load(workspace.folder("masks")).masks]
    assert found == [0.4] + [1.0] * (len(names) - 1)
    (folder / "confidences.json").write_text("[1, 2]")
    ms.run_stage(masks, workspace, ("frames",), masks=str(folder))
    assert {m.confidence for m in Masks.load(workspace.folder("masks")).masks} == {1.0}


def test_given_masks_are_written_as_they_are(scene, tmp_path):
    given = tmp_path / "given"
    given.mkdir()
    for i, (name, mask) in enumerate(scene.masks.items()):
        grey = mask.astype(np.uint8) * 255
        if i == 0:
            continue
        if i == 1:  # red channel under an opaque alpha, as some data sets store masks
            rgba = np.dstack([np.zeros_like(grey), np.zeros_like(grey), grey, np.full_like(grey, 255)])
            cv2.imwrite(str(given / f"{name}.png"), rgba)
        elif i == 2:
            cv2.imwrite(str(given / f"{name}.jpg.png"), grey)
        elif i == 3:
            cv2.imwrite(str(given / f"{name}.png"), grey.astype(np.uint16) * 257)
        else:
            cv2.imwrite(str(given / f"{name}.png"), grey)
    workspace = ms.write_frames(scene, tmp_path / "job")
    context = ms.run_stage(masks, workspace, ("frames",), masks=str(given))
    overlaps = ms.overlaps(workspace, "masks", scene)
    assert overlaps.pop("000") == 0.0
    assert set(overlaps.values()) == {1.0}
    assert [w["code"] for w in context.facts.warnings] == ["masks_missing"]
    assert "000.jpg" in context.facts.warnings[0]["message"]
    assert Masks.load(workspace.folder("masks")).named()["000"].confidence == 0


def test_alpha_is_exact(scene, tmp_path):
    workspace = ms.write_frames(scene, tmp_path, alpha=True)
    context = ms.run_stage(masks, workspace, ("frames",))
    assert context.facts.method == "alpha"
    for name, truth in scene.masks.items():
        assert np.array_equal(read_grey(workspace.folder("masks") / f"{name}.png"), truth * np.uint8(255))


def test_without_a_prompt_the_object_is_guessed_and_said_to_be(scene, tmp_path):
    workspace = ms.write_frames(scene, tmp_path, cameras=True)
    context = ms.run_stage(masks, workspace, ("frames", "cameras"))
    assert Masks.load(workspace.folder("masks")).guessed
    assert "object_guessed" in [w["code"] for w in context.facts.warnings]
    assert np.mean(list(ms.overlaps(workspace, "masks", scene).values())) > 0.9


def test_alpha_of_some_photos_only_is_not_passed_over_in_silence(scene, tmp_path):
    workspace = ms.write_frames(scene, tmp_path, cameras=True, alpha=True)
    frames = Frames.load(workspace.folder("frames"))
    frames.frames[0] = replace(frames.frames[0], alpha="")
    frames.save(workspace.folder("frames"))
    context = ms.run_stage(masks, workspace, ("frames", "cameras"))
    said = {w["code"]: w["message"] for w in context.facts.warnings}
    assert f"{len(scene.images) - 1} of {len(scene.images)}" in said["alpha_incomplete"]
    assert Masks.load(workspace.folder("masks")).guessed


@pytest.mark.parametrize(
    ("spec", "code", "part"),
    [
        ({"prompts": {"nosuch.jpg": [POINT]}}, "prompt_frame_missing", "000.jpg"),
        ({"prompts": {"000.jpg": [{**POINT, "label": 0}]}}, "prompt_bad", "000.jpg"),
        ({"prompts": {"000.jpg": [{**POINT, "xy": [9000, 10]}]}}, "prompt_bad", "picture"),
        ({"masks": "missing"}, "masks_unreadable", "folder"),
        ({"masks": "."}, "masks_unreadable", "name"),
        ({}, "prompt_bad", "object"),
    ],
)
def test_what_cannot_work_says_why(scene, tmp_path, spec, code, part):
    workspace = ms.write_frames(scene, tmp_path / "job")
    if "masks" in spec:
        spec = {"masks": str(tmp_path / spec["masks"])}
    with pytest.raises(PipelineError) as caught:
        ms.run_stage(masks, workspace, ("frames",), **spec)
    assert caught.value.code == code
    assert part in caught.value.message
    assert caught.value.hint


def test_a_name_that_two_folders_hold_is_not_guessed(scene, tmp_path):
    workspace = ms.write_frames(scene, tmp_path)
    frames = Frames.load(workspace.folder("frames"))
    frames.frames[0] = replace(frames.frames[0], source="a/000.jpg")
    frames.frames[1] = replace(frames.frames[1], source="b/000.jpg")
    frames.save(workspace.folder("frames"))
    with pytest.raises(PipelineError, match=r"a/000\.jpg, b/000\.jpg") as caught:
        ms.run_stage(masks, workspace, ("frames",), prompts={"000.jpg": [POINT]})
    assert caught.value.code == "prompt_bad"


def test_broken_mask_file_is_named(scene, tmp_path):
    (tmp_path / "003.png").write_bytes(b"no picture")
    workspace = ms.write_frames(scene, tmp_path / "job")
    with pytest.raises(PipelineError, match=r"003\.png") as caught:
        ms.run_stage(masks, workspace, ("frames",), masks=str(tmp_path))
    assert caught.value.code == "masks_unreadable"


def test_cancel_stops_between_frames(scene, tmp_path, monkeypatch):
    workspace = ms.write_frames(scene, tmp_path)
    calls = []

    def cancel(self, fraction, message="", preview=None):
        calls.append(fraction)
        if fraction > 0.3:
            raise JobCancelled("masks")

    monkeypatch.setattr("turnaround.backend.stage.Context.progress", cancel)
    with pytest.raises(JobCancelled):
        ms.run_stage(masks, workspace, ("frames",), prompts={"000.jpg": [POINT]})
    assert not workspace.folder("masks").exists()
    assert calls[-1] < 0.5
