# SPDX-License-Identifier: GPL-3.0-or-later
"""Who looks at the splats: the scene's camera, or in a viewport the view that ``follow`` reports.

Geometry nodes do not know from where a viewport looks, so what it is told stays until it is told again; renders always
take the scene's camera. Frame: the object's own; right, up and forward are the eye's axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..compat import choose
from .fields import Field, constant, feed, rotated

FOLLOW, TOLD, PLACE, TURN = "Follow View", "Eye Told", "Eye", "Eye Rotation"
PIXEL, PERSPECTIVE, REACH = "Eye Pixel", "Eye Perspective", "Eye Reach"
# Without a camera its numbers are 0.
_SENSOR = (
    "100 * (high / y if fit == 2 else wide / (x if fit == 1 else max(x, y))) / (lens * percent) if lens > 0 else 0"
)
_WIDTH = "100 * size / ((y if fit == 2 else x if fit == 1 else max(x, y)) * percent)"


@dataclass(frozen=True)
class Seen:
    """What the eye makes of a splat.

    ``depth`` is its distance along ``forward``, ``slopes`` its place in the picture over its depth (0 without
    perspective), ``direction`` the unit vector from the eye to it, ``pixel`` a pixel's width at its depth;
    ``reach`` shrinks the squares where they are drawn without their Gaussian.
    """

    rotation: Any
    right: Field
    up: Field
    forward: Field
    depth: Field
    slopes: tuple[Field, Field]
    direction: Field
    pixel: Field
    perspective: Field
    reach: Field


def interface(new: Any) -> None:
    """Inputs of the group that ``follow`` sets; no person needs to see them."""
    follow = new(FOLLOW, in_out="INPUT", socket_type="NodeSocketBool")
    follow.description = "Viewports draw the splats for the direction from which they are seen, else for the camera"
    follow.default_value = True
    for name, kind, value in (
        (TOLD, "NodeSocketBool", False),
        (PLACE, "NodeSocketVector", None),
        (TURN, "NodeSocketRotation", None),
        (PIXEL, "NodeSocketFloat", 0.001),
        (PERSPECTIVE, "NodeSocketFloat", 1.0),
        (REACH, "NodeSocketFloat", 1.0),
    ):
        socket = new(name, in_out="INPUT", socket_type=kind)
        socket.hide_in_modifier = True
        if value is not None:
            socket.default_value = value


def seen(group: Any, source: Any) -> Seen:
    """Each splat as the eye sees it."""
    camera = group.nodes.new("GeometryNodeInputActiveCamera")
    stands = group.nodes.new("GeometryNodeObjectInfo")
    choose(stands, "transform_space", "RELATIVE")
    group.links.new(camera.outputs[0], stands.inputs["Object"])
    told = _told(group, source)
    place = Field(group, _switch(group, told, "VECTOR", stands.outputs["Location"], source.outputs[PLACE]), True)
    rotation = _switch(group, told, "ROTATION", stands.outputs["Rotation"], source.outputs[TURN])
    pixel = Field(group, _switch(group, told, "FLOAT", _driven_pixel(group), source.outputs[PIXEL]))
    perspective = Field(group, _switch(group, told, "FLOAT", _driven_perspective(group), source.outputs[PERSPECTIVE]))
    reach = Field(group, _switch(group, told, "FLOAT", 1.0, source.outputs[REACH]))
    right, up, back = (rotated(group, constant(group, *axis), rotation) for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    position = group.nodes.new("GeometryNodeInputPosition")
    offset = Field(group, position.outputs[0], True) - place
    forward = back * -1.0
    depth = offset.dot(forward)
    # Depth where there is perspective, 1 where there is none.
    over = (depth - 1.0) * perspective + 1.0
    slopes = (offset.dot(right) / over * perspective, offset.dot(up) / over * perspective)
    direction = (offset * perspective + forward * (perspective * -1.0 + 1.0)).apply("NORMALIZE")
    return Seen(rotation, right, up, forward, depth, slopes, direction, pixel * over, perspective, reach)


def _told(group: Any, source: Any) -> Any:
    """Whether to take the eye that was told: in viewports, where they are to be followed and one was told."""
    last = group.nodes.new("GeometryNodeIsViewport").outputs[0]
    for name in (FOLLOW, TOLD):
        both = group.nodes.new("FunctionNodeBooleanMath")
        both.operation = "AND"
        group.links.new(last, both.inputs[0])
        group.links.new(source.outputs[name], both.inputs[1])
        last = both.outputs[0]
    return last


def _switch(group: Any, which: Any, kind: str, no: Any, yes: Any) -> Any:
    """The socket of ``yes`` where ``which``, else of ``no``."""
    node = group.nodes.new("GeometryNodeSwitch")
    node.input_type = kind
    for socket, value in zip(node.inputs, (which, no, yes), strict=False):
        feed(group, socket, value)
    return node.outputs[0]


def _driven_pixel(group: Any) -> Any:
    """The width of a pixel at distance 1 of the scene's camera (without perspective: anywhere)."""
    frame = {
        "x": "render.resolution_x", "y": "render.resolution_y", "percent": "render.resolution_percentage",
        "fit": "camera.data.sensor_fit",
    }  # fmt: skip
    lens = {"lens": "camera.data.lens", "wide": "camera.data.sensor_width", "high": "camera.data.sensor_height"}
    near = _driven(group, "Pixel", _SENSOR, frame | lens, 0.001)
    flat = _driven(group, "Pixel without perspective", _WIDTH, frame | {"size": "camera.data.ortho_scale"}, 0.001)
    is_flat = _driven(group, "Without perspective", "kind == 1", {"kind": "camera.data.type"}, 0.0)
    return _switch(group, is_flat, "FLOAT", near, flat)


def _driven_perspective(group: Any) -> Any:
    """1 for a camera with perspective, 0 for one without."""
    return _driven(group, "Perspective", "kind != 1", {"kind": "camera.data.type"}, 1.0)


def _driven(group: Any, label: str, expression: str, paths: dict[str, str], start: float) -> Any:
    """A number that follows the active scene; simple expressions need no permission to run scripts."""
    node = group.nodes.new("ShaderNodeValue")
    node.label = label
    node.outputs[0].default_value = start
    driver = node.outputs[0].driver_add("default_value").driver
    driver.type = "SCRIPTED"
    for name, path in paths.items():
        variable = driver.variables.new()
        variable.name, variable.type = name, "CONTEXT_PROP"
        variable.targets[0].context_property = "ACTIVE_SCENE"
        variable.targets[0].data_path = path
    driver.expression = expression
    return node.outputs[0]
