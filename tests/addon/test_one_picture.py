# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture: dropped, marked, run, and its object at the 3D cursor with the photo's camera."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"


@pytest.fixture
def picture(tmp_path):
    """A picture that lies among others."""
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for name in ("chair.png", "lamp.jpg"):
        (folder / name).write_bytes(b"x")
    return folder / "chair.png"


@pytest.fixture
def single(job):
    """The small job as one of a single picture."""
    record = json.loads((job.folder / "result.json").read_text())
    fallback = {"stage": "shape", "code": "fallback", "message": "A relief was used: triposr is not installed.",
                "hint": "`turnaround models install triposr` guesses the back."}  # fmt: skip
    job.write_cameras(1)
    record |= {"recipe": ["frames", "masks", "assumed_cameras", "shape", "export"], "warnings": [fallback]}
    (job.folder / "result.json").write_text(json.dumps(record))
    return job


def test_without_a_window_the_object_stands_at_the_cursor(addon, scene, backend, picture, single, monkeypatch):
    import bpy

    backend("done")
    monkeypatch.setenv("FAKE_RESULT", str(single.folder))
    scene.cursor.location = (3.0, -2.0, 1.0)
    assert bpy.ops.turnaround.object_from_picture(filepath=str(picture)) == {"FINISHED"}
    settings = scene.turnaround
    assert Path(settings.capture) == picture
    assert (settings.shown_frame, settings.recipe) == ("chair.png", "auto")
    assert Path(settings.job).name.startswith("chair-"), "called after the picture, not after its folder"
    (root,) = [o for o in scene.objects if o.get("turnaround_kind") == "root"]
    assert tuple(root.location) == (3.0, -2.0, 1.0)
    (camera,) = [o for o in scene.objects if o.type == "CAMERA"]
    assert camera.parent is root
    bpy.context.view_layer.update()
    local = np.array(camera.matrix_basis)[:3, 3]
    np.testing.assert_allclose(np.array(camera.matrix_world)[:3, 3], local + np.array([3, -2, 1]), atol=1e-6)


def test_a_second_import_leaves_it_where_it_was_put(scene, single):
    import bpy

    bpy.ops.turnaround.import_result(job=str(single.folder), place=(1, 1, 1), use_place=True)
    (root,) = [o for o in scene.objects if o.get("turnaround_kind") == "root"]
    root.location = (5, 5, 5)
    bpy.ops.turnaround.import_result(job=str(single.folder), place=(1, 1, 1), use_place=True)
    assert tuple(root.location) == (5, 5, 5)


def test_the_panel_says_what_was_made_up_and_imports_at_the_cursor(addon, scene, single):
    scene.turnaround.job = str(single.folder)
    scene.cursor.location = (0.0, 4.0, 0.0)
    made = []
    recorder = addon.recorder
    layout = recorder()
    original = recorder.__getattr__

    def keep(self, name):
        call = original(self, name)
        return (lambda *a, **k: made.append((a[0], call(*a, **k))) or made[-1][1]) if name == "operator" else call

    recorder.__getattr__ = keep
    try:
        addon("result_panel").TURNAROUND_PT_result.draw(type("S", (), {"layout": layout})(), __import__("bpy").context)
    finally:
        recorder.__getattr__ = original
    button = next(b for name, b in made if name == "turnaround.import_result")
    assert button.use_place
    assert tuple(button.place) == (0.0, 4.0, 0.0)
    notes = addon.draw("notes")
    assert "A relief was used: triposr is not installed. Installing triposr guesses the back." in notes.texts()
    assert "turnaround.model_install" in notes.operators()


@pytest.mark.parametrize("dropped", [("chair.png", "lamp.jpg"), ("notes.txt",), ("absent.png",)])
def test_anything_but_one_picture_is_refused_and_changes_nothing(scene, capture, picture, dropped):
    import bpy

    before = scene.turnaround.capture
    with pytest.raises(RuntimeError, match="Choose one picture"):
        bpy.ops.turnaround.object_from_picture(directory=str(picture.parent), files=[{"name": n} for n in dropped])
    assert scene.turnaround.capture == before


def test_without_a_backend_the_picture_is_chosen_and_the_way_out_said(scene, picture, monkeypatch):
    import bpy

    monkeypatch.setenv("TURNAROUND_PYTHON", "/no/such/python")
    assert bpy.ops.turnaround.object_from_picture(filepath=str(picture)) == {"FINISHED"}
    assert Path(scene.turnaround.capture) == picture
    assert not scene.turnaround.job


def test_the_spec_names_the_recipe_and_a_scene_takes_no_marks(scene, capture, addon):
    import bpy

    settings = scene.turnaround
    bpy.ops.turnaround.add_point(x=1, y=2)
    assert settings.job_spec().recipe == "auto"
    settings.recipe = "scene"
    spec = settings.job_spec()
    assert (spec.recipe, spec.prompts, spec.masks) == ("scene", {}, None)
    settings.recipe = "single_picture"
    assert settings.job_spec().prompts
    protocol = importlib.import_module(f"{MODULE}.protocol")
    assert tuple(settings.bl_rna.properties["recipe"].enum_items.keys()) == protocol.RECIPES
    settings.recipe = "auto"
    settings.take(spec)
    assert settings.recipe == "scene"


def test_the_drop_is_offered_for_pictures_in_3d_views(scene, addon):
    handler = addon("one_picture").TURNAROUND_FH_picture
    assert {".png", ".jpg", ".gif"} <= set(handler.bl_file_extensions.split(";"))
    assert handler.poll_drop(type("C", (), {"area": type("A", (), {"type": "VIEW_3D"})}))
    assert not handler.poll_drop(type("C", (), {"area": type("A", (), {"type": "IMAGE_EDITOR"})}))
