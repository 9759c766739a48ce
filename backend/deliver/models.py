# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh in every format asked for, from one textured mesh in the world of ``04_cameras``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..images import write_image
from ..mesh.textured import TexturedMesh
from ..mesh.triangles import Mesh
from .glb import write_glb
from .obj import write_obj
from .parcel import Parcel
from .parting import parted
from .pictures import pictures_of
from .stl import on_flat_base, write_stl
from .tints import vertex_colours
from .usdz import write_usdz
from .welding import closed, welded

NAME = "object"
TEXTURE, NORMALS, SEEN, UVS = "texture.png", "normals.png", "seen.png", "mesh_uv.npy"

_STL_DIAGONAL_MM = 100.0
"""Diagonal of the STL when no length is known: a size that can be held and printed."""

Warn = Callable[[str, str, str], None]
"""Called with a code, what is the matter, and what to do."""


def write_models(
    parcel: Parcel,
    mesh: TexturedMesh,
    wanted: frozenset[str],
    colours: str,
    tell: Callable[[float, str], None],
    warn: Warn,
) -> Mesh:
    """Write ``mesh.ply`` with its texture, and the formats in ``wanted``; return the welded, coloured mesh, world."""
    scaled, count = mesh.scaled(parcel.factor), len(mesh.faces)
    surface = welded(scaled.vertices, mesh.faces)
    tints = vertex_colours(mesh, surface.index, len(surface.vertices))
    whole = Mesh(surface.vertices, surface.faces, tints)
    whole.save(parcel.path("mesh.ply"), f"sRGB vertex colours; z up, unit {parcel.unit}")
    np.save(parcel.path(UVS), np.ascontiguousarray(mesh.uvs[mesh.faces].reshape(-1, 2), np.float32))
    write_image(parcel.path(TEXTURE), mesh.colour)
    parcel.add("mesh", "mesh.ply", count)
    parcel.add("mesh_uv", UVS, 3 * count, "texture", "")
    parcel.add("texture", TEXTURE, 1, "image", "pixels")
    if not mesh.seen.all():
        write_image(parcel.path(SEEN), mesh.seen)
        parcel.add("seen_map", SEEN, 1, "image", "pixels")
    if mesh.normal.shape[0] > 1:  # one of one texel says what the vertices' normals say already
        write_image(parcel.path(NORMALS), mesh.normal)
        parcel.add("normal_map", NORMALS, 1, "image", "pixels")
    if wanted & {"glb", "usdz"}:
        pictures = pictures_of(mesh, colours)
        if "glb" in wanted:
            tell(0.2, "Writing the GLB")
            write_glb(parcel.path("model.glb"), scaled, pictures, NAME, parcel.unit)
            parcel.add("model", "model.glb", count, "y_up")
        if "usdz" in wanted:
            tell(0.4, "Writing the USDZ")
            write_usdz(parcel.path("model.usdz"), scaled, pictures, NAME)
            parcel.add("usdz", "model.usdz", count, "y_up")
    if "obj" in wanted:
        tell(0.6, "Writing the OBJ")
        write_obj(parcel.path("model.obj"), scaled, surface, NAME, TEXTURE)
        parcel.add("obj", "model.obj", count, "y_up")
    if "stl" in wanted:
        tell(0.8, "Writing the STL")
        parcel.add("stl", "model.stl", _write_print(parcel, whole, warn), unit="mm")
    return Mesh(surface.vertices / parcel.factor, surface.faces, tints)


def _write_print(parcel: Parcel, surface: Mesh, warn: Warn) -> int:
    """Write ``model.stl`` closed and on a flat base; returns its triangles."""
    millimetres = 1000.0
    if parcel.unit != "m":
        millimetres = _STL_DIAGONAL_MM / float(np.linalg.norm(np.ptp(surface.vertices, axis=0)))
        warn(
            "stl_size_unknown",
            f"No length is known: the STL was made {_STL_DIAGONAL_MM:g} mm across its diagonal.",
            "Give the object's length to make it true to size.",
        )
    whole, holes = closed(Mesh(surface.vertices * millimetres, surface.faces))
    if holes:
        warn(
            "stl_holes_closed",
            f"The surface has {holes} holes; for the STL each was closed by a plain fan.",
            "Look at the base and the hidden places of the model before printing it.",
        )
    whole, _ = parted(whole)
    write_stl(parcel.path("model.stl"), on_flat_base(whole))
    return len(whole.faces)
