# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats as a point cloud that Blender itself draws (from 5.3), beside the mesh that keeps what the file says.

Attributes as Blender's PLY import makes them: ``scale`` (standard deviations), ``rotation`` (w, x, y, z),
``radiance:base`` (the first harmonic's red, green and blue, opacity from 0 to 1) and ``radiance:sh_0`` to ``sh_14``
(the other harmonics). The mesh stays for editing and export; its proxies are switched off while the cloud stands there.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ..compat import custom, has_native_splats, new_point_cloud, show_as_splats
from .spherical import HARMONICS
from .splat_nodes import LOG_SCALE, LOGIT, ROTATION, is_ours
from .splat_writer import values

NATIVE = "turnaround_native_splats"
"""Custom property of the object that shows the splats of its parent, or of its sibling in a job."""
_TINY = 1e-20


def show(item: Any) -> Any:
    """The object that shows the splats of ``item`` natively, made or brought up to date; None where Blender cannot."""
    if not has_native_splats():
        return None
    cloud = make(item.data, f"{item.name} native")
    found = native_of(item)
    if found is None:
        found = bpy.data.objects.new(f"{item.name} native", cloud)
        found[NATIVE] = True
        for collection in item.users_collection:
            collection.objects.link(found)
        found.parent = item
    else:
        old, found.data = found.data, cloud
        if not old.users:
            bpy.data.pointclouds.remove(old)
    for modifier in item.modifiers:
        if modifier.type == "NODES" and is_ours(modifier.node_group):
            modifier.show_viewport = modifier.show_render = False
    return found


def native_of(item: Any) -> Any:
    """The object that shows the splats of ``item`` natively, or None."""
    return next((child for child in item.children if custom(child, NATIVE)), None)


def make(mesh: Any, name: str) -> bpy.types.PointCloud:
    """A point cloud of the splats of ``mesh``, in its frame. Raises ``ValueError`` where an attribute is missing."""
    count = len(mesh.vertices)
    positions: np.ndarray = np.zeros(count * 3, np.float32)
    mesh.vertices.foreach_get("co", positions)
    turns = values(mesh, ROTATION)
    harmonics = [values(mesh, key) for key in HARMONICS if key in mesh.attributes]
    with np.errstate(over="ignore"):
        opacity = 1.0 / (1.0 + np.exp(-values(mesh, LOGIT)))
        sizes = np.exp(values(mesh, LOG_SCALE))
    cloud = new_point_cloud(name, count)
    _set(cloud, "position", ("FLOAT_VECTOR",), positions)
    _set(cloud, "scale", ("FLOAT_VECTOR",), sizes)
    _set(cloud, "rotation", ("QUATERNION",), turns / np.maximum(np.linalg.norm(turns, axis=1, keepdims=True), _TINY))
    _set(cloud, "radiance:base", ("FLOAT4", "FLOAT_COLOR"), np.concatenate([harmonics[0], opacity], axis=1))
    for number, part in enumerate(harmonics[1:]):
        _set(cloud, f"radiance:sh_{number}", ("FLOAT_VECTOR",), part)
    show_as_splats(cloud, round(len(harmonics) ** 0.5) - 1)
    return cloud


_FIELDS = {"FLOAT_VECTOR": "vector", "QUATERNION": "value", "FLOAT4": "vector", "FLOAT_COLOR": "color"}


def _set(cloud: Any, name: str, kinds: tuple[str, ...], data: np.ndarray) -> None:
    """Store an attribute by the first of ``kinds`` that this Blender knows."""
    known = bpy.types.Attribute.bl_rna.properties["data_type"].enum_items  # type: ignore[attr-defined]
    kind = next(kind for kind in kinds if kind in known)
    attribute = cloud.attributes.get(name) or cloud.attributes.new(name, kind, "POINT")
    attribute.data.foreach_set(_FIELDS[kind], np.ascontiguousarray(data, np.float32).ravel())
