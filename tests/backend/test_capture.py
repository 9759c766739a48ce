# SPDX-License-Identifier: GPL-3.0-or-later
"""Inspecting a capture and showing one of its photos upright, without writing to it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from turnaround.backend import capture
from turnaround.backend.errors import PipelineError
from turnaround.protocol import PRESETS


@pytest.fixture
def folder(tmp_path):
    """Three good photos (one lying on its side), a truncated one, a text file, a video, truth beside and below."""
    root = tmp_path / "set"
    photos = root / "images"
    photos.mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "transforms.json").write_text("{}")
    (photos / "depth").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    pixels[:10, :10] = (255, 0, 0)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was held upright: the first row is the right hand side
    image.save(photos / "turned.jpg", exif=exif, quality=95)
    image.save(photos / "b.png")
    Image.fromarray(pixels).save(photos / "c.webp")
    data = (photos / "turned.jpg").read_bytes()
    (photos / "torn.jpg").write_bytes(data[: len(data) // 2])
    (photos / "notes.txt").write_text("hello")
    (photos / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(20))
    return photos


def test_inspect_tells_what_is_there(folder):
    before = {p: p.stat().st_mtime_ns for p in folder.parent.rglob("*")}
    facts = capture.inspect(folder)
    assert facts["photos"] == 3
    assert facts["formats"] == {"JPEG": 1, "PNG": 1, "WEBP": 1}
    assert sorted((s["width"], s["height"], s["count"]) for s in facts["sizes"]) == [(60, 80, 1), (80, 60, 2)]
    assert [u["name"] for u in facts["unreadable"]] == ["torn.jpg"]
    assert "truncated" in facts["unreadable"][0]["reason"]
    assert facts["videos"] == ["clip.mp4"]
    assert facts["other_files"] == 1
    found = {path.removeprefix(str(folder.parent)) for path in facts["truth"]}
    assert found == {"/images/depth", "/masks", "/transforms.json"}
    assert [p["preset"] for p in facts["presets"]] == list(PRESETS)
    assert all(p["frames"] == 3 and p["seconds"] > 0 and p["disk_mb"] > 0 for p in facts["presets"])
    assert {p: p.stat().st_mtime_ns for p in folder.parent.rglob("*")} == before


def test_inspect_an_empty_folder_says_what_is_needed(tmp_path):
    facts = capture.inspect(tmp_path)
    assert facts["photos"] == 0
    assert facts["presets"] == []
    assert "at least three photos" in facts["advice"][0]


def test_inspect_nothing_is_an_error(tmp_path):
    with pytest.raises(PipelineError, match="There is no capture"):
        capture.inspect(tmp_path / "nowhere")


def test_preview_is_upright(folder, tmp_path):
    shown = capture.preview(folder, "turned.jpg", 0, tmp_path / "out")
    assert (shown["width"], shown["height"]) == (60, 80) == (shown["source_width"], shown["source_height"])
    with Image.open(shown["path"]) as image:
        assert image.size == (60, 80)
        corner = np.asarray(image)[1:6, -6:-1].reshape(-1, 3).mean(0)
    assert corner[0] > 200
    assert corner[1:].max() < 60


def test_one_picture_is_looked_at_and_shown(folder, tmp_path):
    picture = folder / "b.png"
    found = capture.inspect(picture)
    assert (found["photos"], found["names"]) == (1, ["b.png"])
    assert found["advice"] == ["One picture: what it shows is true to it, the other sides are made up."]
    shown = capture.preview(picture, "b.png", 0, tmp_path / "out")
    assert (shown["source_width"], shown["source_height"]) == (80, 60)
    with pytest.raises(PipelineError) as caught:
        capture.preview(picture, "turned.jpg", 0, tmp_path / "out")
    assert caught.value.code == "capture_unsupported"


def test_preview_is_reduced_to_fit(folder, tmp_path):
    shown = capture.preview(folder, "b.png", 40, tmp_path / "out")
    assert (shown["width"], shown["height"]) == (40, 30)
    assert (shown["source_width"], shown["source_height"]) == (80, 60)


@pytest.mark.parametrize("frame", ["torn.jpg", "missing.jpg", "notes.txt", "../masks/x.png", "../../../etc/hostname"])
def test_preview_of_no_photo_is_told(folder, tmp_path, frame):
    with pytest.raises(PipelineError) as caught:
        capture.preview(folder, frame, 0, tmp_path / "out")
    assert caught.value.code in {"capture_unsupported", "bad_request"}
    assert caught.value.hint


def test_preview_is_never_written_into_the_capture(folder):
    before = sorted(folder.rglob("*"))
    with pytest.raises(PipelineError, match="lies in the capture"):
        capture.preview(folder, "b.png", 0, folder / "depth")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.data
def test_inspect_finds_the_truth_of_a_data_set(data):
    facts = capture.inspect(data / "rendered_duck" / "images")
    assert facts["photos"] == 30
    assert facts["unreadable"] == []
    assert str(data.resolve() / "rendered_duck" / "masks") in facts["truth"]


@pytest.mark.data
def test_inspect_knows_a_png_called_jpg(data):
    facts = capture.inspect(data / "single_images" / "photo_plants-1.jpg")
    assert facts["formats"] == {"PNG": 1}
