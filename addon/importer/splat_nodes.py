# SPDX-License-Identifier: GPL-3.0-or-later
"""The geometry nodes that put one square on each splat.

The squares are made real, not left as instances: one mesh of 4 N vertices draws and renders many times faster than N
instances. A square spans ``materials.RADIUS_IN_SIGMAS`` standard deviations each way and carries the attribute
``falloff``, its own coordinates from -1 to 1, from which the material computes the Gaussian.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..compat import custom, new_geometry_nodes
from .materials import RADIUS_IN_SIGMAS, soft_discs

_MARK = "turnaround_nodes"
_VERSION = 1


def disc_nodes() -> bpy.types.NodeTree:
    """The node group, shared by all splats of a file; one made by another version of this code is left to its users."""
    for group in bpy.data.node_groups:
        if custom(group, _MARK) == _VERSION and not group.library:
            return group
    group = new_geometry_nodes("Turnaround Splats")
    group[_MARK] = _VERSION
    group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    _build(group)
    return group


def _build(group: Any) -> None:
    """Square, rotated and scaled on every point, made real, with the material."""
    new, link = group.nodes.new, group.links.new
    source, output = new("NodeGroupInput"), new("NodeGroupOutput")
    square = _square(group)
    rotation, scale = _named(group, "rotation", "QUATERNION"), _named(group, "scale", "FLOAT_VECTOR")
    reach = new("ShaderNodeVectorMath")
    reach.operation = "SCALE"
    reach.inputs["Scale"].default_value = RADIUS_IN_SIGMAS
    instances, real = new("GeometryNodeInstanceOnPoints"), new("GeometryNodeRealizeInstances")
    material = new("GeometryNodeSetMaterial")
    material.inputs["Material"].default_value = soft_discs()
    link(scale.outputs["Attribute"], reach.inputs[0])
    link(source.outputs[0], instances.inputs["Points"])
    link(square.outputs["Geometry"], instances.inputs["Instance"])
    link(rotation.outputs["Attribute"], instances.inputs["Rotation"])
    link(reach.outputs["Vector"], instances.inputs["Scale"])
    last = instances
    # Once used they would only be copied to four vertices a splat.
    for name in ("rotation", "scale"):
        drop = new("GeometryNodeRemoveAttribute")
        drop.inputs["Name"].default_value = name
        link(last.outputs[0], drop.inputs["Geometry"])
        last = drop
    link(last.outputs[0], real.inputs["Geometry"])
    link(real.outputs["Geometry"], material.inputs["Geometry"])
    link(material.outputs["Geometry"], output.inputs[0])
    for place, node in enumerate((rotation, scale, reach, source, instances, last, real, material, output)):
        node.location = (place * 190.0, 0.0 if place > 2 else 250.0)


def _square(group: Any) -> Any:
    """A square from -1 to 1 in x and y that knows its own coordinates; the node whose output is the geometry."""
    grid = group.nodes.new("GeometryNodeMeshGrid")
    for name, value in (("Size X", 2.0), ("Size Y", 2.0), ("Vertices X", 2), ("Vertices Y", 2)):
        grid.inputs[name].default_value = value
    position = group.nodes.new("GeometryNodeInputPosition")
    store = group.nodes.new("GeometryNodeStoreNamedAttribute")
    store.data_type = "FLOAT_VECTOR"
    store.domain = "POINT"
    store.inputs["Name"].default_value = "falloff"
    group.links.new(grid.outputs["Mesh"], store.inputs["Geometry"])
    group.links.new(position.outputs[0], next(s for s in store.inputs if s.name == "Value" and s.enabled))
    for column, node in enumerate((position, grid, store)):
        node.location = (column * 190.0, -250.0)
    return store


def _named(group: Any, name: str, kind: str) -> Any:
    """A node that reads the points' attribute ``name``."""
    node = group.nodes.new("GeometryNodeInputNamedAttribute")
    node.data_type = kind
    node.inputs["Name"].default_value = name
    return node
