# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats out of Blender again: to the bit where nothing moved, through the backend where it did."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytestmark = pytest.mark.bpy
COUNT = 120
NAMES = (
    "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *(f"f_rest_{i}" for i in range(45)), "opacity",
    "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
)  # fmt: skip


@pytest.fixture
def splats(tmp_path, write_table):
    """A PLY of 62 columns as trainers write it; its columns."""
    values = np.random.default_rng(3).normal(size=(COUNT, len(NAMES))).astype(np.float32)
    table = {name: values[:, i] for i, name in enumerate(NAMES)}
    for name in ("nx", "ny", "nz"):
        table[name] = np.zeros(COUNT, np.float32)
    for name in ("scale_0", "scale_1", "scale_2"):
        table[name] -= np.float32(4)
    write_table(tmp_path / "in.ply", table)
    return table


@pytest.fixture
def backend(repository, monkeypatch):
    folder = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    python = repository / ".environments" / "backend" / folder
    if not python.is_file():
        pytest.skip("no backend environment in .environments/backend")
    monkeypatch.setenv("TURNAROUND_PYTHON", str(python))


def bring(path, up):
    import bpy

    bpy.ops.turnaround.import_splats(filepath=str(path), up=up)
    return bpy.context.object


def rows(path):
    """The bytes after the header, as a table of 62 floats a row."""
    head, _, data = path.read_bytes().partition(b"end_header\n")
    assert [line.split()[-1].decode() for line in head.splitlines() if line.startswith(b"property")] == list(NAMES)
    return np.frombuffer(data, "<f4").reshape(-1, len(NAMES)), head.decode()


def test_what_was_not_moved_leaves_to_the_bit(scene, splats, tmp_path, monkeypatch):
    import bpy

    monkeypatch.setenv("TURNAROUND_PYTHON", "/no/such/python")
    bring(tmp_path / "in.ply", "z")
    assert bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.ply")) == {"FINISHED"}
    table, head = rows(tmp_path / "out.ply")
    assert "comment z up" in head
    assert table.tobytes() == np.stack([splats[n] for n in NAMES], 1).tobytes()


def test_an_objects_own_frame_is_written_as_it_came_in(scene, splats, tmp_path):
    import bpy

    item = bring(tmp_path / "in.ply", "-y")
    item.location = (1, 2, 3)
    bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.ply"), apply=False)
    table, head = rows(tmp_path / "out.ply")
    assert "comment -y up" in head
    assert table.tobytes() == np.stack([splats[n] for n in NAMES], 1).tobytes()


def test_deleted_splats_stay_deleted(scene, splats, tmp_path):
    import bmesh
    import bpy

    item = bring(tmp_path / "in.ply", "z")
    edit = bmesh.new()
    edit.from_mesh(item.data)
    edit.verts.ensure_lookup_table()
    bmesh.ops.delete(edit, geom=edit.verts[:20], context="VERTS")
    edit.to_mesh(item.data)
    edit.free()
    bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.ply"))
    table, _ = rows(tmp_path / "out.ply")
    assert (table == np.stack([splats[n] for n in NAMES], 1)[20:]).all()


def test_moved_splats_come_back_where_they_stood_with_harmonics_turned(scene, backend, splats, tmp_path):
    import bpy
    from mathutils import Matrix

    item = bring(tmp_path / "in.ply", "z")
    turn = Matrix.Rotation(np.pi / 2, 4, "Z")
    item.matrix_world = Matrix.Translation((1, 2, 3)) @ turn @ Matrix.Scale(2, 4)
    bpy.context.view_layer.update()
    assert bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.ply")) == {"FINISHED"}
    table, _ = rows(tmp_path / "out.ply")
    found = {name: table[:, i] for i, name in enumerate(NAMES)}
    assert np.allclose(found["x"], 1 - 2 * splats["y"], atol=1e-5)
    assert np.allclose(found["y"], 2 + 2 * splats["x"], atol=1e-5)
    assert np.allclose(found["scale_0"], splats["scale_0"] + np.log(2), atol=1e-5)
    # Degree 1 is a vector (-y, z, -x): a quarter turn about z carries x to y and y to -x.
    assert np.allclose(found["f_rest_1"], splats["f_rest_1"], atol=1e-5)
    assert np.allclose(found["f_rest_0"], splats["f_rest_2"], atol=1e-5)
    assert np.allclose(found["f_rest_2"], -splats["f_rest_0"], atol=1e-5)
    assert not list(tmp_path.glob(".*part"))


def test_spz_keeps_the_places(scene, backend, splats, tmp_path):
    import bpy

    bring(tmp_path / "in.ply", "-y")
    bpy.context.view_layer.update()
    assert bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.spz")) == {"FINISHED"}
    again = bring(tmp_path / "out.spz", "auto")
    bpy.context.view_layer.update()
    flat = np.zeros(COUNT * 3, np.float32)
    again.data.vertices.foreach_get("co", flat)
    matrix = np.array(again.matrix_world)
    world = flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    truth = np.stack([splats["x"], splats["z"], -splats["y"]], 1)
    assert np.abs(world - truth).max() < 1e-3


def test_what_cannot_be_written_says_why(scene, backend, splats, tmp_path, monkeypatch):
    import bpy

    item = bring(tmp_path / "in.ply", "z")
    with pytest.raises(RuntimeError, match="expected a name ending in"):
        bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.txt"))
    item.scale = (1, 2, 3)
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="expected a similarity"):
        bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.ply"))
    monkeypatch.setenv("TURNAROUND_PYTHON", "/no/such/python")
    with pytest.raises(RuntimeError, match="written by the backend"):
        bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.spz"))
    item.data.attributes.remove(item.data.attributes["rotation"])
    with pytest.raises(RuntimeError, match="'rotation'"):
        bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.ply"), apply=False)
    item.select_set(False)
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.turnaround.export_splats(filepath=str(tmp_path / "out.ply"))
