# SPDX-License-Identifier: GPL-3.0-or-later
"""File > Import of splats in every format, through the installed extension and the real backend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.bpy
COUNT = 200
MODULE = "bl_ext.user_default.turnaround"


def columns(values, names):
    """Columns of ``values`` (N, len(names)) by name."""
    return {name: values[:, i] for i, name in enumerate(names)}


@pytest.fixture
def backend(repository, monkeypatch):
    """The backend's own Python, which these tests need beside Blender's."""
    folder = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    python = repository / ".environments" / "backend" / folder
    if not python.is_file():
        pytest.skip("no backend environment in .environments/backend")
    monkeypatch.setenv("TURNAROUND_PYTHON", str(python))
    return python


@pytest.fixture
def splats(tmp_path, write_table):
    """A standard PLY, y down, of random splats with harmonics to degree 3; its columns."""
    rng = np.random.default_rng(5)
    values = columns(rng.uniform((-1, -1, 4), (1, 1, 6), (COUNT, 3)), "xyz")
    values |= columns(rng.normal(0, 1, (COUNT, 3)), ("f_dc_0", "f_dc_1", "f_dc_2"))
    values |= columns(rng.normal(0, 0.2, (COUNT, 45)), tuple(f"f_rest_{i}" for i in range(45)))
    values |= {"opacity": rng.normal(0, 2, COUNT)}
    values |= columns(rng.uniform(-5, -2, (COUNT, 3)), ("scale_0", "scale_1", "scale_2"))
    values |= columns(rng.normal(0, 1, (COUNT, 4)), ("rot_0", "rot_1", "rot_2", "rot_3"))
    values = {name: column.astype(np.float32) for name, column in values.items()}
    write_table(tmp_path / "some splats.ply", values)
    return values


def bring(path: Path, **settings):
    import bpy

    before = set(bpy.context.scene.objects)
    assert bpy.ops.turnaround.import_splats(filepath=str(path), **settings) == {"FINISHED"}
    (item,) = set(bpy.context.scene.objects) - before
    bpy.context.view_layer.update()
    return item


def in_world(item) -> np.ndarray:
    """Centres (N, 3) in Blender's world."""
    flat = np.zeros(len(item.data.vertices) * 3, np.float32)
    item.data.vertices.foreach_get("co", flat)
    matrix = np.array(item.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def upright(values) -> np.ndarray:
    """Where splats of a file whose -y is up stand when z is."""
    return np.stack([values["x"], values["z"], -values["y"]], axis=1)


def test_a_standard_ply_needs_no_backend_and_stands_upright(scene, splats, tmp_path, monkeypatch):
    import bpy

    monkeypatch.setenv("TURNAROUND_PYTHON", "/no/such/python")
    item = bring(tmp_path / "some splats.ply")
    assert item.name == "some splats"
    assert np.allclose(in_world(item), upright(splats), atol=1e-5)
    assert bpy.context.object is item
    assert [m.type for m in item.modifiers] == ["NODES"]
    assert np.allclose(in_world(bring(tmp_path / "some splats.ply", up="z"))[:, 1], splats["y"], atol=1e-6)


@pytest.mark.parametrize("suffix", [".spz", ".compressed.ply", ".glb"])
def test_other_formats_come_through_the_backend_and_stand_in_the_same_place(scene, backend, splats, tmp_path, suffix):
    target = tmp_path / f"other{suffix}"
    code = (
        "import sys, pathlib; from turnaround.backend.splat_files.convert import convert;"
        "convert(*map(pathlib.Path, sys.argv[1:]))"
    )
    subprocess.run([backend, "-c", code, tmp_path / "some splats.ply", target], check=True, timeout=120)
    item = bring(target)
    assert item.name == "other"
    centres, truth = in_world(item), upright(splats)
    # The compressed PLY reorders its splats, SPZ rounds to 1/4096.
    order = np.lexsort(np.round(truth, 1).T)
    distance = np.linalg.norm(centres[:, None] - truth[None], axis=2).min(axis=0)
    assert len(centres) == COUNT
    assert distance[order].max() < 3e-3


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"no splats at all", "a.spz", "a.spz: expected splats"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n0\n", "a.ply", "a.ply: expected"),
        (b"glTF" + bytes(30), "a.glb", "a.glb: expected"),
        (bytes(33), "a.splat", "a.splat: expected"),
        (b"", "a.splat", "expected splats, got none"),
    ],
)
def test_a_malformed_file_is_an_error_with_its_cause(scene, backend, tmp_path, content, name, reason):
    import bpy

    (tmp_path / name).write_bytes(content)
    before = len(bpy.context.scene.objects), len(bpy.data.meshes)
    with pytest.raises(RuntimeError, match=reason):
        bring(tmp_path / name)
    assert (len(bpy.context.scene.objects), len(bpy.data.meshes)) == before
    assert not list(Path(bpy.app.tempdir).glob("splats-*")), "the backend's file is removed"


def test_a_cut_standard_ply_is_an_error(scene, splats, tmp_path):
    import bpy

    cut = tmp_path / "cut.ply"
    cut.write_bytes((tmp_path / "some splats.ply").read_bytes()[:-100])
    with pytest.raises(RuntimeError, match=r"expected \d+ bytes after the header"):
        bpy.ops.turnaround.import_splats(filepath=str(cut))


def test_without_a_backend_the_reason_is_given(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_PYTHON", "/no/such/python")
    (tmp_path / "a.spz").write_bytes(b"NGSP")
    with pytest.raises(RuntimeError, match="whose Python was not found"):
        bring(tmp_path / "a.spz")


def test_several_files_dropped_at_once(scene, splats, write_table, tmp_path):
    import bpy

    write_table(tmp_path / "more.ply", splats)
    files = [{"name": "some splats.ply"}, {"name": "more.ply"}]
    assert bpy.ops.turnaround.import_splats("INVOKE_DEFAULT", directory=str(tmp_path), files=files) == {"FINISHED"}
    assert {"some splats", "more"} <= set(bpy.context.scene.objects.keys())


def test_a_dropped_file_is_offered_in_3d_views_only(scene):
    import importlib

    handler = importlib.import_module(f"{MODULE}.addon.splat_import").TURNAROUND_FH_splats
    assert handler.bl_import_operator == "turnaround.import_splats"

    def where(kind):
        return type("Context", (), {"area": kind and type("Area", (), {"type": kind})})

    assert handler.poll_drop(where("VIEW_3D"))
    assert not handler.poll_drop(where("IMAGE_EDITOR"))
    assert not handler.poll_drop(where(None))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "mean"),
    [
        ("biker.compressed.ply", 152746, (-0.0486, 0.0023, 1.6050)),
        ("biker.spz", 152746, (-0.0486, 0.0023, 1.6050)),
        ("biker_first4096_decoded_standard.ply", 4096, None),
        ("test64_sh.compressed.ply", 64, None),
        ("playbot_sog_v2/4_0/meta.json", 8406, None),
        ("playcanvas_logo_sog_v1/meta.json", 307128, None),
        ("minimal/minimal.splat", 4, (-0.5, -0.5, 0.0)),
        ("khr_conformance_matrix.glb", 15, None),
    ],
)
def test_files_of_others(scene, backend, data, name, count, mean):
    path = data / "splats" / name
    if not path.exists():
        pytest.skip(f"no {name} among the data")
    item = bring(path)
    assert len(item.data.vertices) == count
    if mean is not None:
        assert np.allclose(in_world(item).mean(axis=0), mean, atol=2e-4)
