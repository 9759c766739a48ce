# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scene looks like: a mosaic glaze, a terrazzo table, a plank floor and soft light.

All patterns are procedural. Mosaic pieces and stone chips give the photos the detail that feature detectors need; the
blue and yellow object and the pale table differ enough in colour that one click can tell them apart.
"""

from __future__ import annotations

import math

import bpy

TILES = (
    # sRGB, share of the pieces
    ((0.05, 0.36, 0.56), 0.24),
    ((0.10, 0.55, 0.62), 0.20),
    ((0.02, 0.20, 0.42), 0.16),
    ((0.36, 0.74, 0.70), 0.14),
    ((0.90, 0.62, 0.08), 0.14),
    ((0.80, 0.24, 0.10), 0.12),
)
CHIPS = (
    ((0.83, 0.80, 0.74), 0.46),
    ((0.62, 0.57, 0.50), 0.18),
    ((0.38, 0.34, 0.31), 0.12),
    ((0.93, 0.91, 0.88), 0.14),
    ((0.63, 0.44, 0.34), 0.10),
)


def linear(colour: tuple[float, float, float]) -> tuple[float, float, float, float]:
    """RGBA in linear light from sRGB (IEC 61966-2-1)."""
    return (*(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour), 1.0)


class Material:
    """A node tree under construction: ``node`` adds one node, setting inputs by name or linking them to sockets."""

    def __init__(self, name: str) -> None:
        self.data = bpy.data.materials.new(name)
        if not self.data.use_nodes:
            self.data.use_nodes = True
        self.tree = self.data.node_tree
        self.surface = self.tree.nodes["Principled BSDF"]

    def node(self, kind: str, inputs: dict | None = None, **settings: object) -> bpy.types.Node:
        """Add ``ShaderNode<kind>``; an input's value is a constant, or a socket of another node to link from."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            self.put(node.inputs[key], value)
        return node

    def put(self, socket: bpy.types.NodeSocket, value: object) -> None:
        """Set or link one input."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def steps(self, factor: bpy.types.NodeSocket, colours: tuple) -> bpy.types.NodeSocket:
        """A colour for each range of ``factor`` in [0, 1]; ``colours`` holds (sRGB, share) pairs."""
        ramp = self.node("ValToRGB", {"Fac": factor})
        ramp.color_ramp.interpolation = "CONSTANT"
        start = 0.0
        for i, (colour, share) in enumerate(colours):
            element = ramp.color_ramp.elements[0] if i == 0 else ramp.color_ramp.elements.new(start)
            element.position, element.color = start, linear(colour)
            start += share
        while len(ramp.color_ramp.elements) > len(colours):
            ramp.color_ramp.elements.remove(ramp.color_ramp.elements[-1])
        return ramp.outputs["Color"]

    def mix(self, factor: object, a: object, b: object, blend: str = "MIX") -> bpy.types.NodeSocket:
        """Blend two colours."""
        node = self.node("MixRGB", {"Fac": factor, "Color1": a, "Color2": b}, blend_type=blend)
        return node.outputs["Color"]

    def grey(self, value: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        """A colour whose channels are all ``value``."""
        return self.node("CombineColor", dict.fromkeys(("Red", "Green", "Blue"), value)).outputs["Color"]

    def threshold(self, value: bpy.types.NodeSocket, low: float, high: float) -> bpy.types.NodeSocket:
        """0 below ``low``, 1 above ``high``, linear between."""
        return self.node("MapRange", {"Value": value, "From Min": low, "From Max": high}).outputs["Result"]

    def cells(self, where: object, scale: float, feature: str, jitter: float = 1.0) -> bpy.types.Node:
        """A Voronoi pattern at ``where`` (metres) with ``scale`` cells a metre."""
        return self.node("TexVoronoi", {"Vector": where, "Scale": scale, "Randomness": jitter}, feature=feature)


def mosaic(eyes: tuple[tuple[float, float, float], ...]) -> bpy.types.Material:
    """Glazed tile fragments in dark grout, with speckles in the glaze and two dark eyes at ``eyes`` (metres)."""
    m = Material("mosaic")
    where = m.node("TexCoord").outputs["Object"]
    bent = m.node("TexNoise", {"Vector": where, "Scale": 60.0, "Detail": 1.0}).outputs["Color"]
    moved = m.node("MixRGB", {"Fac": 0.006, "Color1": where, "Color2": bent}, blend_type="ADD").outputs["Color"]
    piece = m.cells(moved, 95.0, "F1", 0.85)
    edge = m.cells(moved, 95.0, "DISTANCE_TO_EDGE", 0.85).outputs["Distance"]
    shade = m.node("SeparateColor", {"Color": piece.outputs["Color"]}).outputs
    tile = m.steps(shade["Red"], TILES)
    tile = m.mix(0.35, tile, m.grey(shade["Green"]), "OVERLAY")
    speck = m.threshold(m.node("TexNoise", {"Vector": where, "Scale": 700.0, "Detail": 2.0}).outputs["Fac"], 0.60, 0.72)
    tile = m.mix(speck, tile, linear((0.90, 0.90, 0.80)))
    body = m.mix(m.threshold(edge, 0.035, 0.075), linear((0.10, 0.10, 0.12)), tile)
    for eye in eyes:
        far = m.node("VectorMath", {0: where, 1: eye}, operation="DISTANCE").outputs["Value"]
        body = m.mix(m.threshold(far, 0.0058, 0.0064), linear((0.93, 0.90, 0.80)), body)
        body = m.mix(m.threshold(far, 0.0036, 0.0042), linear((0.03, 0.03, 0.03)), body)
    m.put(m.surface.inputs["Base Color"], body)
    m.put(m.surface.inputs["Roughness"], 0.5)
    m.put(m.surface.inputs["Specular IOR Level"], 0.25)
    bump = m.node("Bump", {"Height": m.threshold(edge, 0.0, 0.09), "Strength": 0.35, "Distance": 0.0006})
    m.put(m.surface.inputs["Normal"], bump.outputs["Normal"])
    return m.data


def terrazzo() -> bpy.types.Material:
    """Stone chips of two sizes in a pale binder; lengths are metres."""
    m = Material("terrazzo")
    where = m.node("TexCoord").outputs["Object"]
    colour = linear((0.80, 0.77, 0.71))
    for scale, low in ((42.0, 0.10), (120.0, 0.12)):
        random = m.node("SeparateColor", {"Color": m.cells(where, scale, "F1").outputs["Color"]}).outputs["Red"]
        chip = m.steps(random, CHIPS)
        inside = m.threshold(m.cells(where, scale, "DISTANCE_TO_EDGE").outputs["Distance"], low, low + 0.03)
        colour = m.mix(inside, colour, chip)
    cloud = m.node("TexNoise", {"Vector": where, "Scale": 16.0, "Detail": 6.0}).outputs["Fac"]
    colour = m.mix(0.35, colour, m.grey(cloud), "OVERLAY")
    m.put(m.surface.inputs["Base Color"], colour)
    m.put(m.surface.inputs["Roughness"], 0.6)
    m.put(m.surface.inputs["Specular IOR Level"], 0.2)
    return m.data


def planks() -> bpy.types.Material:
    """Wooden boards 14 cm wide, for the floor under the table."""
    m = Material("planks")
    where = m.node("TexCoord").outputs["Object"]
    boards = m.node("TexBrick", {
        "Vector": where, "Scale": 1.0, "Mortar Size": 0.002, "Brick Width": 1.3, "Row Height": 0.14,
        "Color1": linear((0.50, 0.33, 0.20)), "Color2": linear((0.34, 0.21, 0.12)),
        "Mortar": linear((0.10, 0.06, 0.04)),
    })  # fmt: skip
    long = m.node("Mapping", {"Vector": where, "Scale": (2.0, 30.0, 1.0)}).outputs["Vector"]
    grain = m.node("TexNoise", {"Vector": long, "Scale": 4.0, "Detail": 6.0}).outputs["Fac"]
    m.put(m.surface.inputs["Base Color"], m.mix(0.7, boards.outputs["Color"], m.grey(grain), "OVERLAY"))
    m.put(m.surface.inputs["Roughness"], 0.7)
    return m.data


def add_surroundings() -> None:
    """A round table whose top is z = 0, the floor below it, a wide soft lamp and a pale sky."""
    bpy.ops.mesh.primitive_cylinder_add(vertices=160, radius=0.40, depth=0.03, location=(0, 0, -0.015))
    bpy.context.object.data.materials.append(terrazzo())
    bpy.ops.mesh.primitive_cylinder_add(vertices=48, radius=0.05, depth=0.62, location=(0, 0, -0.34))
    bpy.context.object.data.materials.append(planks())
    bpy.ops.mesh.primitive_plane_add(size=40, location=(0, 0, -0.65))
    bpy.context.object.data.materials.append(planks())
    for location, size, watts in (((0.9, -0.7, 1.5), 1.2, 26), ((-1.2, 0.9, 1.1), 1.6, 12)):
        bpy.ops.object.light_add(type="AREA", location=location)
        lamp = bpy.context.object
        lamp.data.size, lamp.data.energy = size, watts
        lamp.rotation_euler = (-lamp.location).to_track_quat("-Z", "Y").to_euler()
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    if not world.use_nodes:
        world.use_nodes = True
    sky = world.node_tree.nodes["Background"]
    sky.inputs["Color"].default_value = linear((0.80, 0.84, 0.88))
    sky.inputs["Strength"].default_value = 0.65


def add_camera(focal_px: float, width: int) -> bpy.types.Object:
    """A pinhole camera with square pixels and the principal point in the middle."""
    data = bpy.data.cameras.new("camera")
    data.angle_x = 2 * math.atan(width / 2 / focal_px)
    data.clip_start, data.clip_end = 0.01, 30
    camera = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera
