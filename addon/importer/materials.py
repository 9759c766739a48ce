# SPDX-License-Identifier: GPL-3.0-or-later
"""The two materials of an import: captured colours as they are, and soft Gaussians.

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
LEAST_ALPHA, MOST_ALPHA = 1.0 / 255.0, 0.999
"""What rasterisers of splats leave out, and the most that they let one splat hide of what lies behind it."""
_MARK = "turnaround_material"


def captured_colours() -> bpy.types.Material:
    """The material that shows the attribute ``Col`` as emission, or as a diffuse surface where *Relight* is 1."""
    found = _existing("captured_colours")
    if found is not None:
        return found
    material, nodes = _new("captured_colours", "Turnaround Colours")
    colour = _attribute(nodes, COLOUR)
    _shown_or_lit(material, nodes, colour)
    colour.location = (-220.0, 0.0)
    return material


def _shown_or_lit(material: bpy.types.Material, nodes: Any, colour: Any) -> Any:
    """Show the output *Color* of the node ``colour`` as emission, or as a rough surface where *Relight* is 1.

    Returns the node of the rough surface.
    """
    links = _links(material)
    output = nodes.new("ShaderNodeOutputMaterial")
    mix = nodes.new("ShaderNodeMixShader")
    relight = nodes.new("ShaderNodeValue")
    relight.label = "Relight"
    relight.outputs[0].default_value = 0.0
    emission = nodes.new("ShaderNodeEmission")
    diffuse = nodes.new("ShaderNodeBsdfPrincipled")
    diffuse.inputs["Roughness"].default_value = 1.0
    links.new(colour.outputs["Color"], emission.inputs["Color"])
    links.new(colour.outputs["Color"], diffuse.inputs["Base Color"])
    links.new(relight.outputs[0], mix.inputs["Fac" if "Fac" in mix.inputs else 0])
    links.new(emission.outputs[0], mix.inputs[1])
    links.new(diffuse.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs["Surface"])
    _arrange((relight,), (emission, diffuse), (mix,), (output,))
    return diffuse


def captured_texture(
    picture: bpy.types.Image, uv_map: str, relief: bpy.types.Image | None = None
) -> bpy.types.Material:
    """The same for a texture: ``picture`` by ``uv_map``, as emission, or as a diffuse surface where *Relight* is 1.

    ``relief`` is a normal map for that surface; emission needs none. One material a picture.
    """
    mark = f"captured_texture {picture.name_full}"
    found = _existing(mark)
    if found is not None:
        return found
    material, nodes = _new(mark, "Turnaround Texture")
    place = nodes.new("ShaderNodeUVMap")
    place.uv_map = uv_map
    image = _texture(material, nodes, picture, place)
    lit = _shown_or_lit(material, nodes, image)
    place.location, image.location = (-740.0, 0.0), (-300.0, 0.0)
    if relief is not None:
        bumps, turn = _texture(material, nodes, relief, place), nodes.new("ShaderNodeNormalMap")
        turn.uv_map = uv_map
        _links(material).new(bumps.outputs["Color"], turn.inputs["Color"])
        _links(material).new(turn.outputs["Normal"], lit.inputs["Normal"])
        bumps.location, turn.location = (-520.0, -320.0), (-220.0, -320.0)
    return material


def _texture(material: bpy.types.Material, nodes: Any, picture: bpy.types.Image, place: Any) -> Any:
    """A node that reads ``picture`` where the node ``place`` says."""
    node = nodes.new("ShaderNodeTexImage")
    node.image = picture
    # At a chart's edge the texture goes on outwards; what lies across the picture's edge is another chart.
    node.extension = "EXTEND"
    _links(material).new(place.outputs["UV"], node.inputs["Vector"])
    return node


def soft_splats() -> bpy.types.Material:
    """The material of splats: emission of ``Col``, of the opacity that a Gaussian has at its distance from its centre.

    ``falloff`` runs from -1 to 1 over a splat's square, to where opacity exp(-d² / 2) falls to ``LEAST_ALPHA``; with
    q = falloff² the opacity there is opacity^(1 - q) LEAST_ALPHA^q, and nothing is drawn where q > 1. Blender blends
    linear light where 3D Gaussian splatting blends sRGB values, so half-transparent edges differ a little.
    """
    found = _existing("soft_splats")
    if found is not None:
        return found
    material, nodes = _new("soft_splats", "Turnaround Splats")
    # The squares come farthest first, so EEVEE may blend them in their order, without the grain of dithering.
    material.surface_render_method = "BLENDED"
    material.use_transparency_overlap = True
    links = _links(material)
    output = nodes.new("ShaderNodeOutputMaterial")
    mix = nodes.new("ShaderNodeMixShader")
    clear = nodes.new("ShaderNodeBsdfTransparent")
    emission = nodes.new("ShaderNodeEmission")
    colour, falloff, opacity = (_attribute(nodes, name) for name in (COLOUR, "falloff", "opacity"))
    square = nodes.new("ShaderNodeVectorMath")
    square.operation = "DOT_PRODUCT"
    links.new(falloff.outputs["Vector"], square.inputs[0])
    links.new(falloff.outputs["Vector"], square.inputs[1])
    rest, near, far = _math(nodes, "SUBTRACT"), _math(nodes, "POWER"), _math(nodes, "POWER")
    rest.inputs[0].default_value, far.inputs[0].default_value = 1.0, LEAST_ALPHA
    inside, product, alpha = _math(nodes, "LESS_THAN", 1.0), _math(nodes, "MULTIPLY"), _math(nodes, "MULTIPLY")
    held = _math(nodes, "MINIMUM", MOST_ALPHA)
    links.new(square.outputs["Value"], rest.inputs[1])
    links.new(opacity.outputs["Fac"], near.inputs[0])
    links.new(rest.outputs[0], near.inputs[1])
    links.new(square.outputs["Value"], far.inputs[1])
    links.new(square.outputs["Value"], inside.inputs[0])
    links.new(near.outputs[0], product.inputs[0])
    links.new(far.outputs[0], product.inputs[1])
    links.new(product.outputs[0], alpha.inputs[0])
    links.new(inside.outputs[0], alpha.inputs[1])
    links.new(alpha.outputs[0], held.inputs[0])
    links.new(colour.outputs["Color"], emission.inputs["Color"])
    links.new(held.outputs[0], mix.inputs[0])
    links.new(clear.outputs[0], mix.inputs[1])
    links.new(emission.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs["Surface"])
    _arrange(
        (falloff, opacity, colour), (square,), (rest, far, inside), (near,), (product,), (alpha,), (held,),
        (clear, emission), (mix,), (output,)
    )  # fmt: skip
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
