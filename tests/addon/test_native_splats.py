# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats as Blender's own point cloud. No module of a Blender that draws them exists here, so the probe is told so.

What is checked is what such a Blender would get, and that the others are left as they were.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"
REST = tuple(f"f_rest_{i}" for i in range(45))


def module(name):
    return importlib.import_module(f"{MODULE}.addon.{name}")


@pytest.fixture
def splats(scene, tmp_path, write_table):
    """Fifty random splats with harmonics to degree 3, as a file; its columns."""
    rng = np.random.default_rng(5)
    names = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", *REST, "opacity")
    names += ("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
    values = rng.normal(0, 1, (50, len(names))).astype(np.float32)
    table = {name: values[:, i] for i, name in enumerate(names)}
    write_table(tmp_path / "a.ply", table)
    return table


@pytest.fixture
def shown(monkeypatch):
    """A Blender that draws splats; what it was told to draw: (cloud, degree)."""
    told = []
    native = module("importer.native_splats")
    monkeypatch.setattr(native, "has_native_splats", lambda: True)
    monkeypatch.setattr(native, "show_as_splats", lambda cloud, degree: told.append((cloud.name, degree)))
    return told


def column(cloud, name, field, width):
    found = np.zeros(len(cloud.points) * width, np.float32)
    cloud.attributes[name].data.foreach_get(field, found)
    return found.reshape(-1, width)


def stack(table, *names):
    return np.stack([table[name] for name in names], axis=1)


def test_the_probe_says_what_blender_says(scene):
    import bpy

    has = module("compat").has_native_splats()
    assert has == ("render_as" in bpy.types.PointCloud.bl_rna.properties)
    assert not has, "none of the modules that the tests run in draws splats itself"
    assert not bpy.ops.turnaround.native_splats.poll()


def test_a_blender_without_them_gets_proxies_alone(scene, splats, tmp_path):
    import bpy

    bpy.ops.turnaround.import_splats(filepath=str(tmp_path / "a.ply"), up="z")
    item = bpy.context.object
    assert not item.children
    assert all(m.show_render and m.show_viewport for m in item.modifiers)


def test_the_cloud_has_what_the_file_says(scene, splats, shown, tmp_path):
    import bpy

    bpy.ops.turnaround.import_splats(filepath=str(tmp_path / "a.ply"), up="z")
    item = bpy.context.object
    (native,) = item.children
    cloud = native.data
    assert shown == [(cloud.name, 3)]
    assert len(cloud.points) == 50
    np.testing.assert_allclose(column(cloud, "position", "vector", 3), stack(splats, "x", "y", "z"))
    sizes = np.exp(stack(splats, "scale_0", "scale_1", "scale_2"))
    np.testing.assert_allclose(column(cloud, "scale", "vector", 3), sizes, rtol=1e-6)
    turns = stack(splats, "rot_0", "rot_1", "rot_2", "rot_3")
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    np.testing.assert_allclose(column(cloud, "rotation", "value", 4), turns, atol=1e-6)
    base = column(cloud, "radiance:base", "color", 4)
    np.testing.assert_allclose(base[:, :3], stack(splats, "f_dc_0", "f_dc_1", "f_dc_2"), atol=1e-6)
    np.testing.assert_allclose(base[:, 3], 1 / (1 + np.exp(-splats["opacity"])), atol=1e-6)
    for k in range(15):
        wanted = stack(splats, f"f_rest_{k}", f"f_rest_{15 + k}", f"f_rest_{30 + k}")
        np.testing.assert_allclose(column(cloud, f"radiance:sh_{k}", "vector", 3), wanted)
    assert "radiance:sh_15" not in cloud.attributes
    assert not any(m.show_render or m.show_viewport for m in item.modifiers), "the proxies stand back"


def test_what_was_deleted_leaves_the_cloud_and_nothing_is_left_behind(scene, splats, shown, tmp_path):
    import bpy

    bpy.ops.turnaround.import_splats(filepath=str(tmp_path / "a.ply"), up="z")
    item = bpy.context.object
    (native,) = item.children
    flags = np.zeros(50, bool)
    flags[:20] = True
    item.data.vertices.foreach_set("select", flags)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.delete(type="VERT")
    bpy.ops.object.mode_set(mode="OBJECT")
    clouds = len(bpy.data.pointclouds)
    assert module("importer.native_splats").show(item) is native
    assert len(native.data.points) == 30
    assert len(bpy.data.pointclouds) == clouds
    np.testing.assert_allclose(
        column(native.data, "position", "vector", 3), stack(splats, "x", "y", "z")[20:], atol=1e-6
    )


def test_a_jobs_splats_are_hidden_and_updated_with_the_rest(scene, job, shown):
    import bpy

    bpy.ops.turnaround.import_result(job=str(job.folder))
    item = next(o for o in scene.objects if o.get("turnaround_kind") == "splats")
    (native,) = item.children
    assert native.hide_render and native.hide_viewport, "one kind is enough; the mesh is shown"
    job.write_splats(np.array([[0.0, 0.0, 0.1], [0.0, 0.0, 0.4]]), np.array([[0.9, 0.4, 0.2]] * 2))
    bpy.ops.turnaround.import_result(job=str(job.folder))
    assert list(item.children) == [native]
    assert len(native.data.points) == 2
