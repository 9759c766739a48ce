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


def choose(node: Any, name: str, value: str) -> None:
    """Choose one of a node's modes: a property of the node, or from 5.0 for some nodes a socket that names the mode."""
    if hasattr(node, name):
        setattr(node, name, value)
    else:
        node.inputs[name.replace("_", " ").title()].default_value = value.replace("_", " ").title()


def set_input(modifier: Any, name: str, value: Any) -> None:
    """Set the input called ``name`` of a geometry nodes modifier."""
    own, key = _input(modifier, name)
    if own is None:
        modifier[key] = value
    else:
        own.value = value


def get_input(modifier: Any, name: str) -> Any:
    """The value of the input called ``name`` of a geometry nodes modifier."""
    own, key = _input(modifier, name)
    return modifier[key] if own is None else own.value


def input_path(modifier: Any, name: str) -> tuple[Any, str]:
    """What a layout's ``prop`` takes to show the input called ``name``: the owner and the property."""
    own, key = _input(modifier, name)
    return (modifier, f'["{key}"]') if own is None else (own, "value")


def _input(modifier: Any, name: str) -> tuple[Any, str]:
    """An input's own properties, which modifiers have from 5.2, else None; and its key among the custom properties."""
    tree = modifier.node_group.interface.items_tree
    socket = next(s for s in tree if s.item_type == "SOCKET" and s.in_out == "INPUT" and s.name == name)
    inputs = getattr(getattr(modifier, "properties", None), "inputs", None)
    return getattr(inputs, socket.identifier, None), socket.identifier


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


def has_native_splats() -> bool:
    """Whether this Blender draws point clouds as Gaussian splats, as 5.3 does."""
    return bool(_splat_mode())


def show_as_splats(cloud: Any, degree: int) -> None:
    """Let ``cloud`` be drawn as splats with harmonics to ``degree``."""
    cloud.render_as = _splat_mode()
    if hasattr(cloud, "spherical_harmonics_degree"):
        cloud.spherical_harmonics_degree = degree


def _splat_mode() -> str:
    """What a point cloud's ``render_as`` calls splats; empty where it cannot."""
    modes: Any = bpy.types.PointCloud.bl_rna.properties.get("render_as")
    return next((mode.identifier for mode in modes.enum_items if "SPLAT" in mode.identifier), "") if modes else ""


def fcurves_of(item: Any) -> list[Any]:
    """The animation curves of ``item``: from 4.4 they lie in an action's layers and slots, from 5.0 only there."""
    animation = item.animation_data
    if animation is None or animation.action is None:
        return []
    action = animation.action
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    bags = [strip.channelbag(animation.action_slot) for layer in action.layers for strip in layer.strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]
