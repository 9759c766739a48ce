# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch: one scene a capture, failures that do not stop it, a table and an honest exit status."""

from __future__ import annotations

import csv
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


class TestPlan:
    def test_captures_patterns_and_lists_each_once_with_names_of_their_own(self, batch, tmp_path):
        for name in ("a/images", "b/images", "c"):
            (tmp_path / "shoot" / name).mkdir(parents=True)
        plain = tmp_path / "plain.txt"
        plain.write_text("# a comment\n\nshoot/c\nshoot/a/images\n")
        table = tmp_path / "table.csv"
        table.write_text('capture,name,preset,point\nshoot/b/images,vase,quality,\nelse/c,,,"3,4"\n')
        items = batch.plan([tmp_path / "shoot" / "c"], [f"{tmp_path}/shoot/*/images"], [plain, table])
        assert [(i.capture.relative_to(tmp_path).as_posix(), i.name, i.flags) for i in items] == [
            ("shoot/c", "c", []),
            ("shoot/a/images", "a", []),
            ("shoot/b/images", "b", []),
            ("else/c", "c-2", ["--point", "3,4"]),
        ]

    @pytest.mark.parametrize(
        ("patterns", "text", "said"),
        [(["no/such/*"], "x", "matches nothing"), ([], "# only\n", "empty list"), ([], "capture,name\n,x\n", "row 2")],
    )
    def test_what_names_nothing_is_an_error(self, batch, tmp_path, patterns, text, said):
        file = tmp_path / "list.txt"
        file.write_text(text)
        with pytest.raises(ValueError, match=said):
            batch.plan([], patterns, [file])


class TestSummary:
    def test_the_page_names_pictures_relatively_and_escapes(self, batch, tmp_path):
        job = tmp_path / "out" / "jobs" / "a & b"
        (job / "07_export").mkdir(parents=True)
        (job / "07_export" / "preview.png").write_bytes(b"x")
        (job / "log.txt").touch()
        scene = tmp_path / "out" / "a & b.blend"
        rows = [
            batch.Row("a & b", "done", 90, "5/6", str(scene), job, "/photos/a", {"mesh_psnr": 27.16}, ["<two> notes"]),
            batch.Row("c", "failed", 3, outcome="cameras: no <match>"),
        ]
        batch.summary.write(rows, tmp_path / "out")
        page = (tmp_path / "out" / "summary.html").read_text()
        assert '<img src="jobs/a%20%26%20b/07_export/preview.png"' in page
        assert 'href="a%20%26%20b.blend"' in page
        assert "1 of 2 captures are done" in page
        assert "no &lt;match&gt;" in page
        assert "&lt;two&gt; notes" in page
        assert "27.2" in page
        with (tmp_path / "out" / "summary.csv").open(newline="") as file:
            read = list(csv.DictReader(file))
        assert [(r["name"], r["state"], r["mesh_psnr"], r["outcome"]) for r in read] == [
            ("a & b", "done", "27.16", str(scene)),
            ("c", "failed", "", "cameras: no <match>"),
        ]


@pytest.mark.bpy
class TestRuns:
    @pytest.fixture
    def run(self, batch, job, fake_backend, tmp_path, monkeypatch):
        """Run a batch with a backend that finishes what is not called bad; the sessions that it made."""
        from turnaround.addon.session import Session

        script, log = fake_backend("done"), tmp_path / "backend.log"
        monkeypatch.setenv("FAKE_RESULT", str(job.folder))
        made = []

        def session(_arguments):
            made.append(Session(Path(sys.executable), log, script))
            return made[-1]

        monkeypatch.setattr(batch, "backend_session", session)
        return lambda *arguments: (batch.main([str(a) for a in arguments]), made)

    def test_several_workers_finish_all_and_the_summary_has_every_row(self, run, captures, tmp_path):
        out = tmp_path / "out"
        status, made = run(*captures, "--workers", 2, "--out", out)
        assert status == 1
        assert len(made) == 2
        with (out / "summary.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(r["name"], r["state"], r["photos"]) for r in rows] == [
            ("good duck", "done", "4/5"), ("bad duck", "failed", ""), ("good duck-2", "done", "4/5"),
        ]  # fmt: skip
        assert rows[0]["notes"] == "One photo has no camera."

    def test_the_same_command_again_leaves_alone_what_is_done(self, run, batch, captures, tmp_path):
        out = tmp_path / "out"
        assert run(captures[0], "--out", out)[0] == 0
        spec = batch.spec_of(
            batch.Item(Path(captures[0]), "good duck"), self.plain(batch, out), out / "jobs" / "good duck"
        )
        self.record(out / "jobs" / "good duck", spec)
        scene = out / "good duck.blend"
        scene.touch()
        written = scene.stat().st_mtime_ns
        assert run(captures[0], "--out", out)[0] == 0
        assert scene.stat().st_mtime_ns == written
        assert run(captures[0], "--out", out, "--preset", "quality")[0] == 0
        assert scene.stat().st_mtime_ns > written, "another job"

    @staticmethod
    def plain(batch, out):
        return batch.parser().parse_args(["--out", str(out)])

    @staticmethod
    def record(job, spec):
        """The fake result knows nothing of its spec."""
        from turnaround.protocol import to_dict

        record = json.loads((job / "result.json").read_text())
        (job / "result.json").write_text(json.dumps(record | {"spec": to_dict(spec)}))

    def test_all_in_one_file_stand_side_by_side_as_assets(self, run, captures, tmp_path):
        import bpy

        out = tmp_path / "out"
        assert run(captures[0], captures[2], "--one", "shelf", "--assets", "--out", out)[0] == 0
        assert [p.name for p in out.glob("*.blend")] == ["shelf.blend"]
        bpy.ops.wm.open_mainfile(filepath=str(out / "shelf.blend"))
        roots = [o for o in bpy.context.scene.objects if o.get("turnaround_kind") == "root"]
        assert len(roots) == 2
        assert (roots[0].location - roots[1].location).length >= 0.6, "the job's cube is 0.6 wide"
        marked = [c for c in bpy.data.collections if c.asset_data]
        assert len(marked) == 2
        catalogs = (out / "blender_assets.cats.txt").read_text()
        assert all(c.asset_data.catalog_id in catalogs for c in marked)
        assert run(captures[0], "--assets", "--out", out)[0] == 0
        assert (out / "blender_assets.cats.txt").read_text() == catalogs, "the same catalog"

    def test_flags_of_a_list_hold_for_one_capture(self, run, batch, captures, tmp_path, monkeypatch):
        listed = tmp_path / "list.csv"
        listed.write_text(f"capture,preset\n{captures[0]},quality\n{captures[2]},\n")
        seen = {}
        original = batch.spec_of

        def spec_of(item, arguments, job):
            seen[item.name] = original(item, arguments, job)
            return seen[item.name]

        monkeypatch.setattr(batch, "spec_of", spec_of)
        assert run("--list", listed, "--preset", "draft", "--out", tmp_path / "out")[0] == 0
        assert {name: spec.preset for name, spec in seen.items()} == {"good duck": "quality", "good duck-2": "draft"}
