# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture is a folder, a video, or what was dropped: names without Blender, then the operator in its module."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from turnaround.addon.naming import capture_from, film_of, photos_in, picture_of

MODULE = "bl_ext.user_default.turnaround"


@pytest.fixture
def shelf(tmp_path):
    """A folder of photos, one with a video alone, one with two, one with both."""
    for folder, names in {
        "photos": ("a.jpg", "b.PNG", "notes.txt"),
        "film": ("clip.MP4", "notes.txt"),
        "films": ("one.mov", "two.mp4"),
        "both": ("a.jpg", "clip.mp4"),
    }.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_bytes(b"x")
    return tmp_path


class TestNames:
    def test_a_video_is_the_capture_alone_or_in_a_folder_without_photos(self, shelf):
        assert film_of(str(shelf / "film" / "clip.MP4")) == shelf / "film" / "clip.MP4"
        assert film_of(str(shelf / "film")) == shelf / "film" / "clip.MP4"
        for other in ("photos", "films", "both", "absent", "photos/a.jpg"):
            assert film_of(str(shelf / other)) is None
        assert film_of("") is None
        assert photos_in("") == []

    def test_a_picture_is_a_capture_of_its_own(self, shelf):
        picture = shelf / "photos" / "b.PNG"
        assert picture_of(str(picture)) == picture
        assert photos_in(str(picture)) == ["b.PNG"]
        for other in ("photos", "film/clip.MP4", "photos/notes.txt", "photos/absent.jpg"):
            assert picture_of(str(shelf / other)) is None
        assert picture_of("") is None

    def test_a_folder_is_read_again_once_it_has_changed(self, shelf):
        assert photos_in(str(shelf / "photos")) == ["a.jpg", "b.PNG"]
        (shelf / "photos" / "c.webp").write_bytes(b"x")
        assert photos_in(str(shelf / "photos")) == ["a.jpg", "b.PNG", "c.webp"]

    def test_what_is_handed_over_means_one_capture(self, shelf):
        photos, clip = shelf / "photos", shelf / "film" / "clip.MP4"
        assert capture_from([photos]) == photos
        assert capture_from([clip]) == clip
        assert capture_from([photos / "a.jpg"]) == photos
        assert capture_from([photos / "a.jpg", photos / "b.PNG"]) == photos

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            (("films/one.mov", "films/two.mp4"), "one of the videos"),
            (("both/a.jpg", "both/clip.mp4"), "one video, or photos"),
            (("photos/a.jpg", "both/a.jpg"), "photos of one folder"),
            (("photos/notes.txt",), "photos of one folder"),
        ],
    )
    def test_anything_else_is_refused_with_the_way_out(self, shelf, names, said):
        with pytest.raises(ValueError, match=said):
            capture_from([shelf / name for name in names])


@pytest.mark.bpy
class TestInBlender:
    def test_photos_that_are_dropped_choose_their_folder(self, scene, shelf):
        import bpy

        folder = shelf / "photos"
        files = [{"name": "a.jpg"}, {"name": "b.PNG"}]
        assert bpy.ops.turnaround.set_capture(directory=str(folder), files=files) == {"FINISHED"}
        assert Path(scene.turnaround.capture) == folder
        assert scene.turnaround.shown_frame == "a.jpg"

    def test_a_video_can_be_marked_and_run_before_the_backend_knows_it(self, scene, shelf, monkeypatch, tmp_path):
        import bpy

        monkeypatch.setenv("TURNAROUND_PYTHON", str(tmp_path / "none"))
        settings, film = scene.turnaround, shelf / "film" / "clip.MP4"
        assert bpy.ops.turnaround.set_capture(filepath=str(film)) == {"FINISHED"}
        assert settings.shown_frame == "clip.MP4#0.000"
        settings.frame = "clip.MP4#2.500"
        assert settings.shown_frame == "clip.MP4#2.500", "any time of the video"
        bpy.ops.turnaround.add_point(x=3, y=4)
        settings.capture = str(shelf / "film")
        assert [p.frame for p in settings.prompts] == ["clip.MP4#2.500"], "the folder is the same video"
        spec = settings.job_spec()
        assert spec.capture == str(shelf / "film")
        assert list(spec.prompts) == ["clip.MP4#2.500"]
        operators = importlib.import_module(f"{MODULE}.addon.operators")
        assert "Python was not found" in operators.reason_not_to_run(bpy.context), "nothing else is wrong"
        settings.capture = str(shelf / "photos")
        assert not settings.prompts
        assert settings.shown_frame == "a.jpg"

    def test_two_videos_are_an_error_and_change_nothing(self, scene, shelf):
        import bpy

        scene.turnaround.capture = str(shelf / "photos")
        with pytest.raises(RuntimeError, match="one of the videos"):
            bpy.ops.turnaround.set_capture(
                directory=str(shelf / "films"), files=[{"name": "one.mov"}, {"name": "two.mp4"}]
            )
        assert Path(scene.turnaround.capture) == shelf / "photos"

    def test_the_masks_of_a_video_are_the_jobs(self, scene, shelf, monkeypatch):
        import bpy

        board = importlib.import_module(f"{MODULE}.addon.mask_operators")
        scene.turnaround.capture = str(shelf / "film")
        bpy.ops.turnaround.add_point(x=3, y=4)
        assert not board.TURNAROUND_OT_propagate_masks.poll(bpy.context)
        board.follow(bpy.context)
        assert board.board.phase is board.Phase.CLOSED

    def test_the_drop_is_offered_for_photos_and_videos_in_3d_views_only(self, scene):
        handler = importlib.import_module(f"{MODULE}.addon.capturing").TURNAROUND_FH_capture
        suffixes = set(handler.bl_file_extensions.split(";"))
        assert {".jpg", ".heic", ".mp4", ".mov"} <= suffixes
        assert not suffixes & {".ply", ".glb", ".blend"}

        class Where:
            def __init__(self, kind):
                self.area = type("Area", (), {"type": kind})

        assert handler.poll_drop(Where("VIEW_3D"))
        assert not handler.poll_drop(Where("IMAGE_EDITOR"))
