# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import leaves in a Blender scene, on every supported version, through the installed extension."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

pytestmark = pytest.mark.bpy


@pytest.fixture
def imported(scene, job):
    """Import the small job once; objects by kind."""
    return lambda **settings: by_kind(scene, run_import(job, **settings))


def run_import(job, **settings):
    import bpy

    assert bpy.ops.turnaround.import_result(job=str(job.folder), **settings) == {"FINISHED"}
    bpy.context.view_layer.update()
    return bpy.context.scene


def by_kind(_scene, scene):
    found = {}
    for item in scene.objects:
        if "turnaround_kind" in item:
            found.setdefault(item["turnaround_kind"], []).append(item)
    return found


def values(data, attribute, field, width):
    """An attribute's values (N, width)."""
    layer = data.attributes[attribute].data
    flat = np.zeros(len(layer) * width, np.float32)
    layer.foreach_get(field, flat)
    return flat.reshape(-1, width)


def test_everything_stands_under_one_collection_and_one_root(imported, job):
    import bpy

    found = imported()
    assert {k: len(v) for k, v in found.items()} == {"root": 1, "mesh": 1, "points": 1, "splats": 1, "camera": 4}
    root = found["root"][0]
    (collection,) = root.users_collection
    assert collection.name == "small cube"
    assert collection in bpy.context.scene.collection.children_recursive
    for items in found.values():
        for item in items:
            assert item.users_collection == (collection,)
            assert item is root or item.parent is root
    assert bpy.context.selected_objects == [root], "what has just come in is what the next command works on"
    assert root["job_folder"] == str(job.folder.resolve())
    assert (root["unit"], root["metres_per_unit"]) == ("relative", 0.0)


def test_only_the_mesh_is_shown_at_first(imported):
    found = imported()
    assert not found["mesh"][0].hide_viewport
    assert not found["mesh"][0].hide_render
    for kind in ("splats", "points"):
        assert found[kind][0].hide_viewport
        assert found[kind][0].hide_render


def test_mesh_is_the_files_to_the_bit(imported, job):
    mesh = imported()["mesh"][0].data
    positions = np.zeros(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", positions)
    assert (positions.reshape(-1, 3) == job.vertices).all()
    corners = np.zeros(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    assert (corners.reshape(-1, 3) == job.triangles).all()
    colours = values(mesh, "Col", "color_srgb", 4)
    assert (np.rint(colours[:, :3] * 255).astype(np.uint8) == job.colours).all()
    assert mesh.attributes["Col"].data_type == "BYTE_COLOR"
    assert mesh.attributes.active_color.name == "Col"
    assert len(mesh.materials) == 1


def test_points_are_a_native_cloud_with_colours_and_radii(imported, job):
    item = imported()["points"][0]
    assert item.type == "POINTCLOUD"
    assert len(item.data.points) == 500
    assert (values(item.data, "position", "vector", 3) == job.points).all()
    assert (values(item.data, "radius", "value", 1)[:, 0] == job.radii).all()
    colours = values(item.data, "Col", "color_srgb", 4)
    assert (np.rint(colours[:, :3] * 255).astype(np.uint8) == job.point_colours).all()


def test_cameras_reproject_to_a_tenth_of_a_pixel(imported, job, scene):
    import bpy
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    items = {c["turnaround_frame"]: c for c in imported()["camera"]}
    points = np.random.default_rng(3).uniform([-0.3, -0.2, 0], [0.3, 0.2, 0.5], (60, 3))
    assert set(items) == {c["name"] for c in job.cameras}
    for camera in job.cameras:
        with bpy.context.temp_override(object=items[camera["name"]]):
            bpy.ops.turnaround.look_through()
        assert bpy.context.scene.camera == items[camera["name"]]
        size = np.array([bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y])
        assert size.tolist() == [camera["width"], camera["height"]]
        seen = np.array([world_to_camera_view(bpy.context.scene, bpy.context.scene.camera, Vector(p)) for p in points])
        pixels = np.stack([seen[:, 0], 1 - seen[:, 1]], 1) * size
        assert np.abs(pixels - job.project(camera, points)).max() < 0.1
        assert (seen[:, 2] > 0).all()


def test_cameras_show_their_photo(imported, job):
    for item in imported()["camera"]:
        (background,) = item.data.background_images
        assert item.data.show_background_images
        assert background.image.filepath.endswith(f"{item['turnaround_frame']}.ppm")
        assert background.image.filepath.startswith(str(job.images.resolve()))


def test_scene_is_set_up_on_the_first_import_only(imported, job, scene):
    import bpy

    imported()
    render = bpy.context.scene.render
    assert (render.resolution_x, render.resolution_y) == (640, 480)
    assert bpy.context.scene.view_settings.view_transform == "Standard"
    assert bpy.context.scene.camera["turnaround_frame"] == "landscape"
    render.resolution_x = 123
    imported()
    assert render.resolution_x == 123


def test_scene_is_left_alone_where_told_so(imported, scene):
    import bpy

    before = bpy.context.scene.render.resolution_x, bpy.context.scene.view_settings.view_transform
    imported(set_up_scene=False)
    assert (bpy.context.scene.render.resolution_x, bpy.context.scene.view_settings.view_transform) == before
    assert bpy.context.scene.camera is None


def test_a_second_import_updates_and_keeps_what_is_the_users(imported, job):
    import bpy
    from mathutils import Matrix

    first = imported()
    mine = bpy.data.materials.new("mine")
    kept = {}
    for kind in ("mesh", "points", "splats"):
        item = first[kind][0]
        item.name = f"my {kind}"
        item.data.materials.clear()
        item.data.materials.append(mine)
        item.matrix_basis = Matrix.Translation((1, 2, 3))
        item.hide_render = kind == "mesh"
        kept[kind] = item
    first["mesh"][0].modifiers.new("my subdivision", "SUBSURF")
    first["root"][0].location = (5, 0, 0)
    moved, unmoved = first["camera"][0], first["camera"][1]
    moved.location.x += 1
    was = unmoved.matrix_basis.copy()
    job.write(points=321, offset=0.125)
    second = imported()
    assert {k: len(v) for k, v in second.items()} == {"root": 1, "mesh": 1, "points": 1, "splats": 1, "camera": 4}
    for kind, item in kept.items():
        assert second[kind] == [item]
        assert item.name == f"my {kind}"
        assert [m.name for m in item.data.materials] == ["mine"]
        assert item.matrix_basis == Matrix.Translation((1, 2, 3))
        assert item.hide_render == (kind == "mesh")
    assert [m.name for m in kept["mesh"].modifiers] == ["my subdivision"]
    assert [m.type for m in kept["splats"].modifiers] == ["NODES"]
    assert second["root"][0].location.x == 5
    assert np.allclose([v.co.x for v in kept["mesh"].data.vertices], job.vertices[:, 0])
    assert len(kept["points"].data.points) == 321
    assert moved.matrix_basis.translation.x != pytest.approx(was.translation.x)
    assert unmoved.matrix_basis == was


def test_uvs_and_groups_stay_where_the_triangles_do_and_are_named_where_they_cannot(imported, job, capfd):
    import bpy

    item = imported()["mesh"][0]
    item.data.uv_layers.new(name="mine").uv[3].vector = (0.25, 0.75)
    item.vertex_groups.new(name="top").add([1, 2], 0.5, "REPLACE")
    job.write(offset=0.5)
    imported()
    assert item.data.vertices[0].co.x == pytest.approx(job.vertices[0, 0])
    assert tuple(item.data.uv_layers["mine"].uv[3].vector) == (0.25, 0.75)
    assert item.vertex_groups["top"].weight(2) == pytest.approx(0.5)
    triangles = job.triangles[:-2]
    job.triangles = triangles
    path = job.export / "mesh.ply"
    head, _, data = path.read_bytes().partition(b"end_header\n")
    head = head.replace(b"element face 12", b"element face 10")
    path.write_bytes(head + b"end_header\n" + data[:-26])
    capfd.readouterr()
    imported()
    assert len(item.data.polygons) == 10
    assert "UV map mine, weights of top" in capfd.readouterr().out
    assert bpy.context.scene is not None


def test_a_second_import_leaves_no_orphans(imported, job):
    import bpy

    imported()
    before = {
        k: len(getattr(bpy.data, k))
        for k in ("objects", "meshes", "pointclouds", "cameras", "materials", "node_groups", "images")
    }
    imported()
    assert before == {k: len(getattr(bpy.data, k)) for k in before}


def test_cameras_of_frames_that_are_gone_are_removed_and_moved_ones_follow_new_data(imported, job):
    import bpy

    imported()
    job.write_cameras(2)
    matrix = np.array(job.cameras[0]["cam_from_world"])
    matrix[2, 3] += 0.5
    job.cameras[0]["cam_from_world"] = matrix.tolist()
    (job.export / "cameras.json").write_text(json.dumps({"cameras": job.cameras}))
    found = imported()
    assert [c["turnaround_frame"] for c in found["camera"]] == ["landscape", "portrait_off_centre"]
    assert len(bpy.data.cameras) == 2
    assert np.allclose(found["camera"][0].matrix_basis.translation, (0, -2.5, 0.25), atol=1e-6)


def test_a_deleted_object_comes_back_and_a_copy_stays_a_copy(imported, job):
    import bpy

    found = imported()
    copy = found["mesh"][0].copy()
    copy.data = found["mesh"][0].data.copy()
    bpy.context.scene.collection.objects.link(copy)
    bpy.data.objects.remove(found["points"][0])
    job.write(offset=0.25)
    again = imported()
    assert len(again["points"]) == 1
    assert np.allclose([v.co.x for v in found["mesh"][0].data.vertices], job.vertices[:, 0])
    assert not np.allclose([v.co.x for v in copy.data.vertices], job.vertices[:, 0])


def test_two_jobs_stand_side_by_side(imported, scene, job, tmp_path):
    import shutil

    import bpy

    imported()
    shutil.copytree(job.folder, tmp_path / "another")
    bpy.ops.turnaround.import_result(job=str(tmp_path / "another"))
    assert len([o for o in bpy.context.scene.objects if o.get("turnaround_kind") == "root"]) == 2


def test_errors_are_honest_and_leave_the_scene(scene, job):
    import bpy

    before = set(bpy.data.objects.keys())
    with pytest.raises(RuntimeError, match="has not finished"):
        bpy.ops.turnaround.import_result(job=str(job.export))
    job.write_result(artefacts=[{"kind": "mesh", "path": "07_export/absent.ply"}])
    with pytest.raises(RuntimeError, match="missing"):
        bpy.ops.turnaround.import_result(job=str(job.folder))
    with pytest.raises(RuntimeError, match="no job to import"):
        bpy.ops.turnaround.import_result()
    assert set(bpy.data.objects.keys()) == before


def test_the_import_is_one_undo_step(extension):
    import bpy

    kind = bpy.types.TURNAROUND_OT_import_result
    assert {"REGISTER", "UNDO"} <= kind.bl_options


def test_relative_scale_and_metres_are_told_apart(imported, job):
    job.write_result(unit="metres", metres_per_unit=0.21)
    root = imported()["root"][0]
    assert (root["unit"], root["metres_per_unit"]) == ("metres", 0.21)


def test_half_a_million_splats_and_points_arrive_in_seconds(scene, job):
    import bpy

    count = 500_000
    rng = np.random.default_rng(0)
    job.write(points=count)
    job.write_splats(rng.uniform(-1, 1, (count, 3)), rng.uniform(0, 1, (count, 3)))
    start = time.process_time()
    run_import(job)
    assert time.process_time() - start < 20, "no Python loop over points: such a loop takes a minute"
    assert len(by_kind(scene, bpy.context.scene)["splats"][0].data.vertices) == count
