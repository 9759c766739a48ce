# SPDX-License-Identifier: GPL-3.0-or-later
"""The two materials of an import: captured colours as they are, and soft Gaussian discs.

The colours of a capture already hold the light of the place where it was taken. Shown by emission, a render under the
*Standard* view transform gives back the photo's values exactly and does not light the object twice; to relight it, the
user raises *Relight* in the material from 0 to 1, which turns the same colours into a diffuse surface.

A material made here carries a custom property and is shared by all imports of a file; it is never rebuilt, so what a
user changes in it stays.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..compat import custom, use_nodes

COLOUR = "Col"
"""Name of the colour attribute on meshes and points; Blender's own importers use it as well."""
RADIUS_IN_SIGMAS = 3.0
"""Half the side of a splat's square; the Gaussian has fallen to 1.1 per cent there."""
_MARK = "turnaround_material"


def captured_colours() -> bpy.types.Material:
    """The material that shows the attribute ``Col`` as emission, or as a diffuse surface where *Relight* is 1."""
    found = _existing("captured_colours")
    if found is not None:
        return found
    material, nodes = _new("captured_colours", "Turnaround Colours")
    links = _links(material)
    output = nodes.new("ShaderNodeOutputMaterial")
    mix = nodes.new("ShaderNodeMixShader")
    relight = nodes.new("ShaderNodeValue")
    relight.label = "Relight"
    relight.outputs[0].default_value = 0.0
    emission = nodes.new("ShaderNodeEmission")
    diffuse = nodes.new("ShaderNodeBsdfPrincipled")
    diffuse.inputs["Roughness"].default_value = 1.0
    colour = _attribute(nodes, COLOUR)
    links.new(colour.outputs["Color"], emission.inputs["Color"])
    links.new(colour.outputs["Color"], diffuse.inputs["Base Color"])
    links.new(relight.outputs[0], mix.inputs["Fac" if "Fac" in mix.inputs else 0])
    links.new(emission.outputs[0], mix.inputs[1])
    links.new(diffuse.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs["Surface"])
    _arrange((colour, relight), (emission, diffuse), (mix,), (output,))
    return material


def soft_discs() -> bpy.types.Material:
    """The material of splats: emission of ``Col`` with opacity ``opacity`` exp(-d² / 2), d in standard deviations.

    ``falloff`` runs from -1 to 1 over a splat's square, ``RADIUS_IN_SIGMAS`` standard deviations each way. Blender
    blends linear light where 3D Gaussian splatting blends sRGB values, so half-transparent edges differ a little.
    """
    found = _existing("soft_discs")
    if found is not None:
        return found
    material, nodes = _new("soft_discs", "Turnaround Splats")
    links = _links(material)
    output = nodes.new("ShaderNodeOutputMaterial")
    mix = nodes.new("ShaderNodeMixShader")
    clear = nodes.new("ShaderNodeBsdfTransparent")
    emission = nodes.new("ShaderNodeEmission")
    colour, falloff, opacity = (_attribute(nodes, name) for name in (COLOUR, "falloff", "opacity"))
    square = nodes.new("ShaderNodeVectorMath")
    square.operation = "DOT_PRODUCT"
    exponent = _math(nodes, "MULTIPLY", -0.5 * RADIUS_IN_SIGMAS**2)
    gaussian = _math(nodes, "EXPONENT")
    alpha = _math(nodes, "MULTIPLY")
    links.new(falloff.outputs["Vector"], square.inputs[0])
    links.new(falloff.outputs["Vector"], square.inputs[1])
    links.new(square.outputs["Value"], exponent.inputs[0])
    links.new(exponent.outputs[0], gaussian.inputs[0])
    links.new(gaussian.outputs[0], alpha.inputs[0])
    links.new(opacity.outputs["Fac"], alpha.inputs[1])
    links.new(colour.outputs["Color"], emission.inputs["Color"])
    links.new(alpha.outputs[0], mix.inputs[0])
    links.new(clear.outputs[0], mix.inputs[1])
    links.new(emission.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs["Surface"])
    _arrange(
        (falloff, opacity, colour), (square,), (exponent,), (gaussian,), (alpha, clear, emission), (mix,), (output,)
    )
    return material


def _existing(mark: str) -> bpy.types.Material | None:
    """The material of this kind that an earlier import made, where it still has its nodes."""
    return next((m for m in bpy.data.materials if custom(m, _MARK) == mark and m.node_tree and not m.library), None)


def _new(mark: str, name: str) -> tuple[bpy.types.Material, Any]:
    """A material with an empty node tree, never sampled as a lamp: that would cost time a triangle and add noise."""
    material = bpy.data.materials.new(name)
    material[_MARK] = mark
    use_nodes(material)
    if material.node_tree is None:
        raise RuntimeError("expected a material to have nodes, got none")
    material.node_tree.nodes.clear()
    settings: Any = getattr(material, "cycles", None)
    if settings is not None:
        settings.emission_sampling = "NONE"
    return material, material.node_tree.nodes


def _links(material: bpy.types.Material) -> Any:
    """The links of a material that has nodes."""
    return material.node_tree.links  # type: ignore[union-attr]


def _attribute(nodes: Any, name: str) -> Any:
    """A node that reads a geometry attribute."""
    node = nodes.new("ShaderNodeAttribute")
    node.attribute_name = name
    node.label = name
    return node


def _math(nodes: Any, operation: str, second: float = 0.0) -> Any:
    """A node of arithmetic whose second operand is ``second``."""
    node = nodes.new("ShaderNodeMath")
    node.operation = operation
    node.inputs[1].default_value = second
    return node


def _arrange(*ranks: Any) -> None:
    """Lay the nodes out from left to right, so that the tree can be read."""
    for column, rank in enumerate(ranks):
        for row, node in enumerate(rank):
            node.location = (column * 220.0, -row * 200.0)
