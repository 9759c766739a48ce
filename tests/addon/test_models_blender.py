# SPDX-License-Identifier: GPL-3.0-or-later
"""Models in Blender: listed, fetched with progress, stopped, refused offline, removed; with a backend that pretends."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

MODULE = "bl_ext.user_default.turnaround"
BACKEND = """
import json, sys
have, errand, asked = {"small"}, {"name": "", "state": "idle"}, 0
def rows():
    for name, licence in (("small", "MIT"), ("large", "Apache-2.0")):
        purpose = "masks from clicks; the " + name + " one"
        yield {"name": name, "installed": name in have, "licence": licence, "purpose": purpose,
               "size": 2_000_000, "file": name + ".bin"}
for line in sys.stdin:
    r = json.loads(line)
    method, params = r["method"], r.get("params", {})
    result = {}
    if method == "hello":
        result = {"version": 1}
    elif method == "model_install":
        source = params["file"] or "network"
        errand = {"name": params["name"], "action": "install", "state": "running", "fraction": 0.25,
                  "text": "Downloading: 1 of 2 MB from " + source, "message": "", "hint": ""}
        asked = 0
    elif method == "model_remove":
        have.discard(params["name"])
    elif method == "models":
        asked += 1
        if errand["state"] == "running" and asked > 2:
            broken = "broken" in errand["text"]
            have.update(set() if broken else {errand["name"]})
            errand |= {"state": "failed" if broken else "done", "message": "It is not the file.",
                       "hint": "`turnaround models install large` again."}
        result = {"folder": "/m", "models": list(rows()), "errand": errand}
    print(json.dumps({"jsonrpc": "2.0", "id": r["id"], "result": result}), flush=True)
"""


class Layout:
    """Takes what a panel draws: texts, and operators with their model's name."""

    def __init__(self, seen: dict[str, list[Any]] | None = None) -> None:
        object.__setattr__(self, "seen", seen if seen is not None else {"texts": [], "operators": []})
        object.__setattr__(self, "name", "")

    def label(self, text: str = "", **_: Any) -> None:
        self.seen["texts"].append(text)

    def progress(self, text: str = "", **_: Any) -> None:
        self.seen["texts"].append(text)

    def operator(self, name: str, text: str = "", **_: Any) -> Any:
        button = type("Button", (), {"name": ""})()
        self.seen["operators"].append((name, button))
        return button

    def _part(self, **_: Any) -> Layout:
        return Layout(self.seen)

    column = row = box = _part

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def module(name: str) -> Any:
    return importlib.import_module(f"{MODULE}.addon.{name}")


@pytest.mark.bpy
def test_commands_in_texts_become_words_and_buttons(extension):
    models = module("models")

    text = "`turnaround models install sam2.1-small` (184 MB) brings masks."
    assert models.named_in(text) == ["sam2.1-small"]
    assert models.in_words(text) == "installing sam2.1-small (184 MB) brings masks."
    assert models.named_in("`turnaround models install birefnet-general-lite`.") == ["birefnet-general-lite"]
    assert models.named_in("`turnaround models install NAME` with one of a, b.") == []


@pytest.fixture
def pretending(scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The extension with a backend that knows two models, one of which is installed."""
    script = tmp_path / "backend.py"
    script.write_text(BACKEND)
    monkeypatch.setenv("TURNAROUND_PYTHON", sys.executable)
    monkeypatch.setattr(module("runtime").session(), "script", script)
    kept = module("preferences").preferences()
    yield kept
    module("preferences").preferences().packages = ""


def drawn() -> tuple[str, list[tuple[str, str]]]:
    import bpy

    layout = Layout()
    module("models_panel").draw_models(layout, bpy.context)
    return " ".join(layout.seen["texts"]), [(name, button.name) for name, button in layout.seen["operators"]]


@pytest.mark.bpy
class TestModels:
    def test_they_are_listed_with_what_decides_about_them(self, pretending):
        import bpy

        assert drawn()[1] == [("turnaround.backend_models", "")]
        assert bpy.ops.turnaround.backend_models() == {"FINISHED"}
        texts, buttons = drawn()
        assert "2 MB, MIT, the small one" in texts
        assert texts.count("Masks from clicks.") == 1, "one heading for what serves one purpose"
        assert "/m" in texts
        assert ("turnaround.model_remove", "small") in buttons
        assert ("turnaround.model_install", "large") in buttons
        assert ("turnaround.model_import", "large") in buttons
        kind = module("models").TURNAROUND_OT_model_install
        assert "masks from clicks; the large one" in kind.description(bpy.context, type("P", (), {"name": "large"}))

    def test_offline_only_files_are_taken(self, pretending, tmp_path):
        import bpy

        bpy.ops.turnaround.backend_models()
        assert not bpy.app.online_access
        assert "online access is off" in drawn()[0]
        with pytest.raises(RuntimeError, match="online access is off"):
            bpy.ops.turnaround.model_install(name="large")
        (tmp_path / "large.bin").write_bytes(b"x")
        pretending.packages = str(tmp_path)
        assert bpy.ops.turnaround.model_install(name="large") == {"FINISHED"}
        assert str(tmp_path / "large.bin") in module("models").errand()["text"]
        assert ("turnaround.model_remove", "large") in drawn()[1]
        assert bpy.ops.turnaround.model_remove(name="large") == {"FINISHED"}
        assert ("turnaround.model_install", "large") in drawn()[1]

    def test_progress_and_a_failure_are_drawn_where_they_belong(self, pretending, tmp_path):
        import bpy

        models = module("models")
        bpy.ops.turnaround.backend_models()
        running = {"name": "large", "state": "running", "fraction": 0.5, "text": "Downloading: 1 of 2 MB"}
        models.said()["errand"] = running
        texts, buttons = drawn()
        assert "Downloading: 1 of 2 MB" in texts
        assert ("turnaround.model_stop", "") in buttons
        assert module("environment_runtime").in_use(), "the backend must not be replaced meanwhile"
        models.said()["errand"] = {}
        with pytest.raises(RuntimeError, match=r"It is not the file\. installing large again"):
            bpy.ops.turnaround.model_import(name="large", filepath=str(tmp_path / "broken.bin"))
        assert "It is not the file." in drawn()[0]

    def test_a_note_offers_the_model_it_names(self, pretending, job):
        import bpy

        warning = {"stage": "masks", "code": "fallback", "message": "The tracker was used.",
                   "hint": "`turnaround models install large` (2 MB) knows objects."}  # fmt: skip
        job.write_result(warnings=[warning])
        bpy.context.scene.turnaround.job = str(job.folder)
        layout = Layout()
        notes = type("Notes", (), {"layout": layout})()
        module("result_panel").TURNAROUND_PT_notes.draw(notes, bpy.context)
        assert "The tracker was used. Installing large (2 MB) knows objects." in " ".join(layout.seen["texts"])
        assert [(n, b.name) for n, b in layout.seen["operators"]] == [("turnaround.model_install", "large")]

    def test_without_a_backend_the_list_says_so(self, scene, monkeypatch):
        monkeypatch.setenv("TURNAROUND_PYTHON", "/no/such/python")
        assert "Install the backend first" in drawn()[0]
