# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface: a triangle mesh with the capture's colours at its vertices and, where the job made one, its texture.

Vertices (N, 3) float32 in the file's world; colours sRGB bytes, kept as such (``BYTE_COLOR``), so that nothing is
rounded between the file and the render.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import ply
from .materials import COLOUR, captured_colours, captured_texture
from .placing import Place
from .result import Result

RGB = ("red", "green", "blue")
UV_MAP = "Captured"
"""Name of the UV map that the job's texture is for."""


def import_mesh(path: Path, place: Place) -> bpy.types.Object:
    """Make or update the job's mesh from ``path``; materials, modifiers and the transform are the user's once made."""
    vertices, triangles = ply.read_ply(path)
    if len(triangles) and (triangles.min() < 0 or triangles.max() >= len(vertices)):
        raise ValueError(f"expected faces of {path} to name its {len(vertices)} vertices, got others")
    item, is_new = place.ensure("mesh", lambda: bpy.data.meshes.new(f"{place.result.name} mesh"))
    mesh = item.data
    if not isinstance(mesh, bpy.types.Mesh):
        raise ValueError(f"The object {item.name!r} stands for the mesh of this job but is no mesh; delete it first.")
    positions = ply.columns(vertices, ("x", "y", "z"))
    uvs = texture_coordinates(place.result, triangles.size)
    if not is_new and same_triangles(mesh, len(positions), triangles):
        mesh.vertices.foreach_set("co", positions.ravel())
        set_uvs(mesh, uvs)
        mesh.update()
    else:
        if not is_new:
            place.replaced += users_own(item, mesh)
        fill(mesh, positions, triangles, uvs)
    if ply.has(vertices, *RGB):
        set_byte_colours(mesh, ply.columns(vertices, RGB, np.uint8))
    picture = load_picture(place.result, "texture") if len(uvs) else None
    relief = load_picture(place.result, "normal_map") if len(uvs) else None
    if is_new:
        mesh.materials.append(captured_texture(picture, UV_MAP, relief) if picture else captured_colours())
    return item


def texture_coordinates(result: Result, corners: int) -> np.ndarray:
    """The job's texture coordinates (corners, 2) float32, v running up as in Blender; (0, 2) where it made none.

    Raises ``ValueError`` where they are another mesh's.
    """
    if "mesh_uv" not in result.artefacts or "texture" not in result.artefacts:
        return np.zeros((0, 2), np.float32)
    path = result.path("mesh_uv")
    try:
        uvs = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    if uvs.shape != (corners, 2) or uvs.dtype.kind != "f":
        raise ValueError(f"expected ({corners}, 2) texture coordinates in {path}, got {uvs.shape} {uvs.dtype}")
    return np.stack([uvs[:, 0], 1.0 - uvs[:, 1]], axis=1).astype(np.float32)


def load_picture(result: Result, kind: str) -> bpy.types.Image | None:
    """The job's texture or normal map, read anew where an earlier import loaded it; None where it made none."""
    if kind not in result.artefacts:
        return None
    path = str(result.path(kind))
    known = next((i for i in bpy.data.images if i.filepath == path and not i.library), None)
    if known is not None:
        known.reload()
        return known
    image = bpy.data.images.load(path)
    image.name = f"{result.name} {kind.replace('_', ' ')}"
    if kind == "normal_map":
        space: Any = image.colorspace_settings
        space.name = "Non-Color"
    return image


def same_triangles(mesh: bpy.types.Mesh, vertices: int, triangles: np.ndarray) -> bool:
    """Whether ``mesh`` has this many vertices and these triangles, so that all that hangs on them may stay."""
    if len(mesh.vertices) != vertices or len(mesh.loops) != triangles.size or len(mesh.polygons) != len(triangles):
        return False
    corners: np.ndarray = np.zeros(triangles.size, np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    return bool((corners == triangles.ravel()).all())


def users_own(item: bpy.types.Object, mesh: bpy.types.Mesh) -> list[str]:
    """What a user made on this geometry that a new one cannot carry: UV maps, vertex groups and shape keys."""
    lost = [f"UV map {layer.name}" for layer in mesh.uv_layers if layer.name != UV_MAP]
    lost += [f"weights of {group.name}" for group in item.vertex_groups]
    if mesh.shape_keys is not None:
        lost.append("shape keys")
    return lost


def fill(mesh: bpy.types.Mesh, positions: np.ndarray, triangles: np.ndarray, uvs: np.ndarray | None = None) -> None:
    """Replace the geometry of ``mesh`` by ``positions`` (N, 3), ``triangles`` (M, 3) and the texture coordinates of
    their corners (3M, 2), where there are any; its materials stay.
    """
    mesh.clear_geometry()
    mesh.vertices.add(len(positions))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(positions, np.float32).ravel())
    if len(triangles):
        mesh.loops.add(triangles.size)
        mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(triangles, np.int32).ravel())
        mesh.polygons.add(len(triangles))
        mesh.polygons.foreach_set("loop_start", np.arange(0, triangles.size, 3, dtype=np.int32))
        mesh.polygons.foreach_set("use_smooth", np.ones(len(triangles), bool))
    if uvs is not None:
        set_uvs(mesh, uvs)
    mesh.update(calc_edges=True)
    # A repeated corner or triangle in the file would crash Blender's tools later.
    mesh.validate()


def set_uvs(mesh: bpy.types.Mesh, uvs: np.ndarray) -> None:
    """Store ``uvs`` (corners, 2) as the UV map ``UV_MAP`` of ``mesh``; nothing where there are none."""
    if not len(uvs):
        return
    layer = mesh.uv_layers.get(UV_MAP) or mesh.uv_layers.new(name=UV_MAP, do_init=False)
    layer.uv.foreach_set("vector", np.ascontiguousarray(uvs, np.float32).ravel())


def set_byte_colours(data: bpy.types.Mesh | bpy.types.PointCloud, colours: np.ndarray) -> None:
    """Store ``colours`` (N, 3) uint8, sRGB, as the attribute ``Col`` of the points of ``data``."""
    attribute = data.attributes.get(COLOUR) or data.attributes.new(COLOUR, "BYTE_COLOR", "POINT")
    rgba = np.ones((len(colours), 4), np.float32)
    rgba[:, :3] = colours / np.float32(255)
    attribute.data.foreach_set("color_srgb", rgba.ravel())  # type: ignore[attr-defined]
    if isinstance(data, bpy.types.Mesh):
        attributes: Any = data.attributes
        attributes.active_color = attribute
        attributes.render_color_index = attributes.active_color_index
