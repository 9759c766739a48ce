# SPDX-License-Identifier: GPL-3.0-or-later
"""Where cameras break or the angle is large, spare frames are added; nothing else of the spares stays."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.backend.records import Frames
from turnaround.backend.stage import Context
from turnaround.backend.stages import frames
from turnaround.backend.video import first_cameras
from turnaround.backend.video.first_cameras import Breaks, _angles
from turnaround.backend.workspace import Workspace
from turnaround.protocol import JobSpec


def run(path, job, **options):
    workspace = Workspace(job)
    context = Context(
        stage="frames",
        spec=JobSpec(capture=str(path), job=str(job)),
        options=frames.Options(**options),
        workspace=workspace,
        output=workspace.begin("frames"),
    )
    frames.run(context)
    return context, Frames.load(context.output)


def test_angles_are_measured_at_what_the_cameras_look_at():
    azimuth = np.radians([0, 10, 20, 50, 60])
    outward = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros(5)], axis=1)
    centre = np.array([3.0, -1.0, 2.0])
    found = _angles(centre + 4 * outward, -outward)
    np.testing.assert_allclose(found, [10, 10, 30, 10], atol=1e-6)
    lost = centre + 4 * outward
    lost[1] = np.nan
    np.testing.assert_allclose(_angles(lost, -outward), [np.nan, np.nan, 30, 10], atol=1e-6)
    assert np.isnan(_angles(np.full((3, 3), np.nan), np.full((3, 3), np.nan))).all()


def test_gaps_are_breaks_and_angles_that_stand_out():
    everything = np.ones(6, bool)
    assert Breaks(everything, np.array([5.0, 5, 5, 5, 5])).gaps() == []
    assert Breaks(everything, np.array([2.0, 2, 4, 2, 2])).gaps() == []  # large beside the others, and still small
    wide = Breaks(everything, np.array([5.0, 5, 14, 5, 5])).gaps()
    assert wide == [(2, "the angle was 14 degrees")]
    registered = np.array([True, True, False, True, True, True])
    broken = Breaks(registered, np.array([5.0, np.nan, np.nan, 5, 5])).gaps()
    assert broken == [(1, "registration broke here"), (2, "registration broke here")]


def test_spare_frames_are_added_where_they_are_missing_and_the_rest_is_deleted(tmp_path, clips, monkeypatch):
    path = clips.write(tmp_path / "pan.mp4", clips.pan(120, 1.0), options={"crf": "14"})
    _, before = run(path, tmp_path / "job", max_frames=12, camera_pass=False)
    seen = []

    def pretend(images, names, work, progress):
        seen.extend(names)
        assert sorted(p.name for p in images.iterdir()) == sorted(names)
        angles = np.full(len(names) - 1, 4.0)
        angles[5] = 11.0
        registered = np.ones(len(names), bool)
        registered[2] = False
        return Breaks(registered, angles)

    monkeypatch.setattr(first_cameras, "first_pass", pretend)
    context, after = run(path, tmp_path / "job", max_frames=12)
    old, new = ([f.name for f in found.frames] for found in (before, after))
    assert [f"{name}.jpg" for name in old] == seen
    added = [f for f in after.frames if f.name not in old]
    assert set(old) < set(new)
    assert new == sorted(new)
    reasons = {f.name: f.reason for f in added}
    assert set(reasons.values()) == {"registration broke here", "the angle was 11 degrees"}
    for name, reason in reasons.items():
        place = sum(other < name for other in old) - 1
        assert place in ({1, 2} if reason.startswith("registration") else {5})
    assert sorted(p.name for p in (context.output / "images").iterdir()) == [f"{name}.jpg" for name in new]
    assert {p.name for p in context.output.iterdir()} == {"images", "frames.json", "contact_sheet.jpg"}
    assert context.facts.details["first_cameras"]["registered"] == len(old) - 1
    decisions = {row[0]: row[-1] for row in after.video["looks"]}
    assert all(decisions[int(f.name[-6:])] == "added" for f in added)


def test_a_turntable_gets_no_camera_pass(tmp_path, clips, monkeypatch):
    monkeypatch.setattr(first_cameras, "first_pass", lambda *_: pytest.fail("its background would lie"))
    path = clips.write(tmp_path / "drum.mp4", clips.drum(60), options={"crf": "16"})
    _, found = run(path, tmp_path / "job")
    assert found.video["object_turns"]
    assert len(found.frames) >= 10


@pytest.mark.data
@pytest.mark.slow
def test_a_hand_held_clip_registers_and_a_hole_in_it_is_filled(data, tmp_path):
    context, found = run(data / "video_apple", tmp_path / "job", max_frames=16)
    facts = context.facts.details["first_cameras"]
    assert facts["registered"] == facts["of"]
    assert len(found.frames) >= facts["of"]
