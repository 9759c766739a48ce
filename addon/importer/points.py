# SPDX-License-Identifier: GPL-3.0-or-later
"""The point cloud: native Blender points with a colour and a radius each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..compat import new_point_cloud
from . import ply
from .materials import captured_colours
from .mesh import RGB, set_byte_colours
from .placing import Place


def import_points(path: Path, place: Place) -> bpy.types.Object:
    """Make or update the job's point cloud from ``path``.

    Python cannot change the number of points of a cloud before Blender 5.1, so the object gets a new one with the old
    one's name, materials and custom properties; modifiers and transform belong to the object and stay.
    """
    table, _ = ply.read_ply(path)
    positions = ply.columns(table, ("x", "y", "z"))
    name = f"{place.result.name} points"
    cloud = new_point_cloud(name, len(table))
    _set(cloud, "position", "FLOAT_VECTOR", "vector", positions)
    _set(cloud, "radius", "FLOAT", "value", _radii(table, positions))
    if ply.has(table, *RGB):
        set_byte_colours(cloud, ply.columns(table, RGB, np.uint8))
    item, is_new = place.ensure("points", lambda: cloud)
    if is_new:
        cloud.materials.append(captured_colours())
        return item
    old = item.data
    if not isinstance(old, bpy.types.PointCloud):
        bpy.data.pointclouds.remove(cloud)
        raise ValueError(f"The object {item.name!r} stands for the points of this job but is no point cloud.")
    kept: Any = old
    for material in old.materials:
        cloud.materials.append(material)
    for key, value in list(kept.items()):
        cloud[key] = value
    item.data = cloud
    old_name = old.name
    if not old.users:
        bpy.data.pointclouds.remove(old)
        cloud.name = old_name
    return item


def _radii(table: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Radii (N,), from the file; where it has none, one that lets N discs of that size cover the cloud's box."""
    if ply.has(table, "radius"):
        return ply.columns(table, ("radius",))[:, 0]
    extent = np.ptp(positions, axis=0) if len(positions) else np.zeros(3)
    return np.full(len(positions), 0.5 * np.linalg.norm(extent) / max(len(positions), 1) ** 0.5, np.float32)


def _set(cloud: bpy.types.PointCloud, name: str, kind: str, field: str, values: np.ndarray) -> None:
    """Store ``values`` as the attribute ``name``; a new cloud lacks even its positions in some versions."""
    attribute = cloud.attributes.get(name) or cloud.attributes.new(name, kind, "POINT")  # type: ignore[arg-type]
    attribute.data.foreach_set(field, np.ascontiguousarray(values, np.float32).ravel())  # type: ignore[attr-defined]
