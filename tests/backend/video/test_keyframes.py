# SPDX-License-Identifier: GPL-3.0-or-later
"""From a video to frames: which pictures are taken and why, what is refused, and what the panel asks beforehand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from turnaround.backend import capture
from turnaround.backend.errors import JobCancelled, PipelineError
from turnaround.backend.images import read_rgb
from turnaround.backend.records import Frames
from turnaround.backend.stage import Context
from turnaround.backend.stages import frames
from turnaround.backend.video import motion
from turnaround.backend.video.choosing import STEP
from turnaround.backend.video.names import Wanted, parse
from turnaround.backend.video.reading import open_film
from turnaround.backend.video.survey import survey
from turnaround.backend.workspace import Workspace
from turnaround.protocol import JobSpec

CLICK = [{"type": "point", "xy": [90, 70], "label": 1}]


def run(path, job, prompts=None, cancelled=lambda: False, **options):
    """Run the stage; the context and the record it wrote."""
    workspace = Workspace(job)
    context = Context(
        stage="frames",
        spec=JobSpec(capture=str(path), job=str(job), prompts=prompts or {}),
        options=frames.Options(**{"camera_pass": False, **options}),
        workspace=workspace,
        output=workspace.begin("frames"),
        is_cancelled=cancelled,
    )
    frames.run(context)
    return context, Frames.load(context.output)


def failure(path, job, **options):
    with pytest.raises(PipelineError) as caught:
        run(path, job, **options)
    assert caught.value.hint
    return caught.value


def indices(found):
    return [int(f.name[-6:]) for f in found.frames]


def test_frames_are_evenly_spaced_along_an_uneven_motion(tmp_path, clips):
    slow, fast = list(clips.pan(60, 1.0)), list(clips.pan(61, 4.0))
    path = clips.write(tmp_path / "pan.mp4", slow + fast[15:30], options={"crf": "12"})
    context, found = run(path, tmp_path / "job")
    at = np.array(indices(found))
    place = np.where(at < 60, at, 60 + 4.0 * (at - 60))
    gaps = np.diff(place)
    assert found.ordered
    assert (found.video["camera_moves"], found.video["object_turns"]) == (True, False)
    assert gaps.max() <= 3 * STEP * np.hypot(clips.WIDTH, clips.HEIGHT) + 4
    assert np.median(np.diff(at[at < 60])) >= 2 * np.median(np.diff(at[at >= 60]))
    assert len(found.frames) + sum(row[-1] != "key_frame" for row in found.video["looks"]) == 75
    assert all(f.reason and f.seconds == pytest.approx(i / 20, abs=0.01) for f, i in zip(found.frames, at, strict=True))
    assert (context.output / "contact_sheet.jpg").stat().st_size > 5000
    assert sorted(p.name for p in (context.output / "images").iterdir()) == [f"{f.name}.jpg" for f in found.frames]
    assert {p.name for p in context.output.iterdir()} == {"images", "frames.json", "contact_sheet.jpg"}


def test_blurred_pictures_are_passed_over_for_their_sharp_neighbours(tmp_path, clips):
    pictures = list(clips.pan(60, 1.5))
    blurred = set(range(1, 60, 3)) | set(range(20, 24))
    for i in blurred:
        pictures[i] = cv2.GaussianBlur(pictures[i], (0, 0), 3)
    _, found = run(
        clips.write(tmp_path / "shaky.mp4", pictures, options={"crf": "12"}), tmp_path / "job", max_frames=20
    )
    assert len(found.frames) >= 15
    assert len(blurred & set(indices(found))) <= 1


def test_the_preset_bounds_the_count_and_a_pause_adds_nothing(tmp_path, clips):
    pictures = list(clips.pan(40, 3.0))
    paused = pictures[:20] + [pictures[20]] * 40 + pictures[20:]
    path = clips.write(tmp_path / "pause.mp4", paused, options={"crf": "12"})
    _, found = run(path, tmp_path / "job")
    assert sum(20 <= i < 60 for i in indices(found)) <= 2
    _, few = run(path, tmp_path / "job", max_frames=7)
    assert 5 <= len(few.frames) <= 7


def test_prompts_keep_the_very_pictures_they_lie_on(tmp_path, clips):
    path = clips.write(tmp_path / "clip.mp4", clips.pan(60, 1.0), options={"crf": "12"})
    keys = {"clip.mp4#1.37": 27, "clip#n11": 11, "52": 52, "clip.mp4": 0}
    _, found = run(path, tmp_path / "job", prompts=dict.fromkeys(keys, CLICK), max_frames=8)
    by_key = {key: int(f.name[-6:]) for f in found.frames for key in f.prompts}
    assert by_key == keys
    assert found.video["sharpness_over"] == "mask"


def test_names_of_pictures():
    assert parse("a b.mp4#2.5", "a b.mp4") == Wanted(key="a b.mp4#2.5", seconds=2.5)
    assert parse("a b#0", "a b.mp4") == Wanted(key="a b#0", seconds=0.0)
    assert parse("17", "clip.mov") == parse("17", "other.mov") == Wanted(key="17", index=17)
    assert parse("clip.mov", "clip.mov") == Wanted(key="clip.mov", index=0)
    assert [parse(key, "clip.mov") for key in ("other#1", "photo.jpg", "clip#x", "clip#-1", "")] == [None] * 5


def test_a_camera_at_rest_is_told_from_a_turning_object(tmp_path, clips):
    for name, pictures, camera, turning in (
        ("still", clips.still(), False, False),
        ("hand", clips.hand(60), False, False),
        ("drum", clips.drum(60), False, True),
        ("pan", clips.pan(40), True, False),
    ):
        path = clips.write(tmp_path / f"{name}.mp4", pictures, options={"crf": "18"})
        with open_film(path) as film:
            looks = survey(film.pictures, film.header, [], lambda picture: None)
        found = motion.measure(looks, lambda done: None)
        assert (name, found.camera, found.turning) == (name, camera, turning)


def test_a_video_without_motion_ends_with_a_way_out_that_works(tmp_path, clips):
    path = clips.write(tmp_path / "hand.mp4", clips.hand(60), options={"crf": "18"})
    error = failure(path, tmp_path / "job")
    assert (error.code, "no camera motion" in error.message) == ("no_motion", True)
    assert "frames.check_motion=false" in error.hint
    _, found = run(path, tmp_path / "job", check_motion=False)
    assert len(found.frames) >= 3
    still = failure(clips.write(tmp_path / "still.mp4", clips.still()), tmp_path / "job", check_motion=False)
    assert still.code == "capture_too_few"


def test_a_broken_video_is_used_as_far_as_it_goes_and_says_so(tmp_path, clips):
    whole = clips.write(tmp_path / "w.mp4", clips.pan(60), options={"g": "4"}, container={"movflags": "faststart"})
    (tmp_path / "b.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    context, found = run(tmp_path / "b.mp4", tmp_path / "job")
    assert {w["code"] for w in context.facts.warnings} & {"video_damaged", "video_length"}
    assert len(found.frames) >= 3
    assert max(indices(found)) < 45


def test_long_videos_keep_a_bounded_number_of_looks(tmp_path, clips, monkeypatch):
    from turnaround.backend.video import survey as module

    monkeypatch.setattr(module, "MOST", 20)
    pictures = list(clips.pan(90, 1.0))
    for i in range(0, 90, 2):
        pictures[i] = cv2.GaussianBlur(pictures[i], (0, 0), 2)
    path = clips.write(tmp_path / "long.mp4", pictures, options={"crf": "12"})
    with open_film(path) as film:
        looks = survey(film.pictures, film.header, [Wanted(key="34", index=34)], lambda picture: None)
    assert len(looks) <= 21
    assert [look.wanted for look in looks if look.index == 34] == [["34"]]
    assert max(np.diff([look.index for look in looks])) <= 16


def test_cancelling_stops_within_a_picture(tmp_path, clips):
    path = clips.write(tmp_path / "clip.mp4", clips.pan(30))
    with pytest.raises(JobCancelled):
        run(path, tmp_path / "job", cancelled=lambda: True)


def test_the_panel_sees_a_video_and_its_pictures(tmp_path, clips):
    folder = tmp_path / "set"
    folder.mkdir()
    pictures = list(clips.pan(40))
    clips.write(folder / "clip.mp4", pictures, options={"crf": "8"}, rotation=90)
    for path in (folder, folder / "clip.mp4"):
        facts = capture.inspect(path)
        assert (facts["video"]["width"], facts["video"]["height"]) == (clips.HEIGHT, clips.WIDTH)
        assert facts["first"] == "clip.mp4#0.000"
        assert facts["presets"][0]["frames"] == 40
        shown = capture.preview(path, "clip.mp4#1.0", 0, tmp_path / "previews")
        assert (shown["source_width"], shown["source_height"]) == (clips.HEIGHT, clips.WIDTH)
        expected = np.rot90(pictures[20])
        assert np.abs(read_rgb(shown["path"]).astype(int) - expected).mean() < 6
    with pytest.raises(PipelineError) as caught:
        capture.preview(folder, "other.mp4#1.0", 0, tmp_path / "previews")
    assert caught.value.code == "bad_request"
    with pytest.raises(PipelineError, match="ends after 40 pictures"):
        capture.preview(folder, "n400", 0, tmp_path / "previews")


@pytest.mark.data
def test_a_static_camera_pouring_coffee_ends_with_the_right_error(data, tmp_path):
    error = failure(data / "video_static_camera", tmp_path / "job")
    assert (error.code, "no camera motion" in error.message) == ("no_motion", True)


@pytest.mark.data
def test_key_frames_of_a_hand_held_clip(data, tmp_path):
    context, found = run(data / "video_apple", tmp_path / "job", prompts={"apple.mp4#0": CLICK})
    assert 25 <= len(found.frames) <= 45
    assert found.frames[0].prompts == ["apple.mp4#0"]
    steps = np.diff([f.seconds for f in found.frames])
    assert steps.min() > 0.09
    assert steps.max() < 0.75
    assert [w["code"] for w in context.facts.warnings] == ["photo_skipped"]
