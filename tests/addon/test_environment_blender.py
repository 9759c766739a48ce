# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's set-up in Blender: what the operators do and refuse, what is drawn, nothing without a click."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"


class Layout:
    """Takes what a panel draws; ``texts`` and ``operators`` are what a person sees."""

    def __init__(self, seen: dict[str, list[str]] | None = None) -> None:
        self.seen = seen if seen is not None else {"texts": [], "operators": []}

    def label(self, text: str = "", **_: Any) -> None:
        self.seen["texts"].append(text)

    def progress(self, text: str = "", **_: Any) -> None:
        self.seen["texts"].append(text)

    def operator(self, name: str, text: str = "", **_: Any) -> Any:
        self.seen["operators"].append(name)
        return self

    def _part(self, **_: Any) -> Layout:
        return Layout(self.seen)

    column = row = box = _part

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def module(name: str) -> Any:
    return importlib.import_module(f"{MODULE}.addon.{name}")


@pytest.fixture
def setting_up(scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The extension with an empty folder for the backend, a tiny lock and a backend that says it is well."""
    monkeypatch.delenv("TURNAROUND_PYTHON", raising=False)
    runtime = module("environment_runtime")
    runtime.shut_down()
    kept = module("preferences").preferences()
    packages = tmp_path / "päckages folder"
    packages.mkdir()
    name, data = tiny()
    (packages / name).write_bytes(data)
    import hashlib

    digest = hashlib.sha256(data).hexdigest()
    machine = importlib.import_module(f"{MODULE}.addon.environment.machine")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    lock = {
        "sources": {"x": "https://packages.invalid/"},
        "imports": ["tiny"],
        "files": {name: ["x", name, len(data), digest]},
        "platforms": {machine.this_platform(): {python: {"base": [], "torch": {"cpu": [name]}}}},
    }
    (tmp_path / "lock.json").write_text(json.dumps(lock))
    (tmp_path / "backend.py").write_text('print(\'{"checks": [{"name": "x", "ok": true, "detail": ""}]}\')\n')
    kept.python, kept.packages, kept.backend_folder = "", "", str(tmp_path / "Grüße an alle")
    manager = runtime.manager()
    manager._lock, manager._backend = tmp_path / "lock.json", tmp_path / "backend.py"
    yield kept, manager, packages
    runtime.shut_down()
    # Fetched anew: Blender may have moved its preferences meanwhile, and the old reference would write where they were.
    kept = module("preferences").preferences()
    kept.python, kept.packages, kept.backend_folder = "", "", ""


def tiny() -> tuple[str, bytes]:
    """A wheel with one module."""
    import io

    out, info = io.BytesIO(), "tiny-1.0.dist-info"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return "tiny-1.0-py3-none-any.whl", out.getvalue()


def drawn() -> dict[str, list[str]]:
    import bpy

    layout = Layout()
    module("environment_panel").draw_setup(layout, bpy.context)
    return layout.seen


def test_install_check_and_remove_by_operators(setting_up):
    import bpy

    kept, manager, packages = setting_up
    preferences, panel = module("preferences"), module("environment_panel")
    assert preferences.backend_python() is None
    assert panel.TURNAROUND_PT_backend.poll(bpy.context)
    assert "The backend is not installed" in drawn()["texts"]
    kept.packages = str(packages)
    assert bpy.ops.turnaround.backend_install() == {"FINISHED"}
    python = preferences.backend_python()
    assert Path(kept.backend_folder) in python.parents
    assert "Grüße an alle" in str(python)
    assert not panel.TURNAROUND_PT_backend.poll(bpy.context), "nothing to do, so nothing in the way"
    assert drawn()["operators"][0] == "turnaround.backend_check"
    assert bpy.ops.turnaround.backend_check() == {"FINISHED"}
    assert bpy.ops.turnaround.backend_diagnostics() == {"FINISHED"}
    repair = module("environment_operators").repair
    assert repair() == ("turnaround.backend_install", "Repair Backend"), "an error of its libraries, all files there"
    python.unlink()
    manager.forget()
    assert module("environment_panel").LABELS[manager.status().button][0] == "Repair Backend"
    assert repair() == ("turnaround.backend_install", "Repair Backend")
    kept.packages = ""
    assert repair() == ("turnaround.preferences", "Open Preferences"), "offline: a click alone cannot"
    kept.packages = str(packages)
    assert bpy.ops.turnaround.backend_install() == {"FINISHED"}
    assert preferences.backend_python().is_file()
    assert bpy.ops.turnaround.backend_remove() == {"FINISHED"}
    assert preferences.backend_python() is None
    assert drawn()["operators"][0] == "turnaround.backend_install"


def test_without_online_access_nothing_is_asked_of_the_network(setting_up):
    import bpy

    kept, manager, packages = setting_up
    assert not bpy.app.online_access, "the module starts offline"
    assert not manager.settings.online
    assert not bpy.ops.turnaround.backend_install.poll()
    operators = module("environment_operators")
    assert operators.reason_not_to_install(module("environment_runtime").manager()) == operators.OFFLINE
    assert operators.OFFLINE[:30] in " ".join(drawn()["texts"])
    kept.packages = str(packages)
    assert bpy.ops.turnaround.backend_install.poll(), "files are never gated"
    kept.packages = "https://mirror.invalid/wheels"
    assert not bpy.ops.turnaround.backend_install.poll()
    kept.packages = "http://localhost:1/wheels"
    assert bpy.ops.turnaround.backend_install.poll(), "this computer is never gated"


def test_a_failure_is_drawn_with_its_way_out(setting_up):
    import bpy

    kept, manager, packages = setting_up
    (packages / "tiny-1.0-py3-none-any.whl").write_bytes(b"not a wheel")
    kept.packages = str(packages)
    with pytest.raises(RuntimeError, match="its SHA-256 is another"):
        bpy.ops.turnaround.backend_install()
    seen = drawn()
    assert "Take it out of the folder" in " ".join(seen["texts"])
    assert seen["operators"][0] == "turnaround.backend_install"
    assert module("environment_panel").LABELS[manager.status().button][0] == "Continue Installing"


def test_an_environment_of_ones_own_is_used_and_never_deleted(setting_up, tmp_path):
    import bpy

    kept, _manager, packages = setting_up
    kept.packages = str(packages)
    bpy.ops.turnaround.backend_install()
    python = module("preferences").backend_python()
    own = python.parents[1]
    kept.backend_folder = str(tmp_path / "another")
    assert module("preferences").backend_python() is None
    assert bpy.ops.turnaround.backend_use(filepath=str(own)) == {"FINISHED"}
    assert module("preferences").backend_python() == python
    assert not bpy.ops.turnaround.backend_remove.poll()
    assert not bpy.ops.turnaround.backend_install.poll()
    with pytest.raises(RuntimeError, match="There is no Python at"):
        bpy.ops.turnaround.backend_use(filepath=str(tmp_path))


def test_disabling_the_extension_ends_the_builder(setting_up):
    import bpy

    _kept, manager, _packages = setting_up
    manager.look_around()
    child = manager._child
    assert child is not None
    bpy.ops.preferences.addon_disable(module=MODULE)
    assert child.poll() is not None
    bpy.ops.preferences.addon_enable(module=MODULE)
