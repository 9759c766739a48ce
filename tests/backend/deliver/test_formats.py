# SPDX-License-Identifier: GPL-3.0-or-later
"""Every format says the same of one object, and other programs' checkers have nothing to say against it."""

import io
import json
import os
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from turnaround.backend.deliver.axes import y_up
from turnaround.backend.deliver.glb import write_glb
from turnaround.backend.deliver.lods import brought_along, levels_of, textured_like
from turnaround.backend.deliver.obj import write_obj
from turnaround.backend.deliver.pictures import pictures_of
from turnaround.backend.deliver.stl import on_flat_base, write_stl
from turnaround.backend.deliver.usdz import write_usdz
from turnaround.backend.deliver.welding import is_closed, welded
from turnaround.backend.images import write_image
from turnaround.backend.mesh.simplify import simplified
from turnaround.backend.mesh.triangles import Mesh, volume
from turnaround.backend.texture.relief import tangents

trimesh = pytest.importorskip("trimesh")
VALIDATOR = Path(__file__).with_name("validate_glb.js")


def chunks(path):
    """The description and the binary part of a GLB."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    rest, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0"
    assert rest == len(data) - 28 - size
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def attribute(description, binary, name):
    """A vertex attribute (N, C) float32 of the one primitive."""
    accessor = description["accessors"][description["meshes"][0]["primitives"][0]["attributes"][name]]
    view = description["bufferViews"][accessor["bufferView"]]
    width = {"VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    return np.frombuffer(binary, "<f4", accessor["count"] * width, view["byteOffset"]).reshape(-1, width)


@pytest.mark.parametrize("colours", ["jpeg", "png"])
def test_a_glb_holds_the_shape_the_textures_and_their_frame(tmp_path, textured, colours):
    pictures = pictures_of(textured, colours)
    write_glb(tmp_path / "m.glb", textured, pictures, "thing", "m")
    description, binary = chunks(tmp_path / "m.glb")
    np.testing.assert_array_equal(attribute(description, binary, "POSITION"), y_up(textured.vertices).astype("f4"))
    np.testing.assert_array_equal(attribute(description, binary, "TEXCOORD_0"), textured.uvs)
    frame = attribute(description, binary, "TANGENT")
    expected = tangents(textured.vertices, textured.normals, textured.faces, textured.uvs)
    np.testing.assert_allclose(frame[:, :3], y_up(expected[:, :3]), atol=1e-6)
    np.testing.assert_array_equal(frame[:, 3], expected[:, 3])
    shown = [binary[v["byteOffset"] :][: v["byteLength"]] for v in description["bufferViews"][-3:]]
    images = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in shown]
    np.testing.assert_array_equal(images[1], textured.surface)
    np.testing.assert_array_equal(images[2], textured.normal)
    error = np.abs(images[0].astype(int) - textured.colour)
    assert error.max() == 0 if colours == "png" else error.mean() < 3
    loaded = trimesh.load(tmp_path / "m.glb", force="mesh", process=False)
    loaded.merge_vertices(merge_tex=True, merge_norm=True)
    assert loaded.is_watertight
    assert loaded.volume == pytest.approx(volume(textured.vertices, textured.faces), rel=1e-4)


def test_without_a_normal_map_there_are_no_tangents(tmp_path, textured):
    textured.normal = textured.normal[:1, :1]
    write_glb(tmp_path / "m.glb", textured, pictures_of(textured, "jpeg"), "thing", "m")
    description, _ = chunks(tmp_path / "m.glb")
    assert "TANGENT" not in description["meshes"][0]["primitives"][0]["attributes"]
    assert "normalTexture" not in description["materials"][0]
    assert len(description["images"]) == 2


def test_the_khronos_validator_has_nothing_to_say(tmp_path, textured, synthetic):
    """Errors and warnings: none; nor infos or hints."""
    found = node_module("gltf-validator")
    write_glb(tmp_path / "full.glb", textured, pictures_of(textured, "jpeg"), "thing", "m")
    write_glb(tmp_path / "exact.glb", textured, pictures_of(textured, "png"), "thing", "relative")
    textured.normal = textured.normal[:1, :1]
    write_glb(tmp_path / "plain.glb", textured, pictures_of(textured, "jpeg"), "thing", "m")
    files = sorted(map(str, tmp_path.glob("*.glb")))
    told = subprocess.run(
        ["node", str(VALIDATOR), *files],
        env=os.environ | {"NODE_PATH": found}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    reports = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(reports) == len(files) == 3
    assert [r["issues"]["messages"] for r in reports] == [[], [], []]
    assert reports[1]["info"]["totalTriangleCount"] == len(textured.faces)


def node_module(name):
    """The folder of node modules that holds ``name``; skips where there is none."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for folder in (*os.environ.get("NODE_PATH", "").split(os.pathsep), *global_modules()):
        if folder and (Path(folder) / name).is_dir():
            return folder
    return pytest.skip(f"no {name}: `npm install {name}` somewhere and set NODE_PATH to its node_modules")


def global_modules():
    """Where npm installs for everybody."""
    if shutil.which("npm") is None:
        return []
    told = subprocess.run(["npm", "root", "--global"], capture_output=True, text=True, check=False)
    return told.stdout.split()


def test_usd_validation_has_nothing_to_say(tmp_path, textured):
    pxr = pytest.importorskip("pxr", reason="usd-core is not installed")
    from pxr import Usd, UsdGeom, UsdShade, UsdValidation

    assert pxr
    write_usdz(tmp_path / "m.usdz", textured, pictures_of(textured, "jpeg"), "thing")
    again = tmp_path / "again.usdz"
    write_usdz(again, textured, pictures_of(textured, "jpeg"), "thing")
    assert again.read_bytes() == (tmp_path / "m.usdz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.usdz", "m.usdz"]
    stage = Usd.Stage.Open(str(tmp_path / "m.usdz"))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 10
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [(e.GetName(), e.GetMessage()) for e in errors] == []
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    shape = UsdGeom.Mesh(stage.GetPrimAtPath("/thing/mesh"))
    np.testing.assert_allclose(np.array(shape.GetPointsAttr().Get()), y_up(textured.vertices), atol=1e-7)
    assert len(shape.GetFaceVertexCountsAttr().Get()) == len(textured.faces)
    bound, _ = UsdShade.MaterialBindingAPI(shape.GetPrim()).ComputeBoundMaterial()
    assert bound.GetPath() == "/thing/material"
    shader = bound.ComputeSurfaceSource()[0]
    assert shader.GetIdAttr().Get() == "UsdPreviewSurface"
    fed = {i.GetBaseName(): i.GetConnectedSources()[0][0] for i in shader.GetInputs()}
    assert {k: (s.source.GetPath().name, s.sourceName) for k, s in fed.items()} == {
        "diffuseColor": ("colour_texture", "rgb"),
        "normal": ("normal_texture", "rgb"),
        "occlusion": ("surface_texture", "r"),
        "roughness": ("surface_texture", "g"),
        "metallic": ("surface_texture", "b"),
    }
    assert all(UsdShade.Shader(s.source).GetIdAttr().Get() == "UsdUVTexture" for s in fed.values())
    with zipfile.ZipFile(tmp_path / "m.usdz") as package:
        assert package.namelist()[0] == "thing.usdc"
        for entry in package.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            begin = entry.header_offset + 30 + len(entry.filename) + len(entry.extra)
            assert begin % 64 == 0
        assert package.testzip() is None


def test_an_obj_is_closed_and_keeps_its_texture(tmp_path, textured):
    write_image(tmp_path / "texture.png", textured.colour)
    surface = welded(textured.vertices, textured.faces)
    write_obj(tmp_path / "m.obj", textured, surface, "thing", "texture.png")
    loaded = trimesh.load(tmp_path / "m.obj", force="mesh")
    np.testing.assert_allclose(loaded.vertices[loaded.faces], y_up(surface.vertices)[surface.faces], atol=1e-6)
    flipped = textured.uvs[textured.faces] * (1, -1) + (0, 1)
    np.testing.assert_allclose(loaded.visual.uv[loaded.faces], flipped, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(loaded.visual.material.image), textured.colour)
    numbers = [line.split()[1:] for line in (tmp_path / "m.obj").read_text().splitlines() if line.startswith("f ")]
    corners = np.array([[c.split("/")[0] for c in row] for row in numbers], int) - 1
    assert is_closed(corners)


def test_an_stl_stands_flat_and_closed(tmp_path, textured):
    surface = welded(textured.vertices * 1000, textured.faces)
    body = on_flat_base(Mesh(surface.vertices, surface.faces), 0.02)
    write_stl(tmp_path / "m.stl", body)
    loaded = trimesh.load(tmp_path / "m.stl")
    assert loaded.is_watertight
    np.testing.assert_allclose(loaded.extents, np.ptp(surface.vertices, axis=0), rtol=1e-5)
    assert loaded.volume == pytest.approx(volume(surface.vertices, surface.faces), rel=0.02)
    low = loaded.vertices[:, 2].min()
    below = (loaded.triangles[:, :, 2] < low + 1e-4).all(axis=1)
    flat = below & (loaded.area_faces > 1e-3)
    np.testing.assert_allclose(loaded.face_normals[flat][:, 2], -1, atol=1e-3)
    assert loaded.area_faces[below].sum() > 0.2 * np.prod(loaded.extents[:2])
    assert on_flat_base(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))).vertices.shape == (0, 3)


def test_a_level_of_detail_looks_like_the_full_surface(textured):
    from turnaround.backend.mesh.rendering import looking_at
    from turnaround.backend.texture.viewing import textured_rgba

    full = welded(textured.vertices, textured.faces)
    dense = Mesh(full.vertices, full.faces, np.zeros((len(full.vertices), 3), np.uint8))
    reduced = simplified(dense, len(dense.faces) // 3)
    steps = []
    level = textured_like(textured, reduced, dense, 64, lambda: steps.append(1))
    assert steps
    assert len(level.faces) == len(reduced.faces)
    assert level.colour.shape == (64, 64, 3)
    camera = looking_at(np.array([0, 0, 0.08]), 30, 20, 0.6, 160)
    a, b = textured_rgba(textured, camera), textured_rgba(level, camera)
    both = (a[..., 3] == 255) & (b[..., 3] == 255)
    assert both.sum() > 0.9 * (a[..., 3] == 255).sum()
    assert np.abs(a[both].astype(int) - b[both]).mean() < 6


def test_levels_are_closed_and_each_much_coarser(synthetic, textured):
    ball = synthetic.sphere(steps=96)
    ball.colours = np.full((len(ball.vertices), 3), 77, np.uint8)
    levels = levels_of(ball, lambda: None)
    assert [len(level.faces) for level in levels] == [len(ball.faces) // 4, len(ball.faces) // 16]
    for level in levels:
        assert is_closed(level.faces)
        assert volume(level.vertices, level.faces) == pytest.approx(volume(ball.vertices, ball.faces), rel=0.02)
        assert (level.colours == 77).all()
    few = simplified(ball, 1000)
    assert levels_of(few, lambda: None) == []


def test_the_dense_surface_follows_where_texturing_moved_the_reduced_one(synthetic, textured):
    parts = welded(textured.vertices, textured.faces)
    bare = Mesh(parts.vertices, parts.faces)
    height = textured.vertices[:, 2:] / textured.vertices[:, 2].max()
    textured.vertices = textured.vertices + (0.003, -0.002, 0.0) * height
    middles = bare.vertices[bare.faces].mean(axis=1)
    moved = brought_along(Mesh(middles, np.zeros((0, 3), np.int32)), bare, textured).vertices
    expected = middles + (0.003, -0.002, 0.0) * middles[:, 2:] / bare.vertices[:, 2].max()
    assert np.linalg.norm(moved - expected, axis=1).max() < 0.1 * np.linalg.norm(moved - middles, axis=1).max()


@pytest.mark.parametrize("write", [write_glb, write_usdz])
def test_nothing_is_written_of_a_mesh_without_faces(tmp_path, textured, write):
    textured.faces = textured.faces[:0]
    more = ("thing", "m") if write is write_glb else ("thing",)
    with pytest.raises(ValueError, match="expected a mesh with faces"):
        write(tmp_path / "m", textured, pictures_of(textured, "png"), *more)
    assert not (tmp_path / "m").exists()
