# SPDX-License-Identifier: GPL-3.0-or-later
"""The textured mesh: it arrives with its picture, and a render under *Standard* gives the picture's colours."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest

pytestmark = pytest.mark.bpy


def write_png(path, image):
    """``image`` (H, W, 3) uint8 as PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = image.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.fixture
def textured(job):
    """The small job with a texture: the upper half of the picture is red, the lower green; the cube shows the upper."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32], picture[32:] = (200, 60, 30), (20, 150, 90)
    write_png(job.export / "texture.png", picture)
    corners = np.tile(np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.4]], np.float32), (len(job.triangles), 1))
    np.save(job.export / "mesh_uv.npy", corners)
    record = json.loads((job.folder / "result.json").read_text())
    record["artefacts"] += [
        {"kind": "mesh_uv", "path": "07_export/mesh_uv.npy", "axes": "texture", "unit": ""},
        {"kind": "texture", "path": "07_export/texture.png", "axes": "image", "unit": "pixels"},
    ]
    (job.folder / "result.json").write_text(json.dumps(record))
    job.corners = corners
    return job


def bring(job):
    """Import, and return the mesh's object."""
    import bpy

    assert bpy.ops.turnaround.import_result(job=str(job.folder)) == {"FINISHED"}
    return next(o for o in bpy.context.scene.objects if o.get("turnaround_kind") == "mesh")


def map_of(mesh):
    """The UV map (corners, 2)."""
    found = np.zeros(2 * len(mesh.loops), np.float32)
    mesh.uv_layers["Captured"].uv.foreach_get("vector", found)
    return found.reshape(-1, 2)


def test_the_texture_is_on_the_mesh(scene, textured):
    item = bring(textured)
    assert [layer.name for layer in item.data.uv_layers] == ["Captured"]
    np.testing.assert_allclose(map_of(item.data), textured.corners * (1, -1) + (0, 1), atol=1e-6)
    (material,) = item.data.materials
    (node,) = [n for n in material.node_tree.nodes if n.type == "TEX_IMAGE"]
    assert tuple(node.image.size) == (64, 64)
    assert node.image.colorspace_settings.name == "sRGB"
    assert (item.data.attributes["Col"].data_type) == "BYTE_COLOR"


def add_relief(textured, image):
    """A normal map beside the texture."""
    write_png(textured.export / "normals.png", image)
    record = json.loads((textured.folder / "result.json").read_text())
    record["artefacts"].append(
        {"kind": "normal_map", "path": "07_export/normals.png", "axes": "image", "unit": "pixels"}
    )
    (textured.folder / "result.json").write_text(json.dumps(record))


def test_the_relief_is_on_the_lit_surface_alone(scene, textured):
    add_relief(textured, np.full((32, 32, 3), (128, 128, 255), np.uint8))
    (material,) = bring(textured).data.materials
    nodes = {node.bl_idname: node for node in material.node_tree.nodes}
    turn = nodes["ShaderNodeNormalMap"]
    assert (turn.space, turn.uv_map) == ("TANGENT", "Captured")
    (into,) = [link.from_node for link in material.node_tree.links if link.to_node == turn]
    assert into.image.colorspace_settings.name == "Non-Color"
    assert tuple(into.image.size) == (32, 32)
    (out,) = [link for link in material.node_tree.links if link.from_node == turn]
    assert (out.to_node.bl_idname, out.to_socket.name) == ("ShaderNodeBsdfPrincipled", "Normal")


def test_the_relief_turns_the_light(scene, textured, tmp_path):
    """A cube's front, lit from one side: a map that leans along u, up or against it changes how bright it is."""
    import bpy

    light = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    light.rotation_euler = (1.2, 0.0, 0.9)
    scene.collection.objects.link(light)
    brightness = []
    for name, normal in (("none", (128, 128, 255)), ("one", (218, 128, 218)), ("other", (38, 128, 218))):
        add_relief(textured, np.full((32, 32, 3), normal, np.uint8))
        item = bring(textured)
        (material,) = item.data.materials
        next(n for n in material.node_tree.nodes if n.label == "Relight").outputs[0].default_value = 1.0
        scene.render.engine, scene.cycles.samples = "CYCLES", 8
        scene.render.resolution_percentage, scene.render.film_transparent = 10, True
        scene.render.filepath = str(tmp_path / f"{name}.png")
        scene.render.image_settings.file_format = "PNG"
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        pixels = np.zeros(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        shown = pixels.reshape(-1, 4)
        brightness.append(float(shown[shown[:, 3] > 0.9, :3].mean()))
    assert len(set(np.round(brightness, 2))) == 3, brightness


def test_a_second_import_brings_the_new_picture_and_keeps_the_rest(scene, textured):
    import bpy

    item = bring(textured)
    material, images, materials = item.data.materials[0], len(bpy.data.images), len(bpy.data.materials)
    item.data.uv_layers.new(name="mine")
    write_png(textured.export / "texture.png", np.full((32, 32, 3), 99, np.uint8))
    np.save(textured.export / "mesh_uv.npy", textured.corners * 0.5)
    again = bring(textured)
    assert again == item
    assert {layer.name for layer in item.data.uv_layers} == {"Captured", "mine"}
    np.testing.assert_allclose(map_of(item.data), textured.corners * (0.5, -0.5) + (0, 1), atol=1e-6)
    assert (len(bpy.data.images), len(bpy.data.materials)) == (images, materials)
    (node,) = [n for n in material.node_tree.nodes if n.type == "TEX_IMAGE"]
    assert tuple(node.image.size) == (32, 32)


def test_two_jobs_have_a_texture_each(scene, textured, tmp_path):
    import shutil

    shutil.copytree(textured.folder, tmp_path / "another")
    first = bring(textured)
    textured.folder = tmp_path / "another"
    import bpy

    assert bpy.ops.turnaround.import_result(job=str(textured.folder)) == {"FINISHED"}
    items = [o for o in bpy.context.scene.objects if o.get("turnaround_kind") == "mesh"]
    assert len({o.data.materials[0].name for o in items}) == 2
    assert first in items


@pytest.mark.parametrize("bad", ["short", "text", "missing"])
def test_coordinates_of_another_mesh_are_refused(scene, textured, bad):
    import bpy

    path = textured.export / "mesh_uv.npy"
    if bad == "short":
        np.save(path, textured.corners[:-1])
    elif bad == "text":
        path.write_text("no numbers")
    else:
        path.unlink()
    with pytest.raises(RuntimeError, match="mesh_uv"):
        bpy.ops.turnaround.import_result(job=str(textured.folder))


def test_a_render_shows_the_pictures_colours(scene, textured, tmp_path):
    import bpy

    bring(textured)
    render = bpy.context.scene.render
    render.engine = "CYCLES"
    bpy.context.scene.cycles.samples = 4
    render.resolution_percentage = 25
    render.filepath = str(tmp_path / "out.png")
    render.image_settings.file_format = "PNG"
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(tmp_path / "out.png"))
    pixels = np.zeros(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    colours = np.rint(pixels.reshape(-1, 4)[:, :3] * 255).astype(int)
    hit = np.abs(colours - (200, 60, 30)).max(axis=1) <= 2
    assert hit.mean() > 0.02
    assert not (np.abs(colours - (20, 150, 90)).max(axis=1) <= 2).any()
