# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaussian splats, shown as soft oriented discs that render in Cycles and EEVEE.

Each splat is one vertex with the attributes ``rotation`` (quaternion), ``scale`` (standard deviations), ``opacity`` and
``Col`` (scene-linear); geometry nodes put a square there and the material gives it a Gaussian's opacity. A splat may be
selected and deleted in Edit Mode like any vertex. The file is 3D Gaussian splatting's: scales are logarithms, opacities
logits, colour 0.5 + f_dc / (2 sqrt(pi)); higher harmonics are not shown.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import axes, ply
from .materials import COLOUR
from .mesh import fill
from .placing import Place
from .splat_files import stated_up
from .splat_nodes import disc_nodes

_BAND_0 = 0.5 / math.sqrt(math.pi)
_MOST_BOUNCES, _LEAST_BOUNCES = 64, 12
"""Cycles stops after so many see-through surfaces on a ray and shows black; splats lie many deep. Before the lesser
number it does not stop by chance either: 2.6 times less noise for 1.4 times the time, measured on a duck of splats."""
_NAMES = {
    "positions": ("x", "y", "z"),
    "scales": ("scale_0", "scale_1", "scale_2"),
    "rotations": ("rot_0", "rot_1", "rot_2", "rot_3"),
    "colours": ("f_dc_0", "f_dc_1", "f_dc_2"),
    "opacities": ("opacity",),
}


def import_splats(path: Path, place: Place) -> bpy.types.Object:
    """Make or update the job's splats from ``path``; the modifier is added only when the object is made."""
    table, _ = ply.read_ply(path)
    item, is_new = place.ensure("splats", lambda: bpy.data.meshes.new(f"{place.result.name} splats"))
    mesh = item.data
    if not isinstance(mesh, bpy.types.Mesh):
        raise ValueError(f"The object {item.name!r} stands for the splats of this job but is no mesh; delete it first.")
    _fill(mesh, table)
    if is_new:
        _show(item)
    return item


def import_splat_file(
    scene: bpy.types.Scene, collection: bpy.types.Collection | None, path: Path, name: str, up: str | None = None
) -> bpy.types.Object:
    """Make a new object called ``name`` of the splats of a standard PLY, in ``collection`` (None: the scene's).

    ``up`` says which direction of the file is up, None that the file's comments do; the object is turned until that is
    Blender's z, so the numbers stay those of the file. Raises ``ValueError`` for another kind of file.
    """
    table, _ = ply.read_ply(path)
    if not len(table):
        raise ValueError(f"expected splats in {name}, got none")
    mesh = bpy.data.meshes.new(name)
    try:
        _fill(mesh, table)
    except ValueError:
        bpy.data.meshes.remove(mesh)
        raise
    item = bpy.data.objects.new(name, mesh)
    (collection or scene.collection).objects.link(item)
    item.rotation_euler.x = axes.TURN_TO_Z[up or stated_up(ply.read_header(path).comments)]
    _show(item)
    let_rays_through(scene)
    return item


def let_rays_through(scene: Any) -> None:
    """Let Cycles see through as many surfaces as splats lie deep; it would show black behind the last one."""
    cycles = getattr(scene, "cycles", None)
    if cycles is not None:
        cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, _MOST_BOUNCES)
        cycles.min_transparent_bounces = max(cycles.min_transparent_bounces, _LEAST_BOUNCES)


def _show(item: bpy.types.Object) -> None:
    """Add the modifier that draws the splats."""
    modifier = item.modifiers.new("Turnaround Splats", "NODES")
    modifier.node_group = disc_nodes()  # type: ignore[attr-defined]


def _fill(mesh: bpy.types.Mesh, table: np.ndarray) -> None:
    """Replace what ``mesh`` holds by the splats of ``table``."""
    values = {key: ply.columns(table, names) for key, names in _NAMES.items()}
    rotations, extents = axes.disc_from_gaussian(values["rotations"], np.exp(values["scales"]))
    colours = np.ones((len(table), 4), np.float32)
    colours[:, :3] = axes.linear_from_srgb(0.5 + _BAND_0 * values["colours"])
    fill(mesh, values["positions"], np.zeros((0, 3), np.int32))
    _set(mesh, "rotation", "QUATERNION", "value", rotations)
    _set(mesh, "scale", "FLOAT_VECTOR", "vector", extents)
    _set(mesh, "opacity", "FLOAT", "value", _sigmoid(values["opacities"]))
    _set(mesh, COLOUR, "FLOAT_COLOR", "color", colours)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow for the large logits that trainers write."""
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def _set(mesh: bpy.types.Mesh, name: str, kind: str, field: str, values: np.ndarray) -> None:
    """Store ``values`` as the vertex attribute ``name``."""
    attribute = mesh.attributes.new(name, kind, "POINT")  # type: ignore[arg-type]
    attribute.data.foreach_set(field, np.ascontiguousarray(values, np.float32).ravel())  # type: ignore[attr-defined]
