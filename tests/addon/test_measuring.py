# SPDX-License-Identifier: GPL-3.0-or-later
"""The two points of a known length: what gestures make of them, what is said of them, which photos can be used."""

from __future__ import annotations

import json
import os

import pytest
from turnaround.addon.measuring import FIRST, KnownLength, clicked, dragged, resolved
from turnaround.addon.placed import nearest, placed_photos
from turnaround.protocol.spec import check_segment

A, B, C = (100.0, 50.0), (300.0, 80.0), (200.0, 400.0)
REACH = 10.0


def known(**changes):
    return KnownLength(**{"has_length": True, "of_points": True, "ends": {}} | changes)


def texts(length):
    return [note.text for note in length.notes()]


class TestGestures:
    def test_two_clicks_are_two_ends_and_a_third_begins_anew(self):
        one = clicked((), A, REACH)
        two = clicked(one, B, REACH)
        assert (one, two, clicked(two, C, REACH)) == ((A,), (A, B), (C,))

    @pytest.mark.parametrize("ends", [(A,), (A, B)])
    def test_a_click_on_an_end_changes_nothing(self, ends):
        """Neither a double click nor a first touch of an end that is to be moved may lose or make a point."""
        assert clicked(ends, (A[0] + 0.9 * REACH, A[1]), REACH) == ends
        assert clicked(ends, (A[0] + 1.1 * REACH, A[1]), REACH) != ends

    def test_a_drag_draws_the_line_or_moves_the_end_that_it_takes_hold_of(self):
        assert dragged((), A, B, REACH) == (A, B)
        assert dragged((A, B), (B[0] + 3, B[1] - 3), C, REACH) == (A, C)
        assert dragged((A, B), (A[0] - 3, A[1]), C, REACH) == (C, B)
        assert dragged((A,), A, C, REACH) == (C,)
        assert dragged((A,), B, C, REACH) == (B, C), "a line drawn elsewhere takes the place of a lone point"

    def test_of_two_ends_within_reach_the_nearer_one_is_moved(self):
        near = ((0.0, 0.0), (12.0, 0.0))
        assert dragged(near, (7.0, 0.0), C, REACH) == (near[0], C)
        assert dragged(near, (5.0, 0.0), C, REACH) == (C, near[1])

    def test_ends_are_never_drawn_together(self):
        assert dragged((A, B), B, (A[0] + 1, A[1]), REACH) == (A, B)
        assert dragged((), A, (A[0] + 1, A[1]), REACH) == ()


class TestWhatIsSent:
    def test_only_whole_ones_on_photos_of_the_capture(self):
        ends = {"a.jpg": (A, (300.126, 80.0)), "b.jpg": (A,), "c.jpg": (A, B)}
        sent = known(ends=ends, missing=frozenset({"c.jpg"})).segment()
        assert sent == {"a.jpg": [100.0, 50.0, 300.13, 80.0]}
        check_segment("a.jpg", sent["a.jpg"])

    def test_a_photo_that_the_last_job_left_out_is_sent_all_the_same(self):
        """Another preset may use it."""
        length = known(ends={"a.jpg": (A, B)}, unused=frozenset({"a.jpg"}))
        assert length.segment()
        assert length.reason_not_to_run() == ""

    @pytest.mark.parametrize("changes", [{"has_length": False}, {"of_points": False}, {"scene": True}])
    def test_nothing_where_the_length_is_none_or_of_something_else(self, changes):
        length = known(ends={"a.jpg": (A, B)}, **changes)
        assert length.segment() == {}
        assert length.reason_not_to_run() == ""
        assert known(**changes).reason_not_to_run() == ""

    def test_names_of_a_command_line_are_those_of_the_photos(self):
        photos = ["000.jpg", "001.jpg", "002.jpg", "002.png"]
        assert [resolved(n, photos) for n in ("000", "001.jpg", "002", "9")] == ["000.jpg", "001.jpg", "002", "9"]


class TestWhatIsSaid:
    def test_no_point_and_one_point_keep_a_job_from_running(self):
        assert texts(known()) == [known().reason_not_to_run()] == [FIRST]
        one = known(ends={"a.jpg": (A,)})
        (text,) = texts(one)
        assert text == "Only one point is marked on a.jpg: click the other one."
        assert "a.jpg" in one.reason_not_to_run()

    def test_points_without_a_length(self):
        assert "no length" in texts(known(has_length=False, ends={"a.jpg": (A, B)}))[0]
        assert texts(known(has_length=False, ends={"a.jpg": (A,)})) == []
        assert texts(known(has_length=False)) == []

    def test_a_photo_that_is_gone(self):
        gone = known(ends={"a.jpg": (A, B)}, missing=frozenset({"a.jpg"}))
        assert texts(gone) == ["a.jpg is no longer in the capture; its points are not used."]
        assert "no longer in the capture" in gone.reason_not_to_run()
        half = known(ends={"a.jpg": (A, B), "b.jpg": (A,)}, missing=frozenset({"a.jpg"}))
        assert "b.jpg" in half.reason_not_to_run(), "what can be finished is asked for first"

    def test_beside_a_whole_one_the_others_are_only_said_not_to_count(self):
        length = known(ends={"a.jpg": (A, B), "b.jpg": (A,)})
        assert length.reason_not_to_run() == ""
        assert [(note.wrong, "b.jpg" in note.text) for note in length.notes()] == [(True, True), (False, False)]

    def test_one_photo_is_enough_and_a_second_is_better(self):
        (note,) = known(ends={"a.jpg": (A, B)}).notes()
        assert "another side" in note.text
        assert not note.wrong
        assert known(ends={"a.jpg": (A, B), "b.jpg": (B, A)}).notes() == []

    def test_a_photo_without_a_camera_and_a_scene_without_a_mesh(self):
        ends = {"a.jpg": (A, B), "b.jpg": (A, B)}
        (text,) = texts(known(ends=ends, unused=frozenset({"b.jpg"})))
        assert "no camera for b.jpg" in text
        (text,) = texts(known(ends=ends, unused=frozenset({"b.jpg"}), unrun=True))
        assert "run it first" in text
        assert "not used" in texts(known(ends=ends, scene=True, of_points=False))[0]


@pytest.fixture
def job(tmp_path):
    """A job with a camera for three of its four frames."""
    sources = {"000": "day/000.jpg", "001": "001.JPG", "film_7": "film.mp4#0.233", "002": "002.jpg"}
    frames = [{"name": n, "source": s, "prompts": ["film.mp4#n7"] if "#" in s else []} for n, s in sources.items()]
    for folder, content in (
        ("01_frames/frames.json", {"frames": frames}),
        ("04_cameras/cameras.json", {"cameras": [{"name": n} for n in ("000", "001", "film_7")]}),
    ):
        (tmp_path / folder).parent.mkdir()
        (tmp_path / folder).write_text(json.dumps(content))
    return tmp_path


class TestPlacedPhotos:
    def test_by_all_their_names_and_unknown_before_there_are_cameras(self, job):
        assert placed_photos(str(job)) == {"day/000.jpg", "000.jpg", "001.JPG", "film.mp4#0.233", "film.mp4#n7"}
        cameras = job / "04_cameras" / "cameras.json"
        cameras.write_text(json.dumps({"cameras": [{"name": "002"}]}))
        os.utime(cameras, (1, 1))
        assert placed_photos(str(job)) == {"002.jpg"}, "read again when it has changed"
        cameras.unlink()
        assert placed_photos(str(job)) is None
        assert placed_photos(str(job / "nowhere")) is None

    def test_the_nearest_one_is_shown(self):
        photos = [f"{i:03d}.jpg" for i in range(9)]
        placed = frozenset({"001.jpg", "007.jpg"})
        assert [nearest(photos[i], photos, placed) for i in (1, 2, 6)] == ["001.jpg", "001.jpg", "007.jpg"]
        assert nearest("002.jpg", photos, frozenset()) == "002.jpg"

    def test_the_nearest_picture_of_a_video_is_so_in_time(self):
        proposed = ["film.mp4#0.000", "film.mp4#0.500", "film.mp4#1.000"]
        placed = frozenset({"film.mp4#0.000", "film.mp4#0.933", "film.mp4#2.100", "film.mp4#n7"})
        assert [nearest(name, proposed, placed) for name in proposed] == [
            "film.mp4#0.000", "film.mp4#0.933", "film.mp4#0.933",
        ]  # fmt: skip
