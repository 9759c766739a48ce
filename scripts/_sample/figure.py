# SPDX-License-Identifier: GPL-3.0-or-later
"""The invented object: a small standing elephant with a raised trunk, one watertight mesh.

It is built as a union of ellipsoids and beads along curves, then re-meshed by voxels, so that the mesh that is rendered
is closed and is itself the truth. Units: metres; z up, feet on z = 0, the head looks along +x.
"""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

VOXEL = 0.0028
"""Edge of a voxel of the union, metres: the tail, the thinnest part, is four of them thick."""

BODY = (
    # centre, radii, turn about (x, y, z) in degrees
    ((-0.012, 0.0, 0.092), (0.066, 0.047, 0.046), (0, 0, 0)),
    ((-0.040, 0.0, 0.090), (0.042, 0.045, 0.044), (0, 0, 0)),
    ((0.068, 0.0, 0.122), (0.036, 0.034, 0.037), (0, 0, 0)),
    ((0.046, 0.0, 0.105), (0.036, 0.033, 0.034), (0, 0, 0)),
    ((0.052, 0.044, 0.118), (0.028, 0.0075, 0.036), (8, 0, -38)),
    ((0.052, -0.044, 0.118), (0.028, 0.0075, 0.036), (-8, 0, 38)),
    ((-0.1015, 0.0, 0.050), (0.0085, 0.0080, 0.0120), (0, 0, 0)),
)
CURVES = (
    # points of a Catmull-Rom curve, radius at its start and end
    (((0.090, 0, 0.118), (0.112, 0, 0.088), (0.136, 0, 0.078), (0.153, 0, 0.098), (0.149, 0, 0.128)), 0.0195, 0.0092),
    (((-0.074, 0, 0.112), (-0.090, 0, 0.098), (-0.099, 0, 0.076), (-0.101, 0, 0.054)), 0.0070, 0.0052),
    (((0.086, 0.018, 0.104), (0.102, 0.024, 0.092), (0.117, 0.025, 0.094)), 0.0068, 0.0040),
    (((0.086, -0.018, 0.104), (0.102, -0.024, 0.092), (0.117, -0.025, 0.094)), 0.0068, 0.0040),
    *(
        (((x, 0.72 * y, 0.085), (x, y, 0.045), (x, y, 0.0135)), 0.0215, 0.0185)
        for x in (-0.050, 0.034)
        for y in (-0.030, 0.030)
    ),
)
FEET = tuple(((x, y, 0.0085), (0.0225, 0.0215, 0.0085), (0, 0, 0)) for x in (-0.050, 0.034) for y in (-0.030, 0.030))


def curve_beads(points: tuple, first: float, last: float, steps: int = 14) -> list[tuple[Vector, float]]:
    """Centres and radii of overlapping balls along a Catmull-Rom curve through ``points``."""
    p = np.array([2 * np.array(points[0]) - points[1], *points, 2 * np.array(points[-1]) - points[-2]], float)
    beads = []
    for i in range(1, len(p) - 2):
        for t in np.linspace(0, 1, steps, endpoint=False):
            a, b, c, d = p[i - 1 : i + 3]
            at = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            along = (i - 1 + t) / (len(p) - 3)
            beads.append((Vector(at), first + (last - first) * along))
    beads.append((Vector(p[-2]), last))
    return beads


def build() -> bpy.types.Object:
    """Add the elephant to the scene as a mesh object with smooth shading and return it."""
    transforms = []
    for centre, radii, turn in (*BODY, *FEET):
        turned = Euler([math.radians(a) for a in turn]).to_matrix().to_4x4()
        transforms.append(Matrix.Translation(centre) @ turned @ Matrix.Diagonal((*radii, 1)))
    for points, first, last in CURVES:
        transforms += [Matrix.Translation(c) @ Matrix.Scale(r, 4) for c, r in curve_beads(points, first, last)]
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, radius=1)
    unit = bpy.context.object
    parts = []
    for transform in transforms:
        part = unit.copy()
        part.data = unit.data.copy()
        part.data.transform(transform)
        bpy.context.collection.objects.link(part)
        parts.append(part)
    bpy.data.objects.remove(unit)
    return _united(parts)


def _united(parts: list[bpy.types.Object]) -> bpy.types.Object:
    """One closed mesh from overlapping closed parts; joints are rounded by a few steps of smoothing."""
    bpy.ops.object.select_all(action="DESELECT")
    for part in parts:
        part.select_set(True)
    bpy.context.view_layer.objects.active = parts[0]
    bpy.ops.object.join()
    figure = parts[0]
    figure.name = "elephant"
    remesh = figure.modifiers.new("union", "REMESH")
    remesh.mode, remesh.voxel_size = "VOXEL", VOXEL
    smooth = figure.modifiers.new("joints", "SMOOTH")
    smooth.factor, smooth.iterations = 0.5, 8
    bpy.ops.object.modifier_apply(modifier="union")
    bpy.ops.object.modifier_apply(modifier="joints")
    lowest = min(v.co.z for v in figure.data.vertices)
    figure.data.transform(Matrix.Translation((0, 0, -lowest)))
    figure.data.shade_smooth() if hasattr(figure.data, "shade_smooth") else bpy.ops.object.shade_smooth()
    return figure
