# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a mesh for other programs: GLB, OBJ and STL.

Notation: a mesh comes in right-handed, z up, in the unit the file shall have. GLB and OBJ are written y up, as glTF
says and as most programs read an OBJ: (x, y, z) becomes (x, z, -y). STL stays z up, as printers expect.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from .triangles import Mesh, face_vectors, vertex_normals

_FLOAT, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5123, 5125
_ARRAY, _INDICES = 34962, 34963
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942

_STL_ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def y_up(vectors: np.ndarray) -> np.ndarray:
    """Turn z-up vectors (N, 3) into glTF's y-up axes."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)


def linear_from_srgb(colours: np.ndarray) -> np.ndarray:
    """Linear values in [0, 1] of 8-bit sRGB ones (IEC 61966-2-1)."""
    value = np.asarray(colours, np.float64) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def write_glb(path: Path, mesh: Mesh, name: str) -> None:
    """Write a binary glTF 2.0 with normals and, as ``COLOR_0``, linear vertex colours of 16 bits.

    Sixteen, because eight linear bits show bands in the dark; glTF defines vertex colours as linear.
    """
    positions = y_up(mesh.vertices).astype("<f4")
    normals = y_up(vertex_normals(mesh.vertices, mesh.faces)).astype("<f4")
    colours = np.full((len(positions), 4), 65535, "<u2")
    if len(mesh.colours):
        colours[:, :3] = np.round(linear_from_srgb(mesh.colours) * 65535.0)
    parts = [
        (positions, "VEC3", _FLOAT, _ARRAY, {}),
        (normals, "VEC3", _FLOAT, _ARRAY, {}),
        (colours, "VEC4", _UNSIGNED_SHORT, _ARRAY, {"normalized": True}),
        (mesh.faces.ravel().astype("<u4"), "SCALAR", _UNSIGNED_INT, _INDICES, {}),
    ]
    views, accessors, binary = [], [], b""
    for index, (array, kind, component, target, more) in enumerate(parts):
        data = array.tobytes()
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data), "target": target})
        accessors.append(
            {"bufferView": index, "componentType": component, "count": len(array), "type": kind, **more}
        )  # fmt: skip
        binary += data + b"\0" * (-len(data) % 4)
    if len(positions):
        accessors[0] |= {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}
    _write_chunks(path, _gltf(name, views, accessors, len(binary)), binary)


def _gltf(name: str, views: list, accessors: list, size: int) -> dict:
    """The JSON part: one node, one mesh, one rough material whose colour is the vertices'."""
    primitive = {"attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2}, "indices": 3, "material": 0}
    surface = {"baseColorFactor": [1, 1, 1, 1], "metallicFactor": 0.0, "roughnessFactor": 0.9}
    return {
        "asset": {"version": "2.0", "generator": "Turnaround"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "materials": [{"name": name, "pbrMetallicRoughness": surface}],
        "buffers": [{"byteLength": size}],
        "bufferViews": views,
        "accessors": accessors,
    }


def _write_chunks(path: Path, content: dict, binary: bytes) -> None:
    """Header, JSON padded with spaces, binary padded with zeros (glTF 2.0, section 4)."""
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    with Path(path).open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<II", len(text), _JSON_CHUNK) + text)
        file.write(struct.pack("<II", len(binary), _BINARY_CHUNK) + binary)


def write_obj(path: Path, mesh: Mesh, name: str) -> None:
    """Write an OBJ, y up, with sRGB colours behind the coordinates, as most programs read them."""
    positions = y_up(mesh.vertices)
    normals = y_up(vertex_normals(mesh.vertices, mesh.faces))
    with Path(path).open("w", encoding="utf-8") as file:
        file.write(f"# y up\no {name}\n")
        if len(mesh.colours):
            np.savetxt(file, np.hstack([positions, mesh.colours / 255.0]), "v %.7g %.7g %.7g %.4f %.4f %.4f")
        else:
            np.savetxt(file, positions, "v %.7g %.7g %.7g")
        np.savetxt(file, normals, "vn %.4f %.4f %.4f")
        np.savetxt(file, np.repeat(mesh.faces + 1, 2, axis=1), "f %d//%d %d//%d %d//%d")


def write_stl(path: Path, mesh: Mesh) -> None:
    """Write a binary STL, z up."""
    rows = np.zeros(len(mesh.faces), _STL_ROW)
    vectors = face_vectors(mesh.vertices, mesh.faces)
    rows["normal"] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    rows["corners"] = mesh.vertices[mesh.faces]
    with Path(path).open("wb") as file:
        file.write(b"Turnaround, z up, millimetres".ljust(80, b" ") + struct.pack("<I", len(rows)))
        file.write(rows.tobytes())
