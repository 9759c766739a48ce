# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own importers read what is delivered: same size, same way up, with its material."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.bpy
ROOT = Path(__file__).resolve().parent.parent.parent
LOW, HIGH = np.array([-0.1, -0.1, 0.0]), np.array([0.2, 0.1, 0.5])


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """The object in all formats, written by the backend in its own environment."""
    place = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    python = ROOT / ".environments" / "backend" / place
    if not python.exists():
        pytest.skip("no environment of the backend: scripts/setup_environments.py makes it")
    folder = tmp_path_factory.mktemp("delivered")
    script = Path(__file__).with_name("write_deliverables.py")
    subprocess.run([str(python), "-P", str(script), str(folder)], check=True, timeout=300)
    return folder


def read(path):
    """Corners (N, 3) of the meshes that Blender made of ``path``, in its world, and the objects."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module="io_scene_gltf2")
    done = {
        ".glb": lambda: bpy.ops.import_scene.gltf(filepath=str(path)),
        ".usdz": lambda: bpy.ops.wm.usd_import(filepath=str(path)),
        ".obj": lambda: bpy.ops.wm.obj_import(filepath=str(path)),
        ".stl": lambda: bpy.ops.wm.stl_import(filepath=str(path)),
    }[path.suffix]()
    assert done == {"FINISHED"}
    bpy.context.view_layer.update()
    items = [o for o in bpy.context.scene.objects if o.type == "MESH"]
    return np.array([o.matrix_world @ v.co for o in items for v in o.data.vertices]), items


@pytest.mark.parametrize(("name", "scale"), [("glb", 1), ("obj", 1), ("usdz", 1), ("stl", 1000)])
def test_size_and_orientation(delivered, name, scale):
    corners, items = read(delivered / f"model.{name}")
    assert len(items) == 1
    np.testing.assert_allclose(corners.min(axis=0), LOW * scale, atol=1e-5 * scale)
    np.testing.assert_allclose(corners.max(axis=0), HIGH * scale, atol=1e-5 * scale)
    # The wedge is high at its -y side alone, so nothing is turned or mirrored.
    top = corners[corners[:, 2] > 0.49 * scale]
    np.testing.assert_allclose(top[:, 1], -0.1 * scale, atol=1e-5 * scale)
    mesh = items[0].data
    volume = sum(np.linalg.det([mesh.vertices[i].co for i in p.vertices]) for p in mesh.polygons) / 6
    assert volume == pytest.approx(0.3 * 0.2 * 0.5 / 2 * scale**3, rel=1e-4)


@pytest.mark.parametrize("name", ["glb", "obj", "usdz"])
def test_the_material_is_the_texture(delivered, name):
    _, (item,) = read(delivered / f"model.{name}")
    assert len(item.data.uv_layers) == 1
    uvs = np.zeros(2 * len(item.data.loops), np.float32)
    item.data.uv_layers[0].uv.foreach_get("vector", uvs)
    assert (uvs.min(), uvs.max()) == pytest.approx((0.1, 0.9), abs=1e-5)
    (material,) = item.data.materials
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    (link,) = shader.inputs["Base Color"].links
    source = link.from_node
    while source.type != "TEX_IMAGE":
        source = next(i.links[0].from_node for i in source.inputs if i.links)
    assert tuple(source.image.size) == (64, 64)
    pixel = np.array(source.image.pixels[:3]) * 255
    np.testing.assert_allclose(pixel, (200, 60, 30), atol=1)
    if name != "obj":
        assert shader.inputs["Normal"].is_linked
        assert shader.inputs["Roughness"].is_linked
