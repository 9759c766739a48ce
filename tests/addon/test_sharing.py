# SPDX-License-Identifier: GPL-3.0-or-later
"""What one does with a result: pick a distance, one moving camera, levels of detail, another collection or file."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.bpy


@pytest.fixture
def found(scene, job):
    """The small job's objects by kind."""
    import bpy

    bpy.ops.turnaround.import_result(job=str(job.folder))
    bpy.context.view_layer.update()
    return {o["turnaround_kind"]: o for o in bpy.context.scene.objects if "turnaround_kind" in o}


class TestPicking:
    def test_a_ray_meets_the_result_and_passes_through_other_things(self, addon, found):
        import bpy
        from mathutils import Vector

        bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0, -1, 0.25))
        bpy.context.view_layer.update()
        hit = addon("picking").first_hit(bpy.context, found["root"], Vector((0.05, -3, 0.3)), Vector((0, 1, 0)))
        assert np.allclose(hit, (0.05, -0.2, 0.3), atol=1e-4), "the front of the cube of the job"
        assert addon("picking").first_hit(bpy.context, found["root"], Vector((2, -3, 0.3)), Vector((0, 1, 0))) is None

    def test_two_points_and_a_length_scale_the_result(self, found):
        import bpy

        bpy.ops.turnaround.set_scale(first=(-0.3, -0.2, 0), second=(0.3, -0.2, 0), length=0.12)
        assert np.allclose(found["root"].scale, 0.2)


class TestMovingCamera:
    def test_it_stands_at_each_camera_in_turn(self, addon, found):
        import bpy

        scene = bpy.context.scene
        found["root"].scale = (2, 2, 2)
        assert bpy.ops.turnaround.animate_camera(start=5) == {"FINISHED"}
        moving = next(o for o in scene.objects if o.get("turnaround_kind") == "camera_path")
        still = addon("staging").cameras_of(found["root"])
        assert (scene.frame_start, scene.frame_end) == (5, 5 + 10 * (len(still) - 1))
        assert scene.camera == moving
        assert (scene.render.resolution_x, scene.render.resolution_y) == tuple(still[0]["turnaround_size"])
        for i, camera in enumerate(still):
            scene.frame_set(5 + 10 * i)
            bpy.context.view_layer.update()
            assert np.allclose(np.array(moving.matrix_world), np.array(camera.matrix_world), atol=1e-5)
            assert moving.data.lens == pytest.approx(camera.data.lens)
            assert moving.data.shift_x == pytest.approx(camera.data.shift_x)
        scene.frame_set(10)
        between = (np.array(still[0].location) + np.array(still[1].location)) / 2
        assert np.allclose(moving.location, between, atol=1e-5), "half way in a straight line"

    def test_a_second_call_keys_the_same_camera_again(self, found):
        import bpy

        bpy.ops.turnaround.animate_camera()
        count = len(bpy.context.scene.objects)
        assert bpy.ops.turnaround.animate_camera(speed=2.0, set_range=True) == {"FINISHED"}
        assert len(bpy.context.scene.objects) == count
        assert bpy.context.scene.frame_end == 1 + 5 * 3

    def test_a_videos_pictures_keep_their_distances(self, addon):
        frames = addon("staging").key_frames
        assert frames(["clip_000010", "clip_000013", "clip_000040"], 1) == [1, 4, 31]
        assert frames(["clip_000010", "clip_000013", "clip_000040"], 1, 0.5) == [1, 7, 61]
        assert frames(["a_000001", "b_000002"], 1) == [1, 11], "two videos are no video"
        with pytest.raises(ValueError, match="lower speed"):
            frames(["clip_000010", "clip_000011"], 1, 5.0)

    def test_without_cameras_it_says_so(self, scene):
        import bpy

        with pytest.raises(RuntimeError, match="poll"):
            bpy.ops.turnaround.animate_camera()


class TestLevels:
    def test_each_level_has_fewer_triangles_and_the_colours(self, found):
        import bpy

        mesh = found["mesh"]
        bpy.context.view_layer.objects.active = mesh
        # The job's cube has 12 triangles: too few to leave any out.
        with bpy.context.temp_override(object=mesh, active_object=mesh, selected_objects=[mesh]):
            for _ in range(4):
                modifier = mesh.modifiers.new("finer", "SUBSURF")
                modifier.subdivision_type, modifier.levels = "SIMPLE", 1
                bpy.ops.object.modifier_apply(modifier=modifier.name)
        full = len(mesh.data.loop_triangles) or sum(len(p.vertices) - 2 for p in mesh.data.polygons)
        assert bpy.ops.turnaround.make_lods(levels=2, ratio=0.25) == {"FINISHED"}
        for level in (1, 2):
            item = bpy.context.scene.objects[f"{mesh.name} LOD{level}"]
            triangles = sum(len(p.vertices) - 2 for p in item.data.polygons)
            assert triangles == pytest.approx(full * 0.25**level, rel=0.1)
            assert "Col" in item.data.attributes
            assert item.parent == found["root"]
            assert item.hide_render
            assert list(item.data.materials) == list(mesh.data.materials)
        objects = len(bpy.context.scene.objects)
        bpy.ops.turnaround.make_lods(levels=1, ratio=0.5)
        assert len(bpy.context.scene.objects) == objects - 1, "made anew"


class TestSending:
    def test_a_collection_takes_all_but_the_cameras(self, found):
        import bpy

        bpy.ops.turnaround.send_to_collection(name="Shelf", with_cameras=False)
        shelf = bpy.data.collections["Shelf"]
        assert {o["turnaround_kind"] for o in shelf.objects} == {"root", "mesh", "splats", "points"}
        assert found["mesh"].users_collection == (shelf,)
        assert found["mesh"].parent == found["root"]

    def test_a_file_holds_the_result_alone_as_an_asset(self, found, tmp_path):
        import bpy

        path = tmp_path / "my shelf" / "cube.blend"
        path.parent.mkdir()
        bpy.ops.mesh.primitive_cube_add()
        before = {c.name for c in bpy.data.collections}
        assert bpy.ops.turnaround.send_to_file(filepath=str(path)) == {"FINISHED"}
        assert {c.name for c in bpy.data.collections} == before, "nothing is left behind"
        name = found["root"].name
        with bpy.data.libraries.load(str(path), assets_only=True) as (there, taken):
            assert list(there.collections) == [name]
            taken.collections = [name]
        (collection,) = taken.collections
        assert {o.get("turnaround_kind") for o in collection.objects} == {"root", "mesh", "splats", "points"}
        mesh = next(o for o in collection.objects if o["turnaround_kind"] == "mesh")
        assert mesh.data.attributes["Col"]
        assert "small cube" in collection.asset_data.description

    def test_a_file_that_cannot_be_written_is_an_error(self, found, tmp_path):
        import bpy

        with pytest.raises(RuntimeError, match="cannot be written"):
            bpy.ops.turnaround.send_to_file(filepath=str(tmp_path / "absent" / "x.blend"))
