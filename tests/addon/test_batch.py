# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch: one scene a capture, failures that do not stop it, a table and an honest exit status."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from turnaround.addon.naming import capture_name, photos_in


@pytest.fixture
def batch(repository: Path):
    spec = importlib.util.spec_from_file_location("batch", repository / "scripts" / "batch.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["batch"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["batch"]


@pytest.fixture
def captures(tmp_path: Path) -> list[str]:
    """A good one, a bad one, and another good one of the first one's name."""
    folders = [tmp_path / "good duck", tmp_path / "bad duck", tmp_path / "other" / "good duck"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "a.jpg").touch()
    return [str(folder) for folder in folders]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/duck", "duck"), ("/a/duck/images", "duck"), ("/a/duck/DCIM", "duck"), ("/images", "images"), ("/", "capture"),
     ("/a/duck v1.2", "duck v1.2")],
)  # fmt: skip
def test_a_capture_is_called_by_the_folder_that_says_something(path, name):
    assert capture_name(Path(path)) == name


def test_photos_are_listed_by_suffix(tmp_path):
    for name in ("b.JPG", "a.heic", "c.txt", "d.png"):
        (tmp_path / name).touch()
    assert photos_in(str(tmp_path)) == ["a.heic", "b.JPG", "d.png"]
    assert photos_in(str(tmp_path / "absent")) == []


def test_the_table_lines_up(batch):
    rows = [
        batch.Row("duck", "done", 12.4, "30/30", "duck.blend"),
        batch.Row("a long name", "failed", 3, "", "why\nnot"),
    ]
    lines = batch.table(rows).splitlines()
    assert len(lines) == 3
    assert {line.index(end) for line, end in zip(lines, ("scene,", "duck.blend", "why not"), strict=True)} == {
        lines[0].index("scene,")
    }


def test_it_says_that_it_needs_blender(batch, capsys, monkeypatch):
    monkeypatch.setattr(batch.importlib.util, "find_spec", lambda _name: None)
    assert batch.main(["x", "--out", "y"]) == 2
    assert "bpy" in capsys.readouterr().err


@pytest.mark.bpy
def test_a_failed_capture_does_not_stop_the_others(batch, captures, job, fake_backend, tmp_path, monkeypatch, capsys):
    import bpy
    from turnaround.addon.session import Session

    script = fake_backend("done")
    monkeypatch.setenv("FAKE_RESULT", str(job.folder))
    log = tmp_path / "backend.log"
    monkeypatch.setattr(batch, "backend_session", lambda _arguments: Session(Path(sys.executable), log, script))
    out = tmp_path / "my scenes"
    assert batch.main([*captures, "--preset", "draft", "--point", "3,4", "--out", str(out)]) == 1
    printed = capsys.readouterr()
    lines = [line for line in printed.out.splitlines() if " duck" in line and ("done" in line or "failed" in line)]
    assert [line.split("  ")[0].strip() for line in lines] == ["good duck", "bad duck", "good duck-2"]
    assert "4/5" in lines[0]
    assert "cameras: No two photos match. Take photos closer together." in lines[1]
    assert sorted(p.name for p in out.glob("*.blend*")) == ["good duck-2.blend", "good duck.blend"]
    bpy.ops.wm.open_mainfile(filepath=str(out / "good duck-2.blend"))
    kinds = sorted(o["turnaround_kind"] for o in bpy.context.scene.objects)
    assert kinds == ["camera"] * 4 + ["mesh", "points", "root", "splats"]
    assert all(i.filepath.startswith("//") for i in bpy.data.images if i.get("turnaround_photo"))
    photo = bpy.context.scene.objects["landscape"].data.background_images[0].image
    assert Path(bpy.path.abspath(photo.filepath)).is_file()
    assert batch.main([captures[0], "--out", str(out)]) == 0
    (tmp_path / "good empty").mkdir()
    assert batch.main([str(tmp_path / "good empty"), "--point", "3,4", "--out", str(out)]) == 1
    assert "There is no photo in" in capsys.readouterr().out
    assert json.loads((out / "jobs" / "good duck" / "result.json").read_text())["complete"]


@pytest.mark.bpy
def test_bad_usage_is_two(batch, captures, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TURNAROUND_PYTHON", "/no/such/python")
    for arguments in (
        [captures[0]],
        [captures[0], "--out", str(tmp_path), "--preset", "best"],
        [captures[0], "--out", str(tmp_path)],
    ):
        with pytest.raises(SystemExit) as ended:
            batch.main(arguments)
        assert ended.value.code == 2
    assert "TURNAROUND_PYTHON" in capsys.readouterr().err
