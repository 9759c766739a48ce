# SPDX-License-Identifier: GPL-3.0-or-later
"""A textured mesh as binary glTF 2.0: y up, textures inside, one metallic-roughness material."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..mesh.textured import TexturedMesh
from ..texture.relief import tangents
from .axes import y_up
from .glb_container import Binary, write_chunks
from .pictures import Pictures

_LINEAR, _LINEAR_MIP, _CLAMP = 9729, 9987, 33071


def write_glb(path: Path, mesh: TexturedMesh, pictures: Pictures, name: str, unit: str) -> None:
    """Write ``mesh``, z up and in the delivered unit, with its encoded ``pictures``.

    Tangents are those in which the normal map was baked; without a normal map there are none. Charts stay apart, as
    glTF has one texture coordinate a vertex: a program that wants a closed surface joins vertices in one place.
    Raises ``ValueError`` for a mesh without faces.
    """
    if not len(mesh.faces):
        raise ValueError("expected a mesh with faces for a GLB, got none")
    binary = Binary()
    attributes = {
        "POSITION": binary.vertices(y_up(mesh.vertices), bounds=True),
        "NORMAL": binary.vertices(y_up(mesh.normals)),
        "TEXCOORD_0": binary.vertices(mesh.uvs),
    }
    if pictures.normal is not None:
        frame = tangents(mesh.vertices, mesh.normals, mesh.faces, mesh.uvs)
        frame[:, :3] = y_up(frame[:, :3])
        attributes["TANGENT"] = binary.vertices(frame)
    indices = binary.indices(mesh.faces, len(mesh.vertices))
    primitive = {"attributes": attributes, "indices": indices, "material": 0}
    images = [p for p in (pictures.colour, pictures.surface, pictures.normal) if p is not None]
    description = {
        "asset": {"version": "2.0", "generator": "Turnaround", "extras": {"unit": unit}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "materials": [_material(name, pictures)],
        "samplers": [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIP, "wrapS": _CLAMP, "wrapT": _CLAMP}],
        "textures": [{"sampler": 0, "source": i} for i in range(len(images))],
        "images": [{"bufferView": binary.bytes_of(p.data), "mimeType": p.mime} for p in images],
        "buffers": [{"byteLength": binary.size}],
        "bufferViews": binary.views,
        "accessors": binary.accessors,
    }
    write_chunks(path, description, binary)


def _material(name: str, pictures: Pictures) -> dict[str, Any]:
    """Colour, occlusion, roughness and metalness from textures 0 and 1, relief from texture 2."""
    material: dict[str, Any] = {
        "name": name,
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1}},
        "occlusionTexture": {"index": 1},
    }
    if pictures.normal is not None:
        material["normalTexture"] = {"index": 2}
    return material
