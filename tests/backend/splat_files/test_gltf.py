# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF: what is written obeys the extension's tables, what is read is placed by its nodes, and liars are refused."""

from __future__ import annotations

import base64
import copy
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from turnaround.backend import splat_files
from turnaround.backend.splat_files import activations, gltf

WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
P = "KHR_gaussian_splatting:"


def parts(path: Path) -> tuple[dict, bytes]:
    """A GLB's JSON and binary, with the container's own rules asserted."""
    raw = path.read_bytes()
    magic, version, total = struct.unpack_from("<4sII", raw)
    assert (magic, version, total) == (b"glTF", 2, len(raw))
    size, kind = struct.unpack_from("<I4s", raw, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    binary, kind = struct.unpack_from("<I4s", raw, 20 + size)
    assert kind == b"BIN\0"
    assert binary % 4 == 0
    assert 28 + size + binary == len(raw)
    return json.loads(raw[20 : 20 + size]), raw[28 + size :]


def write(path: Path, description: dict, binary: bytes) -> None:
    text = json.dumps(description).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


@pytest.mark.parametrize("degree", range(4))
def test_the_file_obeys_the_specification(cloud, tmp_path, degree):
    splats = cloud(7, degree)
    splat_files.save(tmp_path / "a.glb", splats, up="y")
    description, binary = parts(tmp_path / "a.glb")
    assert description["asset"]["version"] == "2.0"
    assert description["extensionsUsed"] == ["KHR_gaussian_splatting"]
    assert description["buffers"] == [{"byteLength": len(binary)}]
    primitive = description["meshes"][0]["primitives"][0]
    assert primitive["mode"] == 0
    extension = primitive["extensions"]["KHR_gaussian_splatting"]
    assert extension["kernel"] == "ellipse"
    assert extension["colorSpace"] == "srgb_rec709_display"
    assert extension["projection"] == "perspective"
    assert extension["sortingMethod"] == "cameraDistance"
    harmonics = [f"{P}SH_DEGREE_{band}_COEF_{i}" for band in range(degree + 1) for i in range(2 * band + 1)]
    types = {
        "POSITION": "VEC3",
        "COLOR_0": "VEC4",
        f"{P}ROTATION": "VEC4",
        f"{P}SCALE": "VEC3",
        f"{P}OPACITY": "SCALAR",
    }
    types |= dict.fromkeys(harmonics, "VEC3")
    assert set(primitive["attributes"]) == set(types)
    values = {}
    for name, index in primitive["attributes"].items():
        accessor = description["accessors"][index]
        view = description["bufferViews"][accessor["bufferView"]]
        assert accessor["type"] == types[name]
        assert accessor["count"] == 7
        component = {5126: "<f4", 5121: "u1"}[accessor["componentType"]]
        assert (component == "u1") == (name == "COLOR_0") == accessor.get("normalized", False)
        width = WIDTHS[accessor["type"]]
        assert view["byteOffset"] % 4 == 0
        assert view["byteLength"] == 7 * width * np.dtype(component).itemsize
        values[name] = np.frombuffer(binary, component, 7 * width, view["byteOffset"]).reshape(7, width)
    position = description["accessors"][primitive["attributes"]["POSITION"]]
    assert np.array_equal(np.float32(position["min"]), splats.means.min(axis=0))
    assert np.array_equal(np.float32(position["max"]), splats.means.max(axis=0))
    assert np.allclose(np.linalg.norm(values[f"{P}ROTATION"], axis=1), 1, atol=1e-6)
    unit = splats.quats / np.linalg.norm(splats.quats, axis=1, keepdims=True)
    assert np.allclose(values[f"{P}ROTATION"], unit[:, [1, 2, 3, 0]], atol=1e-6)
    assert np.allclose(values[f"{P}SCALE"], np.exp(splats.scales), rtol=1e-6)
    assert np.allclose(values[f"{P}OPACITY"][:, 0], 1 / (1 + np.exp(-splats.opacities)), atol=1e-6)
    for k, name in enumerate(harmonics):
        assert np.array_equal(values[name], splats.sh[:, k])
    shown = np.clip(activations.colour_from_dc(splats.sh[:, 0]), 0, 1)
    assert np.abs(values["COLOR_0"][:, :3] / 255 - shown).max() <= 0.5 / 255 + 1e-6


def test_nodes_place_their_splats(cloud, tmp_path):
    """A parent with a matrix, a child with its own place, and one mesh used by two nodes."""
    splats = cloud(5, 2)
    splat_files.save(tmp_path / "a.glb", splats, up="y")
    description, binary = parts(tmp_path / "a.glb")
    turn = Rotation.from_rotvec([0.3, -0.4, 0.5])
    parent = np.eye(4)
    parent[:3, :3] = 2 * Rotation.from_rotvec([0, 1, 0]).as_matrix()
    parent[:3, 3] = [1, 2, 3]
    child = {"mesh": 0, "translation": [4, 5, 6], "rotation": turn.as_quat().tolist(), "scale": [0.5, 0.5, 0.5]}
    description["nodes"] = [{"mesh": 0}, {"children": [2], "matrix": parent.T.ravel().tolist()}, child]
    description["scenes"] = [{"nodes": [0, 1]}]
    write(tmp_path / "b.glb", description, binary)
    both = splat_files.load(tmp_path / "b.glb", up="y")
    local = np.eye(4)
    local[:3, :3] = 0.5 * turn.as_matrix()
    local[:3, 3] = [4, 5, 6]
    expected = splat_files.transform(splats, parent @ local)
    assert len(both) == 10
    assert np.allclose(both.means[:5], splats.means, atol=1e-6)
    assert np.allclose(both.means[5:], expected.means, atol=1e-5)
    assert np.allclose(both.scales[5:], expected.scales, atol=1e-5)
    assert np.allclose(both.sh[5:], expected.sh, atol=1e-5)
    del description["scenes"], description["scene"]
    write(tmp_path / "b.glb", description, binary)
    assert np.array_equal(splat_files.load(tmp_path / "b.glb", up="y").means, both.means)


def test_buffers_may_lie_inside_or_beside(cloud, tmp_path):
    splats = cloud(4, 1)
    splat_files.save(tmp_path / "a.glb", splats, up="y")
    description, binary = parts(tmp_path / "a.glb")
    inside = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    (tmp_path / "my data.bin").write_bytes(binary)
    for uri in (inside, "my%20data.bin"):
        description["buffers"][0]["uri"] = uri
        (tmp_path / "a.gltf").write_text(json.dumps(description))
        assert np.array_equal(splat_files.load(tmp_path / "a.gltf", up="y").means, splats.means)
    for uri in ("../a.bin", "/etc/hostname", "missing.bin", "data:;base64,@@@", "http://example.org/a.bin"):
        description["buffers"][0]["uri"] = uri
        (tmp_path / "a.gltf").write_text(json.dumps(description))
        with pytest.raises(ValueError, match="expected"):
            splat_files.load(tmp_path / "a.gltf")


def test_interleaved_attributes_are_read(cloud, tmp_path):
    splats = cloud(6)
    splat_files.save(tmp_path / "a.glb", splats, up="y")
    description, binary = parts(tmp_path / "a.glb")
    rows = np.zeros((6, 5), "<f4")
    rows[:, 2:] = splats.means
    description["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": 120, "byteStride": 20})
    position = description["accessors"][description["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    position |= {"bufferView": len(description["bufferViews"]) - 1, "byteOffset": 8}
    description["buffers"][0]["byteLength"] += 120
    write(tmp_path / "b.glb", description, binary + rows.tobytes())
    assert np.array_equal(splat_files.load(tmp_path / "b.glb", up="y").means, splats.means)


def test_logarithmic_sizes_of_drafts_are_told_by_their_sign(cloud, tmp_path):
    splats = cloud(6)
    splat_files.save(tmp_path / "a.glb", splats, up="y")
    description, binary = parts(tmp_path / "a.glb")
    index = description["meshes"][0]["primitives"][0]["attributes"][f"{P}SCALE"]
    start = description["bufferViews"][index]["byteOffset"]
    raw = bytearray(binary)
    raw[start : start + 72] = splats.scales.astype("<f4").tobytes()
    write(tmp_path / "b.glb", description, bytes(raw))
    assert np.array_equal(splat_files.load(tmp_path / "b.glb", up="y").scales, splats.scales)


def set_in(path, value):
    """A change of the description: the entry at ``path`` becomes ``value``."""

    def change(description):
        at = description
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


def drop(*path):
    def change(description):
        at = description
        for key in path[:-1]:
            at = at[key]
        del at[path[-1]]

    return change


PRIMITIVE = ("meshes", 0, "primitives", 0)
EXTENSION = (*PRIMITIVE, "extensions", "KHR_gaussian_splatting")


@pytest.mark.parametrize(
    "change",
    [
        set_in(("accessors", 0, "count"), 10**12),
        set_in(("accessors", 0, "count"), 6),
        set_in(("accessors", 0, "count"), -1),
        set_in(("accessors", 0, "count"), 2.5),
        set_in(("accessors", 0, "byteOffset"), 10**15),
        set_in(("accessors", 0, "componentType"), 5123),
        set_in(("accessors", 0, "componentType"), "float"),
        set_in(("accessors", 0, "type"), "VEC4"),
        set_in(("accessors", 0, "sparse"), {"count": 10**12}),
        drop("accessors", 0, "bufferView"),
        set_in(("accessors", 0, "bufferView"), 99),
        set_in(("accessors", 0, "bufferView"), -1),
        set_in(("bufferViews", 0, "byteLength"), 10**12),
        set_in(("bufferViews", 0, "byteOffset"), 10**12),
        set_in(("bufferViews", 0, "byteStride"), 4),
        set_in(("bufferViews", 0, "byteStride"), 0),
        set_in(("bufferViews", 0, "buffer"), 3),
        set_in(("bufferViews", 0, "extensions"), {"EXT_meshopt_compression": {}}),
        set_in(("buffers",), {}),
        set_in(("nodes", 0, "children"), [0]),
        set_in(("nodes", 0, "mesh"), 5),
        set_in(("nodes", 0, "scale"), [1, 2, 3]),
        set_in(("nodes", 0, "scale"), [-1, 1, 1]),
        set_in(("nodes", 0, "matrix"), [1] * 15),
        set_in(("nodes", 0, "matrix"), [0] * 16),
        set_in(("nodes", 0, "rotation"), [0, 0, 0, 0]),
        set_in(("nodes", 0, "translation"), ["a", 0, 0]),
        set_in(("nodes",), 3),
        set_in(("scenes", 0, "nodes"), [7]),
        set_in(("scenes", 0, "nodes"), [[]]),
        set_in(("scene",), 4),
        set_in(("meshes",), [None]),
        set_in((*PRIMITIVE[:3],), 5),
        set_in((*PRIMITIVE, "mode"), 4),
        set_in((*PRIMITIVE, "attributes"), None),
        set_in((*EXTENSION, "kernel"), "box"),
        set_in((*EXTENSION, "extensions"), {"KHR_gaussian_splatting_compression_spz_2": {"bufferView": 0}}),
        set_in(EXTENSION, []),
        drop(*PRIMITIVE, "attributes", "POSITION"),
        drop(*PRIMITIVE, "attributes", f"{P}ROTATION"),
        drop(*PRIMITIVE, "attributes", f"{P}SH_DEGREE_0_COEF_0"),
        drop(*PRIMITIVE, "attributes", f"{P}SH_DEGREE_1_COEF_1"),
        set_in((*PRIMITIVE, "attributes", f"{P}SH_DEGREE_5_COEF_0"), 0),
        set_in((*PRIMITIVE, "attributes", "POSITION"), "0"),
        drop(*PRIMITIVE, "extensions", "KHR_gaussian_splatting"),
    ],
)
def test_descriptions_that_lie_are_refused(cloud, tmp_path, change):
    splat_files.save(tmp_path / "a.glb", cloud(5, 1), up="y")
    description, binary = parts(tmp_path / "a.glb")
    changed = copy.deepcopy(description)
    changed.pop("extensionsUsed")
    change(changed)
    write(tmp_path / "b.glb", changed, binary)
    with pytest.raises(ValueError, match="expected"):
        splat_files.load(tmp_path / "b.glb")


def test_one_mesh_placed_a_million_times_is_refused(cloud, tmp_path):
    splat_files.save(tmp_path / "a.glb", cloud(2000), up="y")
    description, binary = parts(tmp_path / "a.glb")
    description["nodes"] = [{"mesh": 0}] * 20_000
    description["scenes"] = [{"nodes": list(range(20_000))}]
    write(tmp_path / "b.glb", description, binary)
    with pytest.raises(ValueError, match="expected"):
        splat_files.load(tmp_path / "b.glb")


def test_a_mesh_without_splats_is_no_splat_file(tmp_path):
    (tmp_path / "a.gltf").write_text('{"asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "nodes": [{}]}')
    with pytest.raises(ValueError, match="KHR_gaussian_splatting"):
        splat_files.load(tmp_path / "a.gltf")


def test_no_splats_are_a_valid_file(tmp_path):
    splat_files.save(tmp_path / "a.glb", splat_files.empty())
    description, binary = parts(tmp_path / "a.glb")
    assert binary == b""
    assert not {"accessors", "meshes", "buffers"} & set(description)
    assert len(splat_files.load(tmp_path / "a.glb")) == 0
    assert gltf.NAME in description["extensionsUsed"]
