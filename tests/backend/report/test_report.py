# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture report: gaps found where photos were left out, advice that names them, a page that stands alone."""

from __future__ import annotations

import re
import xml.dom.minidom

import numpy as np
import pytest
from turnaround.backend.camera_files.colmap_writer import write_model
from turnaround.backend.records import Camera, Cameras, Frame, Frames
from turnaround.backend.report import NAME, write_report
from turnaround.backend.report.coverage import around, gaps

K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])


def looking_in(azimuth, elevation, distance=3.0):
    """cam_from_world of a camera that looks at (0, 0, 0.5)."""
    a, e = np.radians([azimuth, elevation])
    back = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    rotation = np.stack([right, np.cross(-back, right), -back])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ (np.array([0, 0, 0.5]) + distance * back)
    return matrix


def capture(tmp_path, views, lost=(), error=0.0, **figures):
    """Folders of the two stages for cameras at (azimuth, elevation); frames ``lost`` have no camera."""
    frames_folder, folder = tmp_path / "01_frames", tmp_path / "04_cameras"
    frames_folder.mkdir()
    folder.mkdir()
    names = [f"p{i:02d}" for i in range(len(views))]
    frames = Frames()
    for i, name in enumerate(names):
        known = {"sharpness": 100.0, "mean_luma": 120.0} | {k: v[i] for k, v in figures.items()}
        frames.frames.append(
            Frame(
                name=name,
                source=f"{name}.jpg",
                image="",
                width=640,
                height=480,
                source_width=640,
                source_height=480,
                **known,
            )
        )
    frames.save(frames_folder)
    cameras = [
        Camera(name=n, image=f"images/{n}.jpg", width=640, height=480, K=K, cam_from_world=looking_in(*v))
        for n, v in zip(names, views, strict=True)
        if n not in lost
    ]
    Cameras(cameras=cameras, unregistered=[{"name": n, "reason": "too <few> matches"} for n in lost]).save(folder)
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (60, 3)) + np.array([0, 0, 0.5])
    seen = [
        (p, c, cameras[c].project(points[p : p + 1])[0][0] + (error, 0)) for c in range(len(cameras)) for p in range(60)
    ]
    observed = tuple(np.array(column) for column in zip(*seen, strict=True))
    write_model(folder / "sparse", cameras, points, np.zeros((60, 3), np.uint8), np.zeros(60), observed)
    facts = write_report(frames_folder, folder, "a <b> & c")
    return facts, (folder / NAME).read_text(encoding="utf-8")


def ring(elevation, start=0, stop=360, step=15):
    return [(a, elevation) for a in range(start, stop, step)]


def test_a_whole_ring_has_no_gap_and_no_complaint(tmp_path):
    facts, _ = capture(tmp_path, ring(20) + ring(50, step=30))
    assert facts["gaps"] == []
    assert facts["around_degrees"] == 360
    assert facts["advice"] == ["Nothing to complain about: the views are close, sharp and all in place."]
    assert facts["registered"] == facts["used"] == 36
    assert facts["reprojection"]["mean"] < 1e-6
    assert [f["azimuth"] for f in facts["frames"][:24]] == pytest.approx(np.arange(0, 360, 15), abs=0.1)
    assert all(f["elevation"] == pytest.approx(20, abs=0.1) for f in facts["frames"][:24])


def test_photos_left_out_are_asked_for_where_they_were(tmp_path):
    facts, page = capture(tmp_path, ring(25, 0, 360) + [v for v in ring(52) if not 165 < v[0] < 285])
    assert [gap["where"] for gap in facts["gaps"]] == ["higher up"]
    gap = facts["gaps"][0]
    assert gap["start"] == pytest.approx(195, abs=15)
    assert gap["end"] == pytest.approx(255, abs=15)
    assert 3 <= gap["photos"] <= 7
    assert re.match(r"Add (three|four|five|six) photos between \d+ and \d+ degrees, higher up", facts["advice"][0])
    assert facts["advice"][0] in page


def test_a_back_never_seen_and_rings_never_taken_are_told(tmp_path):
    facts, _ = capture(tmp_path, ring(10, 0, 121))
    assert facts["around_degrees"] == pytest.approx(164, abs=3)
    assert "that side of the object is unknown" in facts["advice"][0]
    assert any("higher up" in text for text in facts["advice"])
    (tmp_path / "b").mkdir()
    above, _ = capture(tmp_path / "b", ring(55))
    assert any("lower down" in text for text in above["advice"])


def test_faults_of_single_frames_are_named(tmp_path):
    views = ring(25) + ring(50)
    sharp, luma, bright = [100.0] * 48, [120.0] * 48, [0.0] * 48
    sharp[7], luma[3:20], bright[10:30] = 10.0, [220.0] * 17, [0.2] * 20
    facts, page = capture(
        tmp_path, views, lost=("p05",), error=2.1, sharpness=sharp, mean_luma=luma, clipped_bright=bright
    )
    text = " ".join(facts["advice"])
    for words in (
        "Without a camera: p05",
        "Blurred beside the others: p07",
        "Burnt out",
        "lock exposure",
        "2.1 pixels",
    ):
        assert words in text
    assert facts["frames"][5]["reason"] == "too <few> matches"
    assert "too &lt;few&gt; matches" in page
    assert facts["reprojection"]["counts"][8] == 47 * 60  # 2 to 2.25 px


def test_links_join_frames_by_the_points_they_share(tmp_path):
    facts, _ = capture(tmp_path, ring(20, step=30))
    names = {f["name"] for f in facts["frames"]}
    assert {n for link in facts["links"] for n in link[:2]} == names
    assert all(a < b and shared == 60 for a, b, shared in facts["links"])


def test_the_page_stands_alone_and_its_drawings_are_well_formed(tmp_path):
    _, page = capture(tmp_path, ring(25, 0, 200), lost=("p01",))
    assert not re.search(r"<script|<link|<img|src=|url\(|@import|href=", page)
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<b>" not in page
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 6
    for drawing in drawings:
        xml.dom.minidom.parseString(drawing)  # noqa: S318


def test_gaps_do_not_depend_on_where_counting_begins():
    azimuth = np.array([a for a in range(0, 360, 10) if not 100 <= a <= 170], float)
    elevation = np.full(len(azimuth), 27.0)
    for turn in (0.0, 95.0, 200.0, 301.0):
        (gap,) = gaps((azimuth + turn) % 360, elevation)
        assert (gap.start - turn - 100) % 360 == pytest.approx(0, abs=12) or (gap.start - turn - 100) % 360 > 348
        assert gap.end - gap.start == pytest.approx(70, abs=20)
    assert gaps(np.zeros(0), np.zeros(0)) == []
    assert around(np.zeros(0), np.zeros(0)) == 0
