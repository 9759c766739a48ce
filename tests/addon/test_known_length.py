# SPDX-License-Identifier: GPL-3.0-or-later
"""The known length between two clicked points in Blender's module: kept, drawn, clicked and sent."""

from __future__ import annotations

import importlib
import json
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"
ENDS = (410, 300, 520, 310.25)


@pytest.fixture
def settings(scene, capture):
    """The scene's settings, with the photos a.jpg and b.JPG."""
    return scene.turnaround


@pytest.fixture
def runnable(monkeypatch):
    """The backend's Python is there."""
    import sys

    monkeypatch.setenv("TURNAROUND_PYTHON", sys.executable)


def mark(**given):
    import bpy

    return bpy.ops.turnaround.set_segment(**given)


def drawn_lists(layout):
    return [args[2] for name, args, _ in layout.drawn if name == "template_list"]


class TestTheSpec:
    def test_points_and_length_reach_the_job_one_segment_a_photo(self, settings):
        mark(ends=(1, 2, 3, 4))
        assert (settings.use_length, settings.length_of) == (True, "segment"), "who marks points means to use them"
        settings.length = 0.12
        mark(frame="b.JPG", ends=(5, 6, 7, 8))
        mark(frame="a.jpg", ends=ENDS)
        spec = settings.job_spec()
        assert spec.segment == {"a.jpg": list(ENDS), "b.JPG": [5, 6, 7, 8]}
        assert spec.length == pytest.approx(0.12)
        assert spec.length_of == "height", "which counts for nothing beside a segment, and so never changes with it"
        settings.length_of = "longest"
        assert (settings.job_spec().segment, settings.job_spec().length_of) == ({}, "longest")
        settings.use_length = False
        assert (settings.job_spec().segment, settings.job_spec().length) == ({}, None)

    def test_only_the_last_step_depends_on_what_changes(self, settings):
        """A test of the contract says that ``export`` alone depends on the length's three fields."""
        import dataclasses

        before = dataclasses.asdict(settings.job_spec())
        mark(ends=ENDS)
        after = dataclasses.asdict(settings.job_spec())
        assert {name for name in after if after[name] != before[name]} == {"length", "segment"}

    def test_without_both_points_run_says_what_is_missing(self, settings, addon, runnable):
        import bpy

        reason = addon("operators").reason_not_to_run
        assert reason(bpy.context) == ""
        settings.use_length, settings.length_of = True, "segment"
        assert "Click the two points" in reason(bpy.context)
        mark(ends=(1, 2, 0, 0), count=1)
        assert "Only one point" in reason(bpy.context)
        with pytest.raises(RuntimeError, match="poll"):
            bpy.ops.turnaround.run()
        with pytest.raises(RuntimeError, match="poll"):
            bpy.ops.turnaround.queue()
        with pytest.raises(ValueError, match="Only one point"):
            settings.job_spec()
        settings.recipe = "scene"
        assert reason(bpy.context) == ""
        assert settings.job_spec().segment == {}
        settings.recipe = "auto"
        mark(ends=ENDS)
        assert reason(bpy.context) == ""

    def test_run_sends_them(self, settings, backend, addon):
        import bpy

        backend("done")
        mark(ends=ENDS)
        assert bpy.ops.turnaround.run() == {"FINISHED"}
        assert addon("runtime").session().job.spec.segment == {"a.jpg": list(ENDS)}

    def test_a_job_brings_its_points_back(self, settings):
        mark(ends=ENDS)
        spec = settings.job_spec()
        mark(frame="b.JPG", ends=ENDS)
        settings.length_of = "diagonal"
        settings.take(spec)
        assert settings.job_spec() == spec
        import dataclasses

        settings.take(dataclasses.replace(spec, segment={"b": [1, 2, 3, 4]}))
        assert settings.job_spec().segment == {"b.JPG": [1, 2, 3, 4]}, "a command line may leave the suffix out"
        settings.take(dataclasses.replace(spec, segment={}, length_of="longest"))
        assert (len(settings.segments), settings.length_of) == (0, "longest")

    def test_the_same_point_twice_is_refused(self, settings):
        with pytest.raises(RuntimeError, match="two points apart"):
            mark(ends=(1, 2, 1, 2))
        assert not settings.segments


class TestKeeping:
    def test_they_are_saved_with_the_scene(self, settings, tmp_path):
        import bpy

        mark(ends=ENDS)
        mark(frame="b.JPG", ends=(7, 8, 0, 0), count=1)
        settings.length = 0.34
        file = str(tmp_path / "kept.blend")
        bpy.ops.wm.save_as_mainfile(filepath=file)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert not bpy.context.scene.turnaround.segments
        bpy.ops.wm.open_mainfile(filepath=file)
        found = bpy.context.scene.turnaround
        assert {entry.frame: entry.ends for entry in found.segments} == {
            "a.jpg": ((410, 300), (520, 310.25)),
            "b.JPG": ((7, 8),),
        }
        assert (found.length_of, found.length) == ("segment", pytest.approx(0.34))

    def test_they_are_removed_one_photo_at_a_time_or_all(self, settings):
        import bpy

        with pytest.raises(RuntimeError, match="poll"):
            bpy.ops.turnaround.remove_segment()
        mark(ends=ENDS)
        mark(frame="b.JPG", ends=ENDS)
        settings.active_segment = 0
        bpy.ops.turnaround.remove_segment()
        assert [(e.frame, settings.active_segment) for e in settings.segments] == [("b.JPG", 0)]
        mark(ends=ENDS)
        bpy.ops.turnaround.remove_segment(every=True)
        assert not settings.segments

    def test_another_capture_takes_them_away_and_a_lost_photo_is_named(self, settings, capture, addon, runnable):
        import bpy

        mark(ends=ENDS)
        mark(frame="b.JPG", ends=ENDS)
        (capture / "b.JPG").unlink()
        assert "b.JPG is no longer in the capture" in addon.draw("reconstruct").texts()
        assert set(settings.job_spec().segment) == {"a.jpg"}
        (capture / "a.jpg").rename(capture / "c.jpg")
        assert "no longer in the capture" in addon("operators").reason_not_to_run(bpy.context)
        other = capture.parent / "other"
        other.mkdir()
        (other / "a.jpg").touch()
        settings.capture = str(other)
        assert [entry.frame for entry in settings.segments] == ["a.jpg"], "another folder may have a photo of the name"
        (other / "a.jpg").rename(other / "z.jpg")
        settings.capture = str(other) + "/"
        assert not settings.segments


class TestThePanel:
    def test_the_tool_and_the_list_are_there_where_the_length_measures_points(self, settings, addon):
        import bpy

        assert "turnaround.click_length" not in addon.draw("reconstruct").operators()
        settings.use_length, settings.length_of = True, "segment"
        drawn = addon.draw("reconstruct")
        assert "turnaround.click_length" in drawn.operators()
        assert drawn_lists(drawn) == []
        mark(ends=ENDS)
        mark(frame="b.JPG", ends=(1, 2, 0, 0), count=1)
        drawn = addon.draw("reconstruct")
        assert drawn.operators().count("turnaround.remove_segment") == 2
        assert "Only one point is marked on b.JPG" in " ".join(drawn.texts().split())
        layout = addon.recorder()
        for entry in settings.segments:
            addon("length_panel").TURNAROUND_UL_segments.draw_item(
                None, bpy.context, layout, settings, entry, 0, None, "", 0, 0
            )
        assert layout.texts() == "a.jpg  110 px b.JPG  one point"

    def test_points_without_a_length_and_a_length_of_something_else(self, settings, addon):
        mark(ends=ENDS)
        settings.use_length = False
        drawn = addon.draw("reconstruct")
        assert "no length" in drawn.texts()
        assert "turnaround.remove_segment" in drawn.operators()
        settings.use_length, settings.length_of = True, "height"
        assert "not used" in addon.draw("reconstruct").texts()

    def test_it_is_beside_the_photo_too(self, settings, addon):
        import bpy

        mark(ends=ENDS)
        layout = addon.recorder()
        panel = addon("length_panel").TURNAROUND_PT_length_image
        for draw in (panel.draw_header, panel.draw):
            draw(SimpleNamespace(layout=layout), bpy.context)
        assert "turnaround.click_length" in layout.operators()
        assert [args[1] for name, args, _ in layout.drawn if name == "prop"] == ["use_length", "length", "length_of"]

    def test_a_photo_that_the_last_job_could_not_place_is_named(self, settings, addon, monkeypatch, tmp_path):
        monkeypatch.setattr(addon("properties"), "jobs_folder", lambda: tmp_path / "jobs")
        mark(ends=ENDS)
        assert "no camera" not in addon.draw("reconstruct").texts()
        write_job(settings.own_job, {"a": "a.jpg", "b": "b.JPG"}, ["b"])
        assert "no camera for a.jpg" in " ".join(addon.draw("reconstruct").texts().split())

    def test_the_button_ends_the_tool_that_is_at_work(self, window, addon, settings, monkeypatch):
        settings.use_length, settings.length_of = True, "segment"
        monkeypatch.setattr(addon("photo_tool"), "_tool", window.tool)
        assert "Done" in addon.draw("reconstruct").texts()
        assert "Done" not in addon.draw("object").texts(), "the other tool is not at work"

    def test_every_choice_says_what_it_measures(self, addon):
        items = addon("segments").length_items()
        assert all(text for _, _, text in items)
        assert [name for name, _, _ in items] == [*importlib.import_module(f"{MODULE}.protocol").LENGTH_OF, "segment"]


def write_job(folder, sources, placed):
    """As much of a job as says which photos have a camera."""
    from pathlib import Path

    for name, content in (
        ("01_frames/frames.json", {"frames": [{"name": n, "source": s} for n, s in sources.items()]}),
        ("04_cameras/cameras.json", {"cameras": [{"name": n} for n in placed]}),
    ):
        path = Path(folder) / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))


class Window:
    """An image editor of 512 x 256 screen pixels at (50, 20) that shows a photo of 1024 x 512; not Blender's own."""

    def __init__(self, addon, frame="a.jpg"):
        photo_tool, operators = addon("photo_tool"), addon("segment_operators")
        tool = operators.TURNAROUND_OT_click_length
        own = {name: thing for name, thing in vars(tool).items() if name[:2] not in {"bl", "__"}}
        # Blender lets nobody but itself make an operator; the class without its base is all that is ours of it.
        self.tool = type("Tool", (photo_tool.PhotoTool,), own | {"bl_idname": tool.bl_idname})()
        view = SimpleNamespace(region_to_view=lambda x, y: (x / 512, y / 256))
        region = SimpleNamespace(type="WINDOW", x=50, y=20, width=512, height=256, view2d=view)
        image = {photo_tool.FRAME: frame, photo_tool.SIZE: (1024, 512)}
        spaces = SimpleNamespace(active=SimpleNamespace(image=image))
        area = SimpleNamespace(type="IMAGE_EDITOR", regions=[region], spaces=spaces, tag_redraw=lambda: None)
        self.ended = []
        self.tool.__dict__ |= {
            "area": area, "press": None, "stroke": [], "mouse": None, "waiting": False, "frame": frame,
            "bl_idname": tool.__name__,  # as Blender calls an instance
            "_end": lambda context, finished=False: self.ended.append(finished) or {"FINISHED"},
        }  # fmt: skip

    def event(self, kind, value, x, y):
        """An event over the photo's pixel (x, y)."""
        import bpy

        place = {"mouse_x": 50 + x / 2, "mouse_y": 20 + (512 - y) / 2}
        return self.tool._heard(bpy.context, SimpleNamespace(type=kind, value=value, ctrl=False, alt=False, **place))

    def drag(self, start, stop):
        self.event("LEFTMOUSE", "PRESS", *start)
        self.event("MOUSEMOVE", "NOTHING", *stop)
        self.event("LEFTMOUSE", "RELEASE", *stop)

    def click(self, x, y):
        self.drag((x, y), (x, y))


@pytest.fixture
def window(addon, settings):
    return Window(addon)


class TestTheTool:
    def ends(self, settings):
        return [entry.ends for entry in settings.segments]

    def test_two_clicks_mark_the_ends_in_pixels_of_the_photo(self, window, settings):
        window.click(100, 50)
        assert self.ends(settings) == [((100, 50),)]
        window.click(300, 80)
        assert self.ends(settings) == [((100, 50), (300, 80))]
        assert settings.length_of == "segment"
        window.click(400, 400)
        assert self.ends(settings) == [((400, 400),)], "a third click begins anew"

    def test_an_end_is_dragged_to_where_it_should_be_and_not_out_of_the_photo(self, window, settings):
        window.click(100, 50)
        window.click(300, 80)
        window.drag((304, 84), (500, 490))
        assert self.ends(settings) == [((100, 50), (500, 490))]
        window.drag((100, 50), (-300, 40))
        assert self.ends(settings) == [((0, 40), (500, 490))]

    def test_a_click_beside_the_photo_marks_nothing(self, window, settings):
        window.event("LEFTMOUSE", "PRESS", -20, 50)
        window.event("LEFTMOUSE", "RELEASE", -20, 50)
        assert self.ends(settings) == []

    def test_escape_drops_a_drag_then_a_lone_point_and_then_ends(self, window, settings):
        window.click(100, 50)
        window.click(300, 80)
        window.event("LEFTMOUSE", "PRESS", 300, 80)
        window.event("MOUSEMOVE", "NOTHING", 500, 450)
        window.event("ESC", "PRESS", 500, 450)
        window.event("LEFTMOUSE", "RELEASE", 500, 450)
        assert self.ends(settings) == [((100, 50), (300, 80))]
        window.click(600, 50)
        window.event("ESC", "PRESS", 500, 450)
        assert (self.ends(settings), window.ended) == ([], [])
        window.event("ESC", "PRESS", 500, 450)
        assert window.ended == [True]

    def test_the_line_follows_the_mouse(self, window):
        tool = window.tool
        assert tool.preview(()) == ()
        window.event("MOUSEMOVE", "NOTHING", 300, 80)
        assert tool.preview(((100, 50),)) == ((100, 50), (300, 80))
        assert tool.preview(((100, 50), (200, 60))) == ((100, 50), (200, 60))
        window.event("LEFTMOUSE", "PRESS", 200, 60)
        window.event("MOUSEMOVE", "NOTHING", 300, 80)
        assert tool.preview(((100, 50), (200, 60))) == ((100, 50), (300, 80))

    def test_what_the_mouse_is_about_to_do_is_drawn_on_its_photo_alone(self, addon, window, settings, monkeypatch):
        previewed = addon("segment_operators").previewed
        window.event("MOUSEMOVE", "NOTHING", 300, 80)
        assert previewed("a.jpg", ((100, 50),)) == ((100, 50),)
        monkeypatch.setattr(addon("photo_tool"), "_tool", window.tool)
        assert previewed("a.jpg", ((100, 50),)) == ((100, 50), (300, 80))
        assert previewed("b.JPG", ((100, 50),)) == ((100, 50),)

    def test_other_photos_keep_theirs(self, addon, window, settings):
        window.click(100, 50)
        window.click(300, 80)
        other = Window(addon, "b.JPG")
        other.click(1, 2)
        other.click(30, 40)
        assert set(settings.job_spec().segment) == {"a.jpg", "b.JPG"}

    def test_it_begins_on_a_photo_that_has_a_camera(self, window, settings, addon, monkeypatch, tmp_path):
        import bpy

        monkeypatch.setattr(addon("properties"), "jobs_folder", lambda: tmp_path / "jobs")
        window.tool._begin(bpy.context)
        assert (settings.shown_frame, settings.use_length, settings.length_of) == ("a.jpg", True, "segment")
        write_job(settings.own_job, {"a": "a.jpg", "b": "b.JPG"}, ["b"])
        window.tool._begin(bpy.context)
        assert settings.shown_frame == "b.JPG"

    def test_without_a_window_it_loads_the_photo(self, settings, backend, monkeypatch, tmp_path):
        import bpy

        picture = tmp_path / "p.ppm"
        picture.write_bytes(b"P6 4 3 255\n" + bytes(36))
        monkeypatch.setenv("FAKE_PREVIEW", str(picture))
        backend("done")
        assert bpy.ops.turnaround.click_length() == {"FINISHED"}
        assert any(image.name.startswith("a.jpg") for image in bpy.data.images)


class TestDrawing:
    def test_the_length_is_said_in_the_scenes_units(self, settings, scene, addon):
        said = addon("segment_overlay").said
        settings.length = 0.12
        assert said(scene) == "12 cm"
        scene.unit_settings.system = "IMPERIAL"
        settings.length = 0.3048
        assert said(scene) == "1'"
        settings.length = 0.12
        scene.unit_settings.system = "NONE"
        assert said(scene) == "0.12"

    @pytest.mark.parametrize("ends", [((0, 0), (100, 0)), ((100, 0), (0, 0)), ((0, 0), (100, 60))])
    def test_its_text_stands_above_the_line(self, addon, ends):
        x, y = addon("segment_overlay").beside(*ends)
        (x0, y0), (x1, y1) = ends
        on_line = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        assert y > on_line + 15

    def test_of_an_upright_line_it_stands_beside(self, addon):
        x, y = addon("segment_overlay").beside((50, 0), (50, 100))
        assert abs(x - 50) > 30
        assert y == 50
