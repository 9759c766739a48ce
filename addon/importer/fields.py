# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic on geometry nodes' fields, written as arithmetic: ``a * b + c`` adds the nodes that compute it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..compat import new_geometry_nodes

Number = float | int


@dataclass(frozen=True)
class Field:
    """An output of a node: a number for each splat, or a vector where ``is_vector``."""

    tree: Any
    socket: Any
    is_vector: bool = False

    def __add__(self, other: Field | Number) -> Field:
        return self._with("ADD", other)

    def __sub__(self, other: Field | Number) -> Field:
        return self._with("SUBTRACT", other)

    def __truediv__(self, other: Field | Number) -> Field:
        return self._with("DIVIDE", other)

    def __mul__(self, other: Field | Number) -> Field:
        """A number times a number, a vector times a number, or two vectors' components."""
        second_is_vector = isinstance(other, Field) and other.is_vector
        if second_is_vector and not self.is_vector and isinstance(other, Field):
            return other * self
        if self.is_vector and not second_is_vector:
            node = self.tree.nodes.new("ShaderNodeVectorMath")
            node.operation = "SCALE"
            self._feed(node.inputs[0], self)
            self._feed(node.inputs["Scale"], other)
            return Field(self.tree, node.outputs[0], True)
        return self._with("MULTIPLY", other)

    def dot(self, other: Field) -> Field:
        """The scalar product of two vectors."""
        node = self.tree.nodes.new("ShaderNodeVectorMath")
        node.operation = "DOT_PRODUCT"
        self._feed(node.inputs[0], self)
        self._feed(node.inputs[1], other)
        return Field(self.tree, node.outputs["Value"])

    def apply(self, operation: str, *others: Field | Number) -> Field:
        """Any operation of the node *Math*, or *Vector Math* on a vector."""
        node = self.tree.nodes.new("ShaderNodeVectorMath" if self.is_vector else "ShaderNodeMath")
        if operation != node.operation:
            node.operation = operation
        for socket, value in zip(node.inputs, (self, *others), strict=False):
            self._feed(socket, value)
        return Field(self.tree, node.outputs[0], self.is_vector)

    def parts(self) -> tuple[Field, Field, Field]:
        """The components of a vector."""
        node = self.tree.nodes.new("ShaderNodeSeparateXYZ")
        self._feed(node.inputs[0], self)
        x, y, z = (Field(self.tree, socket) for socket in node.outputs)
        return x, y, z

    def _with(self, operation: str, other: Field | Number) -> Field:
        return self.apply(operation, other)

    def _feed(self, socket: Any, value: Field | Number) -> None:
        feed(self.tree, socket, value)


def feed(tree: Any, socket: Any, value: Any) -> None:
    """Give a node's input a field, a socket or a constant."""
    if isinstance(value, Field):
        tree.links.new(value.socket, socket)
    elif hasattr(value, "is_linked"):
        tree.links.new(value, socket)
    elif socket.type == "VECTOR" and isinstance(value, int | float):
        socket.default_value = (value, value, value)
    else:
        socket.default_value = value


def in_a_group(
    tree: Any, name: str, inputs: dict[str, Field], build: Callable[[Any, dict[str, Field]], dict[str, Field]]
) -> dict[str, Field]:
    """What ``build(group, inputs)`` computes, in a node group of its own.

    Blender checks a whole tree after every change to it, so that several small trees are made in a quarter of the time
    of a large one; and a person can read them.
    """
    group = new_geometry_nodes(f".{name}")
    for key, field in inputs.items():
        kind = "NodeSocketVector" if field.is_vector else "NodeSocketFloat"
        group.interface.new_socket(key, in_out="INPUT", socket_type=kind)
    source = group.nodes.new("NodeGroupInput")
    given = {key: Field(group, source.outputs[key], field.is_vector) for key, field in inputs.items()}
    results = build(group, given)
    for key, field in results.items():
        kind = "NodeSocketVector" if field.is_vector else "NodeSocketFloat"
        group.interface.new_socket(key, in_out="OUTPUT", socket_type=kind)
    output = group.nodes.new("NodeGroupOutput")
    for key, field in results.items():
        group.links.new(field.socket, output.inputs[key])
    arrange(group)
    node = tree.nodes.new("GeometryNodeGroup")
    node.node_tree = group
    for key, field in inputs.items():
        tree.links.new(field.socket, node.inputs[key])
    return {key: Field(tree, node.outputs[key], field.is_vector) for key, field in results.items()}


def arrange(group: Any) -> None:
    """Lay the nodes out in columns, in the order in which they were made."""
    places = [(place // 12 * 190.0, -(place % 12) * 170.0) for place in range(len(group.nodes))]
    # All at once: one by one Blender would check the tree each time.
    attribute = "location_absolute" if "location_absolute" in group.nodes[0].bl_rna.properties else "location"
    group.nodes.foreach_set(attribute, [value for place in places for value in place])


def named(tree: Any, name: str, kind: str) -> Field:
    """The attribute ``name`` of the splats; ``kind`` as Blender calls it."""
    node = tree.nodes.new("GeometryNodeInputNamedAttribute")
    node.data_type = kind
    node.inputs["Name"].default_value = name
    return Field(tree, node.outputs["Attribute"], kind == "FLOAT_VECTOR")


def constant(tree: Any, x: float, y: float, z: float) -> Field:
    """A vector that is the same for all."""
    node = tree.nodes.new("FunctionNodeInputVector")
    node.vector = (x, y, z)
    return Field(tree, node.outputs[0], True)


def vector_of(tree: Any, x: Field | Number, y: Field | Number, z: Field | Number) -> Field:
    """A vector of three numbers."""
    node = tree.nodes.new("ShaderNodeCombineXYZ")
    for socket, value in zip(node.inputs, (x, y, z), strict=True):
        feed(tree, socket, value)
    return Field(tree, node.outputs[0], True)


def rotated(tree: Any, vector: Field, rotation: Any) -> Field:
    """``vector`` turned by ``rotation`` (a rotation socket)."""
    node = tree.nodes.new("FunctionNodeRotateVector")
    feed(tree, node.inputs["Vector"], vector)
    tree.links.new(rotation, node.inputs["Rotation"])
    return Field(tree, node.outputs[0], True)
