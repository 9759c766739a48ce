# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip: what is in it, that it is the same every time, and that Blender's own validator takes it."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

# The tags for add-ons that extensions.blender.org lists; the validator takes them from a file.
TAGS = (
    "3D View", "Add Curve", "Add Mesh", "Animation", "Bake", "Camera", "Compositing", "Development", "Game Engine",
    "Geometry Nodes", "Grease Pencil", "Import-Export", "Lighting", "Material", "Modeling", "Mesh", "Node", "Object",
    "Paint", "Pipeline", "Physics", "Render", "Rigging", "Scene", "Sculpt", "Sequencer", "System", "Text Editor",
    "Tracking", "User Interface", "UV",
)  # fmt: skip


@pytest.fixture(scope="module")
def builder(repository: Path):
    spec = importlib.util.spec_from_file_location("build_extension", repository / "scripts" / "build_extension.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """A small copy of the repository's shape, with what must stay out."""
    root = tmp_path / "tree"
    for folder in (
        "addon/importer",
        "addon/__pycache__",
        "backend",
        "kernels",
        "tests",
        "samples",
        ".git",
        ".environments",
    ):
        (root / folder).mkdir(parents=True)
        (root / folder / "a.py").write_text("x = 1\n")
    (root / "kernels" / ".hidden.py").write_text("")
    (root / "backend" / "table.json").write_text("{}")
    (root / "backend" / "library.so").write_bytes(b"")
    for name in ("__init__.py", "blender_manifest.toml", "LICENSE", "pyproject.toml", "protocol/__init__.py"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(repository / name, root / name)
    return root


def test_it_holds_the_source_and_nothing_else(builder, tree, tmp_path):
    with zipfile.ZipFile(builder.build(tree, tmp_path / "out")) as archive:
        assert archive.namelist() == [
            "LICENSE", "__init__.py", "addon/importer/a.py", "backend/a.py", "backend/table.json",
            "blender_manifest.toml", "kernels/a.py", "protocol/__init__.py", "pyproject.toml",
        ]  # fmt: skip
        assert archive.testzip() is None


def test_the_same_files_give_the_same_bytes(builder, tree, tmp_path):
    first = builder.build(tree, tmp_path / "one").read_bytes()
    for path in tree.rglob("*.py"):
        path.touch()
        path.chmod(0o600)
    assert builder.build(tree, tmp_path / "two").read_bytes() == first


def test_the_real_one_is_small_and_has_no_wheels(builder, repository, tmp_path):
    target = builder.build(repository, tmp_path)
    version = tomllib.loads((repository / "blender_manifest.toml").read_text())["version"]
    assert target.name == f"turnaround-{version}.zip"
    assert target.stat().st_size < 1_000_000
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
    assert {Path(n).suffix for n in names} <= {".py", ".toml", ".json", ".txt", ".md", ".png", ""}
    assert "addon/icon.png" in names
    assert not [n for n in names if re.search(r"(^|/)(tests|samples|docs|__pycache__)/|\.whl$", n)]
    assert "addon/importer/scene.py" in names
    assert "backend/__main__.py" in names
    assert not list(tmp_path.glob("*.partial"))


def test_a_tree_that_lacks_a_part_or_disagrees_is_refused(builder, tree, tmp_path):
    (tree / "protocol" / "__init__.py").unlink()
    with pytest.raises(ValueError, match=r"protocol/__init__\.py"):
        builder.build(tree, tmp_path)
    manifest = tree / "blender_manifest.toml"
    manifest.write_text(manifest.read_text().replace('version = "0.1.0"', 'version = "9.9.9"'))
    with pytest.raises(ValueError, match=r"9\.9\.9"):
        builder.build(tree, tmp_path)


def test_too_large_a_zip_is_refused_and_removed(builder, tree, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100 bytes"):
        builder.build(tree, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_the_manifest_keeps_the_platforms_rules(repository):
    manifest = tomllib.loads((repository / "blender_manifest.toml").read_text())
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert manifest["blender_version_min"] == "4.2.0"
    assert set(manifest["permissions"]) == {"files", "network"}, "files, and the packages that Install downloads"
    for text in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(text) <= 64
        assert not text.endswith(".")
    assert "Blender" not in manifest["name"]
    assert set(manifest["tags"]) <= set(TAGS)
    assert "wheels" not in manifest


def test_the_addon_imports_only_what_its_room_allows_and_opens_no_connection(repository):
    room = repository / "addon"
    # Only the installer, which a person starts, may fetch something.
    files = [p for p in room.rglob("*.py") if p.relative_to(room).parts[0] != "environment"]
    text = "\n".join(p.read_text() for p in files)
    for word in ("urllib", "http.client", "socket", "requests", "multiprocessing", "os.system"):
        assert not re.search(rf"^\s*(import|from) {re.escape(word)}\b", text, re.MULTILINE), word


@pytest.mark.bpy
def test_blenders_own_validator_takes_it_with_its_tags(builder, repository, tmp_path):
    import bpy

    tool = next(Path(bpy.utils.resource_path("LOCAL")).rglob("bl_pkg/cli/blender_ext.py"))
    tags = tmp_path / "tags.json"
    tags.write_text(json.dumps({"add-on": list(TAGS), "theme": []}))
    target = builder.build(repository, tmp_path)
    command = [sys.executable, str(tool), "validate", "--valid-tags", str(tags), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tags.write_text(json.dumps({"add-on": ["Camera"], "theme": []}))
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0
