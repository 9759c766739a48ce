# SPDX-License-Identifier: GPL-3.0-or-later
"""Scale, ground, origin and asset: each changes the root, and with it all that hangs on it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

pytestmark = pytest.mark.bpy
MODULE = "bl_ext.user_default.turnaround"


@pytest.fixture
def found(scene, job):
    """The small job's objects by kind."""
    import bpy

    bpy.ops.turnaround.import_result(job=str(job.folder))
    bpy.context.view_layer.update()
    return {o["turnaround_kind"]: o for o in bpy.context.scene.objects if "turnaround_kind" in o}


def corners(item):
    flat = np.zeros(len(item.data.vertices) * 3, np.float32)
    item.data.vertices.foreach_get("co", flat)
    matrix = np.array(item.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def empty(place):
    import bpy

    item = bpy.data.objects.new("mark", None)
    item.location = place
    bpy.context.scene.collection.objects.link(item)
    return item


def test_two_points_and_a_length_scale_everything(found):
    import bpy

    before = corners(found["mesh"])
    camera = found["camera"].matrix_world.translation.copy()
    marks = [empty((0, 0, 0)), empty((0, 0, 0.5))]
    for item in bpy.context.selected_objects:
        item.select_set(False)
    for mark in marks:
        mark.select_set(True)
    bpy.context.view_layer.update()
    assert bpy.ops.turnaround.set_scale(length=0.25) == {"FINISHED"}
    assert np.allclose(corners(found["mesh"]), before / 2, atol=1e-6)
    assert np.allclose(found["camera"].matrix_world.translation, camera / 2, atol=1e-6)
    assert found["root"]["unit"] == "metres"
    bpy.ops.turnaround.set_scale(length=1.0, first=(0, 0, 0), second=(0, 0, 0.25))
    assert np.allclose(corners(found["mesh"]), before * 2, atol=1e-5)


def test_points_that_are_none_are_an_error(found):
    import bpy

    with pytest.raises(RuntimeError, match="Expected two points apart, got 0"):
        bpy.ops.turnaround.set_scale(length=1.0)
    with pytest.raises(RuntimeError, match="three points that are not on one line"):
        bpy.ops.turnaround.set_ground(points=(0, 0, 0, 1, 1, 1, 2, 2, 2))


def test_three_points_become_the_ground(found):
    import bpy
    from mathutils import Matrix

    before = corners(found["mesh"])
    tilt = Matrix.Translation((0, 0, 3)) @ Matrix.Rotation(0.4, 4, "X")
    found["root"].matrix_world = tilt
    bpy.context.view_layer.update()
    base = corners(found["mesh"])[before[:, 2] == 0][:3]
    assert bpy.ops.turnaround.set_ground(points=base.ravel()) == {"FINISHED"}
    after = corners(found["mesh"])
    assert np.allclose(after[:, 2], before[:, 2], atol=1e-5)


def test_the_origin_goes_to_the_base_and_nothing_moves(found):
    import bpy

    found["mesh"].location = (1, 1, 1)
    bpy.context.view_layer.update()
    before = {kind: np.array(item.matrix_world) for kind, item in found.items() if kind != "root"}
    assert bpy.ops.turnaround.origin_to_base() == {"FINISHED"}
    assert np.allclose(found["root"].matrix_world.translation, (1, 1, 1), atol=1e-6)
    for kind, matrix in before.items():
        assert np.allclose(np.array(found[kind].matrix_world), matrix, atol=1e-5), kind


def test_the_collection_becomes_an_asset(found):
    import bpy

    assert bpy.ops.turnaround.mark_asset() == {"FINISHED"}
    (collection,) = found["root"].users_collection
    assert collection.asset_data is not None
    assert "small cube" in collection.asset_data.description
    assert [tag.name for tag in collection.asset_data.tags] == ["Turnaround"]


def test_the_assets_picture_shows_the_object_alone_where_there_is_one(extension, tmp_path):
    picture = importlib.import_module(f"{MODULE}.addon.sharing")._picture_in
    assert picture(tmp_path) is None
    for name in ("07_export/preview.png", "03_cutouts/004.png", "03_cutouts/001.png", "07_export/render_000.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        if not name.endswith("004.png"):
            assert picture(tmp_path) == tmp_path / name


def test_without_a_result_the_tools_are_off(scene):
    import bpy

    for name in ("set_scale", "set_ground", "origin_to_base", "mark_asset"):
        with pytest.raises(RuntimeError, match="poll"):
            getattr(bpy.ops.turnaround, name)()
