# SPDX-License-Identifier: GPL-3.0-or-later
"""The geometry nodes that draw splats: one square a splat, in a plane parallel to the picture's, farthest first.

The square holds the ellipse of elliptical weighted averaging (Zwicker et al. 2001, as 3D Gaussian splatting uses it):
the covariance seen along the splat's own direction, widened by ``Blur`` square pixels. A plane parallel to the picture
is only scaled by projection, so the Gaussian drawn on the square is the one that rasterisers draw, and squares are met
in the order of their depths, as there. The squares are made real, not left as instances: one mesh draws many times
faster than N instances. A square reaches to where its alpha has fallen to 1/255.

Frame: the object's own. The eye is brought there, so colours turn with the object and no harmonic is rotated.
"""

from __future__ import annotations

import math
from typing import Any

import bpy

from ..compat import choose, custom, new_geometry_nodes
from . import eye, spherical
from .fields import Field, arrange, constant, feed, in_a_group, named, rotated, vector_of
from .materials import COLOUR, LEAST_ALPHA, soft_splats

ROTATION, LOG_SCALE, LOGIT, RANK = "rotation", "log_scale", "opacity_logit", "rank"
VIEW_SHARE, RENDER_SHARE, BLUR, DEPENDENT = "Viewport Share", "Render Share", "Blur", "View-dependent Colour"
_MARK, _SQUARE = "turnaround_nodes", "turnaround_square"
_VERSION = 5
_MOST_SLOPE = 2.0
"""Beside the picture the projection's tilt is held, as in rasterisers; a right angle of view has a slope of 1."""


def splat_nodes() -> bpy.types.NodeTree:
    """The node group, shared by all splats of a file; one made by another version of this code is left to its users."""
    for group in bpy.data.node_groups:
        if custom(group, _MARK) == _VERSION and not group.library:
            return group
    group = new_geometry_nodes("Turnaround Splats")
    group[_MARK] = _VERSION
    _interface(group)
    _build(group)
    arrange(group)
    return group


def is_ours(group: Any) -> bool:
    """Whether this node group draws splats, whichever version of this code made it."""
    return group is not None and custom(group, _MARK) is not None


def camera_changed() -> None:
    """Let the splats' nodes look at the scene's camera and render size again.

    A render looks by itself; what is drawn without a render and without a told eye would stay as it was. Blender runs
    a driver anew when its expression is set, and not for a tag, where the scene had no camera before.
    """
    for group in bpy.data.node_groups:
        if is_ours(group) and not group.library and group.animation_data is not None:
            for curve in group.animation_data.drivers:
                driver: Any = curve.driver
                driver.expression = str(driver.expression)


def _interface(group: Any) -> None:
    """What the modifier shows, and the eye that ``follow`` sets."""
    new = group.interface.new_socket
    new("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    new("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    for name, value, text in (
        (VIEW_SHARE, 1.0, "Share of the splats that viewports draw, most important first"),
        (RENDER_SHARE, 1.0, "Share of the splats that renders draw, most important first"),
        (BLUR, 0.3, "Square pixels added to each splat's extent, as it was in training; 0: none"),
    ):
        socket = new(name, in_out="INPUT", socket_type="NodeSocketFloat", description=text)
        socket.default_value, socket.min_value, socket.max_value = value, 0.0, 1.0
    socket = new(DEPENDENT, in_out="INPUT", socket_type="NodeSocketBool")
    socket.description = "Colours change with the direction from which they are seen"
    socket.default_value = True
    eye.interface(new)


def _build(group: Any) -> None:
    """Thin out, colour, sort, put squares, set the material."""
    source, output = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    seen = eye.seen(group, source)
    logit = named(group, LOGIT, "FLOAT")
    # 1 / (1 + exp(-x)); a large logit's exponential is infinite and the opacity 1, as it should be.
    opacity = ((logit * -1.0).apply("EXPONENT") + 1.0).apply("POWER", -1.0)
    drop = group.nodes.new("GeometryNodeDeleteGeometry")
    choose(drop, "domain", "POINT")
    group.links.new(source.outputs["Geometry"], drop.inputs["Geometry"])
    feed(group, drop.inputs["Selection"], _unseen(group, source, seen, opacity))
    sort = group.nodes.new("GeometryNodeSortElements")
    choose(sort, "domain", "POINT")
    group.links.new(drop.outputs[0], sort.inputs[0])
    feed(group, sort.inputs["Sort Weight"], seen.depth * -1.0)
    coloured = _store(group, sort.outputs[0], COLOUR, "FLOAT_COLOR", spherical.colour(group, source, seen, DEPENDENT))
    ready = _store(group, coloured, "opacity", "FLOAT", opacity)
    instances = _squares(group, ready, source, seen, opacity)
    real = group.nodes.new("GeometryNodeRealizeInstances")
    group.links.new(instances, real.inputs["Geometry"])
    material = group.nodes.new("GeometryNodeSetMaterial")
    material.inputs["Material"].default_value = soft_splats()
    group.links.new(real.outputs["Geometry"], material.inputs["Geometry"])
    group.links.new(material.outputs["Geometry"], output.inputs[0])


def _unseen(group: Any, source: Any, seen: eye.Seen, opacity: Field) -> Field:
    """1 for a splat beyond the share to draw, behind the eye or too faint, else 0."""
    viewport = group.nodes.new("GeometryNodeIsViewport")
    switch = group.nodes.new("GeometryNodeSwitch")
    switch.input_type = "FLOAT"
    group.links.new(viewport.outputs[0], switch.inputs[0])
    group.links.new(source.outputs[RENDER_SHARE], switch.inputs[1])
    group.links.new(source.outputs[VIEW_SHARE], switch.inputs[2])
    share = Field(group, switch.outputs[0])
    beyond = share.apply("LESS_THAN", 1.0) * named(group, RANK, "FLOAT").apply("GREATER_THAN", share)
    behind = seen.depth.apply("LESS_THAN", 0.0) * seen.perspective
    return beyond + behind + opacity.apply("LESS_THAN", LEAST_ALPHA)


def _squares(group: Any, points: Any, source: Any, seen: eye.Seen, opacity: Field) -> Any:
    """A square on every point, turned and stretched to its ellipse; the socket of the instances."""
    angle, long, short = _ellipse(group, source, seen)
    reach = (opacity / LEAST_ALPHA).apply("LOGARITHM", math.e) * 2.0
    reach = reach.apply("MAXIMUM", 0.0).apply("SQRT") * seen.reach
    turn = group.nodes.new("FunctionNodeAxisAngleToRotation")
    turn.inputs["Axis"].default_value = (0.0, 0.0, 1.0)
    feed(group, turn.inputs["Angle"], angle)
    rotation = group.nodes.new("FunctionNodeRotateRotation")
    rotation.rotation_space = "LOCAL"
    group.links.new(seen.rotation, rotation.inputs["Rotation"])
    group.links.new(turn.outputs[0], rotation.inputs["Rotate By"])
    instances = group.nodes.new("GeometryNodeInstanceOnPoints")
    group.links.new(points, instances.inputs["Points"])
    group.links.new(_square(group).outputs["Geometry"], instances.inputs["Instance"])
    group.links.new(rotation.outputs[0], instances.inputs["Rotation"])
    feed(group, instances.inputs["Scale"], vector_of(group, long * reach, short * reach, 1.0))
    # Once used they would only be copied to four vertices a splat.
    last = instances.outputs[0]
    for name in (ROTATION, LOG_SCALE, LOGIT, RANK, "sh_*"):
        drop = group.nodes.new("GeometryNodeRemoveAttribute")
        if name.endswith("*"):
            choose(drop, "pattern_mode", "WILDCARD")
        drop.inputs["Name"].default_value = name
        group.links.new(last, drop.inputs["Geometry"])
        last = drop.outputs[0]
    return last


def _ellipse(group: Any, source: Any, seen: eye.Seen) -> tuple[Field, Field, Field]:
    """The angle of the long axis in the picture (radians), and both standard deviations at the splat's depth."""
    given = {"right": seen.right, "up": seen.up, "forward": seen.forward, "pixel": seen.pixel}
    given |= {"slope x": seen.slopes[0], "slope y": seen.slopes[1], "blur": Field(group, source.outputs[BLUR])}
    found = in_a_group(group, "Turnaround Ellipse", given, _axes)
    return found["angle"], found["long"], found["short"]


def _axes(group: Any, given: dict[str, Field]) -> dict[str, Field]:
    """The nodes of ``_ellipse``: the covariance seen along the splat's direction, and its axes."""
    rotation = _normalised(group, named(group, ROTATION, "QUATERNION"))
    sizes = [size.apply("EXPONENT") for size in named(group, LOG_SCALE, "FLOAT_VECTOR").parts()]
    slopes = [
        given[name].apply("MAXIMUM", -_MOST_SLOPE).apply("MINIMUM", _MOST_SLOPE) for name in ("slope x", "slope y")
    ]
    pairs = []
    for axis, size in enumerate(sizes):
        unit = [0.0, 0.0, 0.0]
        unit[axis] = 1.0
        own = rotated(group, constant(group, *unit), rotation) * size
        inward = own.dot(given["forward"])
        pairs.append((own.dot(given["right"]) - slopes[0] * inward, own.dot(given["up"]) - slopes[1] * inward))
    (x0, y0), (x1, y1), (x2, y2) = pairs
    xx, xy, yy = x0 * x0 + x1 * x1 + x2 * x2, x0 * y0 + x1 * y1 + x2 * y2, y0 * y0 + y1 * y1 + y2 * y2
    blur = given["pixel"] * given["pixel"] * given["blur"]
    half, middle = (xx - yy) * 0.5, (xx + yy) * 0.5 + blur
    spread = (half * half + xy * xy).apply("SQRT")
    return {
        "angle": (xy * 2.0).apply("ARCTAN2", xx - yy) * 0.5,
        "long": (middle + spread).apply("SQRT"),
        "short": (middle - spread).apply("MAXIMUM", 0.0).apply("SQRT"),
    }


def _normalised(group: Any, quaternion: Field) -> Any:
    """The socket of the rotation: files hold quaternions of any length."""
    apart = group.nodes.new("FunctionNodeRotationToQuaternion")
    together = group.nodes.new("FunctionNodeQuaternionToRotation")
    feed(group, apart.inputs[0], quaternion)
    for name in "WXYZ":
        group.links.new(apart.outputs[name], together.inputs[name])
    return together.outputs[0]


def _square(group: Any) -> Any:
    """A square from -1 to 1 in x and y that knows its own coordinates; the node whose output is the geometry.

    Solid views show the colours that a mesh calls its active ones. No node can say which; realised instances take the
    name over from the first instance's mesh, so the square comes from an object. Its own colours must not be there,
    else they would count instead of each splat's.
    """
    source, bare = group.nodes.new("GeometryNodeObjectInfo"), group.nodes.new("GeometryNodeRemoveAttribute")
    source.inputs["Object"].default_value = _square_object()
    bare.inputs["Name"].default_value = COLOUR
    group.links.new(source.outputs["Geometry"], bare.inputs["Geometry"])
    position = group.nodes.new("GeometryNodeInputPosition")
    store = group.nodes.new("GeometryNodeStoreNamedAttribute")
    store.data_type, store.domain = "FLOAT_VECTOR", "POINT"
    store.inputs["Name"].default_value = "falloff"
    group.links.new(bare.outputs["Geometry"], store.inputs["Geometry"])
    group.links.new(position.outputs[0], _value_of(store))
    return store


def _square_object() -> bpy.types.Object:
    """The square, an object in no scene, one a file."""
    found = next((o for o in bpy.data.objects if custom(o, _SQUARE) and o.type == "MESH" and not o.library), None)
    if found is not None:
        return found
    mesh = bpy.data.meshes.new("Turnaround square")
    mesh.from_pydata([(-1, -1, 0), (-1, 1, 0), (1, -1, 0), (1, 1, 0)], [], [(0, 2, 3, 1)])
    attributes: Any = mesh.attributes
    attributes.new(COLOUR, "FLOAT_COLOR", "POINT")
    attributes.active_color_name = COLOUR
    item = bpy.data.objects.new(mesh.name, mesh)
    item[_SQUARE] = True
    return item


def _store(group: Any, geometry: Any, name: str, kind: str, value: Field) -> Any:
    """Store a field as an attribute of the points; the geometry's socket."""
    node = group.nodes.new("GeometryNodeStoreNamedAttribute")
    node.data_type, node.domain = kind, "POINT"
    node.inputs["Name"].default_value = name
    group.links.new(geometry, node.inputs["Geometry"])
    feed(group, _value_of(node), value)
    return node.outputs["Geometry"]


def _value_of(node: Any) -> Any:
    """The input *Value* of the type that is chosen; older versions have one of each type."""
    return next(s for s in node.inputs if s.name == "Value" and s.enabled)
