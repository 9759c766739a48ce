# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks in Blender's module, with a backend that answers mask requests from a plan."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"
BACKEND = """
import json, sys
polls = 0
names = ["a.jpg", "b.jpg", "c.jpg"]
for line in sys.stdin:
    r = json.loads(line); m, p = r["method"], r["params"]; out = {}
    if m == "hello": out = {"version": 1, "product": "x", "capabilities": {}}
    elif m == "masks_open":
        film = p["capture"].endswith(".mp4")
        if film: names = ["clip.mp4#0.000", "clip.mp4#0.500", "clip.mp4#1.000"]
        out = {"session": "7", "engine": "photos", "note": "", "frames": names, "masks": "" if film else "/final"}
    elif m == "masks_prompt":
        found = {"frame": p["frame"], "mask": "/m%d.png" % len(p["prompts"]), "confidence": 0.9}
        out = {**found, "contour": [[[0, 0], [9, 0], [9, 9]]]}
    elif m == "masks_propagate": out = {"started": True}
    elif m == "masks_state":
        polls += 1
        sure = dict(zip(names, (0.9, 0.9, 0.3)))
        rows = {n: {"mask": "/m1.png", "confidence": sure[n], "prompted": n == names[0]} for n in names}
        out = {"state": "done" if polls > 2 else "running", "fraction": 0.5, "message": "", "hint": "", "frames": rows}
    print(json.dumps({"jsonrpc": "2.0", "id": r["id"], "result": out}), flush=True)
    if m == "shutdown": break
"""


@pytest.fixture
def addon(scene):
    return lambda name: importlib.import_module(f"{MODULE}.addon.{name}")


@pytest.fixture
def capture(scene, addon, tmp_path, monkeypatch):
    folder = tmp_path / "capture"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"x")
    scene.turnaround.capture = str(folder)
    script = tmp_path / "backend.py"
    script.write_text(BACKEND)
    monkeypatch.setenv("TURNAROUND_PYTHON", sys.executable)
    session = addon("session")
    original = session.Session.__init__
    monkeypatch.setattr(
        session.Session, "__init__", lambda self, python, log, _=None: original(self, python, log, script)
    )
    return folder


def test_strokes_are_kept_and_sent(scene, capture, addon):
    import bpy

    path = json.dumps([[1, 2], [30, 40]])
    assert bpy.ops.turnaround.add_point(frame="a.jpg", path=path, radius=6.5, label=0) == {"FINISHED"}
    assert bpy.ops.turnaround.add_point(frame="a.jpg", x=5, y=6) == {"FINISHED"}
    stroke, point = (prompt.as_protocol() for prompt in scene.turnaround.prompts)
    assert stroke == {"type": "stroke", "points": [[1, 2], [30, 40]], "radius": 6.5, "label": 0}
    assert point == {"type": "point", "xy": [5, 6], "label": 1}
    marking = addon("marking")
    assert marking.thinned([(0, 0), (1, 0), (5, 0), (5.5, 0)], 3) == [[0, 0], [5, 0], [5.5, 0]]


def test_marks_beside_the_object_alone_stay_in_blender(scene, capture):
    import bpy

    bpy.ops.turnaround.add_point(frame="a.jpg", x=5, y=6)
    bpy.ops.turnaround.add_point(frame="b.jpg", x=5, y=6, label=0)
    assert set(scene.turnaround.job_spec().prompts) == {"a.jpg"}


def test_propagate_finds_the_doubtful_photo_and_the_job_gets_the_masks(scene, capture, addon):
    import bpy

    with pytest.raises(RuntimeError, match="Mark the object"):
        bpy.ops.turnaround.propagate_masks()
    bpy.ops.turnaround.add_point(frame="a.jpg", x=5, y=6)
    assert bpy.ops.turnaround.propagate_masks() == {"FINISHED"}
    board = addon("mask_operators").board
    assert set(board.shown) == {"a.jpg", "b.jpg", "c.jpg"}
    assert board.shown["a.jpg"].contour
    assert scene.turnaround.masks == "/final"
    assert scene.turnaround.job_spec().masks is None
    scene.turnaround.use_masks = True
    assert Path(scene.turnaround.job_spec().masks) == Path("/final")
    assert scene.turnaround.position == 1
    assert bpy.ops.turnaround.next_doubtful() == {"FINISHED"}
    assert scene.turnaround.shown_frame == "c.jpg"
    assert scene.turnaround.position == 3
    scene.turnaround.position = 2
    assert scene.turnaround.frame == "b.jpg"
    scene.turnaround.position = 99
    assert scene.turnaround.frame == "c.jpg"
    with pytest.raises(RuntimeError, match="No mask is doubtful"):
        bpy.ops.turnaround.next_doubtful()
    addon("runtime").shut_down()
    assert board.shown == {}


def test_masks_of_a_video_are_shown_and_its_job_takes_the_marks(scene, capture, addon):
    import bpy

    (capture / "clip.mp4").write_bytes(b"x")
    scene.turnaround.capture = str(capture / "clip.mp4")
    bpy.ops.turnaround.add_point(frame="clip.mp4#0.000", x=5, y=6)
    assert bpy.ops.turnaround.propagate_masks() == {"FINISHED"}
    board = addon("mask_operators").board
    assert list(board.shown) == ["clip.mp4#0.000", "clip.mp4#0.500", "clip.mp4#1.000"]
    assert bpy.ops.turnaround.next_doubtful() == {"FINISHED"}
    assert scene.turnaround.shown_frame == "clip.mp4#1.000"
    assert (scene.turnaround.masks, scene.turnaround.job_spec().masks) == ("", None)
    assert set(scene.turnaround.job_spec().prompts) == {"clip.mp4#0.000"}


def test_marks_of_a_crash_are_offered_until_there_are_others(scene, capture, addon):
    import bpy

    board = addon("mask_operators").board
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.turnaround.restore_marks()
    board.kept = {"a.jpg": [{"type": "box", "xyxy": [1, 2, 30, 40]}], "b.jpg": [{"type": "mask", "path": "/m.png"}]}
    assert bpy.ops.turnaround.restore_marks() == {"FINISHED"}
    assert [(p.frame, p.as_protocol()) for p in scene.turnaround.prompts] == [("a.jpg", board.kept["a.jpg"][0])]
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.turnaround.restore_marks()
    board.kept = {}


def test_the_panel_draws_in_every_state(scene, capture, addon):
    import bpy

    class Layout:
        """Accepts what UILayout knows, and remembers texts and operators."""

        def __init__(self, said):
            self.said = said

        def __getattr__(self, name):
            accepted = set(bpy.types.UILayout.bl_rna.functions[name].parameters.keys())

            def call(*args, **kwargs):
                assert set(kwargs) <= accepted, name
                self.said.extend([*(a for a in args if isinstance(a, str)), *map(str, kwargs.values())])
                return Layout(self.said)

            return call

    panel, operators = addon("mask_panel"), addon("mask_operators")
    said = []
    panel.draw_masks(Layout(said), bpy.context)
    assert {"position", "turnaround.propagate_masks", "turnaround.next_doubtful"} <= set(said)
    bpy.ops.turnaround.add_point(frame="a.jpg", x=5, y=6)
    bpy.ops.turnaround.propagate_masks()
    scene.turnaround.tool = "brush"
    scene.turnaround.frame = "c.jpg"
    said.clear()
    panel.draw_masks(Layout(said), bpy.context)
    assert {"brush", "use_masks", "Carried, 30% sure"} <= set(said)
    operators.board.phase = addon("masking").Phase.CARRYING
    said.clear()
    panel.draw_masks(Layout(said), bpy.context)
    assert "turnaround.stop_masks" in said
    scene.turnaround.capture = ""
    said.clear()
    panel.draw_masks(Layout(said), bpy.context)
    assert "Choose photos or a video" in said


def test_the_filmstrip_fits_its_region(scene, addon):
    overlay = addon("overlay")
    cells = overlay.film_cells(["a", "b", "c", "d"], 420)
    assert cells["a"] == (10, 109)
    assert cells["d"] == (310, 409)
    many = overlay.film_cells([str(i) for i in range(1000)], 300)
    assert all(right > left for left, right in many.values())
    assert overlay.sure_colour(0.1)[0] > overlay.sure_colour(0.95)[0]
