# SPDX-License-Identifier: GPL-3.0-or-later
"""A turntable: the camera and the room stand still, the object turns on a plain platter.

Everything but the object and the platter repeats from picture to picture, and it is full of detail: whoever matches
whole pictures finds a camera that never moved. Notation: world is the object's own frame at turn 0, metres, z up, the
platter's top is z = 0; a turn is a rotation about z, which is the platter's axis.
"""

from __future__ import annotations

import math
import random

import bpy
from mathutils import Matrix, Vector

from . import look

ELEVATION, DISTANCE = 24.0, 0.47
"""Of the camera above the platter, degrees and metres."""
PLATTER_RADIUS, PLATTER_HEIGHT = 0.125, 0.012
WALLS = (
    # colours of the bricks, size (m), place of the middle, turn about z in degrees
    (((0.56, 0.30, 0.22), (0.72, 0.48, 0.34)), (3.2, 2.2), (-1.0, 0.0, 0.3), 0),
    (((0.30, 0.40, 0.46), (0.62, 0.66, 0.60)), (3.2, 2.2), (0.0, 1.1, 0.3), -90),
)
BOXES = (
    # size (m), middle of the foot, turn about z in degrees
    ((0.10, 0.06, 0.13), (-0.24, 0.15), 20),
    ((0.07, 0.11, 0.09), (-0.22, -0.19), -35),
    ((0.05, 0.05, 0.16), (-0.31, 0.00), 10),
)


def turns(views: int, seed: int) -> list[float]:
    """Angle of the platter in each of ``views`` pictures, radians: a full turn by hand, uneven by a tenth of a step."""
    rng = random.Random(seed)  # noqa: S311
    step = 2 * math.pi / views
    return [step * (i + (rng.uniform(-0.1, 0.1) if i else 0.0)) for i in range(views)]


def fixed_camera(centre: Vector) -> Matrix:
    """world_from_camera (OpenGL axes) of the one camera, which looks at ``centre``."""
    rise, turn = math.radians(ELEVATION), math.radians(14)
    across = math.cos(rise)
    eye = centre + DISTANCE * Vector((across * math.cos(turn), across * math.sin(turn), math.sin(rise)))
    facing = (centre - eye).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    return Matrix.Translation(eye) @ facing


def seen_from_object(camera: Matrix, angles: list[float]) -> list[Matrix]:
    """object_from_camera for each turn: what a reconstruction of the object alone must find."""
    return [Matrix.Rotation(-angle, 4, "Z") @ camera for angle in angles]


def add_room() -> None:
    """Platter, two brick walls and boxes on the table; the table is lowered by the platter's height."""
    for name in ("Cylinder", "Cylinder.001", "Plane"):
        bpy.data.objects[name].location.z -= PLATTER_HEIGHT
    middle = (0, 0, -PLATTER_HEIGHT / 2)
    bpy.ops.mesh.primitive_cylinder_add(vertices=160, radius=PLATTER_RADIUS, depth=PLATTER_HEIGHT, location=middle)
    bpy.context.object.data.materials.append(_plain())
    for colours, size, place, turn in WALLS:
        bpy.ops.mesh.primitive_plane_add(size=1, location=place)
        wall = bpy.context.object
        wall.rotation_euler = (math.pi / 2, 0, math.radians(90 + turn))
        wall.scale = (*size, 1)
        wall.data.materials.append(_bricks(colours))
    for index, (size, foot, turn) in enumerate(BOXES):
        bpy.ops.mesh.primitive_cube_add(size=1, location=(*foot, size[2] / 2 - PLATTER_HEIGHT))
        box = bpy.context.object
        box.scale, box.rotation_euler = size, (0, 0, math.radians(turn))
        box.data.materials.append(_patches(index))


def _plain() -> bpy.types.Material:
    """Matte grey without any detail: the platter's own turning must not be seen."""
    m = look.Material("platter")
    m.put(m.surface.inputs["Base Color"], look.linear((0.55, 0.56, 0.58)))
    m.put(m.surface.inputs["Roughness"], 0.9)
    return m.data


def _bricks(colours: tuple) -> bpy.types.Material:
    """A wall of bricks of two colours, stained, so that no two places look alike."""
    m = look.Material("bricks")
    where = m.node("TexCoord").outputs["UV"]
    first, second = (look.linear(c) for c in colours)
    bricks = m.node("TexBrick", {
        "Vector": where, "Scale": 12.0, "Mortar Size": 0.018, "Color1": first, "Color2": second,
        "Mortar": look.linear((0.78, 0.76, 0.72)),
    })  # fmt: skip
    stain = m.node("TexNoise", {"Vector": where, "Scale": 22.0, "Detail": 8.0}).outputs["Fac"]
    m.put(m.surface.inputs["Base Color"], m.mix(0.8, bricks.outputs["Color"], m.grey(stain), "OVERLAY"))
    m.put(m.surface.inputs["Roughness"], 0.9)
    return m.data


def _patches(index: int) -> bpy.types.Material:
    """Paper with printed patches, another print for each ``index``."""
    m = look.Material(f"patches {index}")
    where = m.node("TexCoord").outputs["Object"]
    moved = m.node("Mapping", {"Vector": where, "Location": (3.1 * index, 0.7 * index, 0)}).outputs["Vector"]
    colour = m.cells(moved, 7.0, "F1").outputs["Color"]
    fine = m.node("TexNoise", {"Vector": moved, "Scale": 18.0, "Detail": 6.0}).outputs["Fac"]
    paper = m.mix(0.45, look.linear((0.86, 0.84, 0.80)), colour)
    m.put(m.surface.inputs["Base Color"], m.mix(0.7, paper, m.grey(fine), "OVERLAY"))
    m.put(m.surface.inputs["Roughness"], 0.8)
    return m.data
