# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender's versions differ, probed by feature and not by number, so that a new version needs no edit here."""

from __future__ import annotations

from typing import Any

import bpy


def custom(item: Any, key: str, default: Any = None) -> Any:
    """A custom property of ``item``; Blender's type stubs know nothing of them."""
    return item.get(key, default)


def new_geometry_nodes(name: str) -> Any:
    """An empty geometry node group. Nodes and sockets are typed by name alone, hence ``Any``."""
    return bpy.data.node_groups.new(name, "GeometryNodeTree")  # type: ignore[arg-type, unused-ignore]


def use_nodes(material: bpy.types.Material) -> None:
    """Give the material a node tree; from 5.0 it has one from the start and the switch is deprecated."""
    if material.node_tree is None:
        material.use_nodes = True


def new_point_cloud(name: str, count: int) -> bpy.types.PointCloud:
    """A point cloud of ``count`` points with its attributes unset.

    From 5.1 Python may say how many; before that, a geometry node makes them and its result is applied.
    """
    cloud = bpy.data.pointclouds.new(name)
    if hasattr(cloud, "resize"):
        cloud.resize(count)
        return cloud
    group = new_geometry_nodes("Turnaround points")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    points, output = group.nodes.new("GeometryNodePoints"), group.nodes.new("NodeGroupOutput")
    points.inputs["Count"].default_value = count
    group.links.new(points.outputs[0], output.inputs[0])
    # The operator works on an object that stands in the view layer, so one stands there for a moment.
    holder = bpy.data.objects.new(name, cloud)
    context: Any = bpy.context
    context.scene.collection.objects.link(holder)
    try:
        modifier = holder.modifiers.new("points", "NODES")
        modifier.node_group = group  # type: ignore[attr-defined]
        with context.temp_override(object=holder, active_object=holder, selected_objects=[holder]):
            bpy.ops.object.modifier_apply(modifier=modifier.name)
        return holder.data  # type: ignore[return-value]
    finally:
        bpy.data.objects.remove(holder)
        bpy.data.node_groups.remove(group)
