# SPDX-License-Identifier: GPL-3.0-or-later
"""Mark the object on a photo: prompts added by script, by list, and by clicks in the image editor.

Prompts are kept in pixels of the full-size photo, origin at the top left.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import bpy

from . import mask_operators
from .photo_tool import DRAG_PIXELS, PhotoTool, clamped
from .properties import settings_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class TURNAROUND_OT_add_prompt(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Add a point, a box or a stroke to a photo, in pixels of the upright, full-size photo"""

    bl_idname = "turnaround.add_point"
    bl_label = "Add Prompt"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012 - Blender reads a plain set

    # Not remembered from one call to the next: a click after a box must not be a box again.
    frame: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Photo", description="File name; empty: the photo shown", options={"SKIP_SAVE"}
    )
    x: bpy.props.FloatProperty(name="X", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    y: bpy.props.FloatProperty(name="Y", description="From the top", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    label: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Label", description="1: the object, 0: not the object", default=1, min=0, max=1, options={"SKIP_SAVE"}
    )
    box: bpy.props.FloatVectorProperty(  # type: ignore[valid-type]
        name="Box", description="x0, y0, x1, y1 instead of a point", size=4, options={"SKIP_SAVE"}
    )
    path: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Stroke", description="JSON, [[x, y], ...]: a brush stroke instead of a point", options={"SKIP_SAVE"}
    )
    radius: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Radius", description="Half the stroke's width", default=10.0, min=0.5, options={"SKIP_SAVE"}
    )

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Add the prompt to the scene's list."""
        settings = settings_of(context)
        frame = self.frame or settings.shown_frame
        if not frame:
            self.report({"ERROR"}, "There is no photo to mark: choose the capture folder first.")
            return {"CANCELLED"}
        prompt = settings.prompts.add()
        prompt.frame = frame
        if self.path:
            prompt.kind, prompt.path, prompt.radius = "stroke", self.path, self.radius
            start = json.loads(self.path)[0]
            prompt.area, prompt.is_object = (start[0], start[1], 0.0, 0.0), bool(self.label)
        elif any(self.box):
            prompt.kind, prompt.area = "box", self.box
        else:
            prompt.kind, prompt.area, prompt.is_object = "point", (self.x, self.y, 0.0, 0.0), bool(self.label)
        settings.active_prompt = len(settings.prompts) - 1
        return {"FINISHED"}


class TURNAROUND_OT_remove_prompt(bpy.types.Operator):  # noqa: N801
    """Remove the selected prompt"""

    bl_idname = "turnaround.remove_point"
    bl_label = "Remove Prompt"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    every: bpy.props.BoolProperty(name="All", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to remove."""
        if not settings_of(context).prompts:
            cls.poll_message_set("Nothing is marked yet.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Remove one prompt, or all of them."""
        settings = settings_of(context)
        if self.every:
            settings.prompts.clear()
        else:
            settings.prompts.remove(settings.active_prompt)
        settings.active_prompt = max(0, min(settings.active_prompt, len(settings.prompts) - 1))
        return {"FINISHED"}


class TURNAROUND_OT_mark_object(PhotoTool, bpy.types.Operator):  # noqa: N801
    """Show the photo and mark the object on it by clicks"""

    bl_idname = "turnaround.mark_object"
    bl_label = "Mark the Object"
    hint = "Click: the object    Ctrl- or Alt-click: not the object    Drag: a box, or a brush stroke    Enter: done"

    def _begin(self, context: Any) -> None:
        """Masks follow the marks from now on."""
        self.label = 1
        mask_operators.follow(context)

    def _pressed(self, event: Any) -> None:
        """As the drag began: fingers leave a key and a button in any order."""
        self.label = int(not (event.ctrl or event.alt))

    def _released(self, context: Any, event: Any) -> None:
        """A short way is a click, a long one a box, or a stroke where the brush is in hand."""
        ops: Any = bpy.ops
        if settings_of(context).tool == "brush":
            self._painted(context, event)
            return
        image = self.area.spaces.active.image
        (x0, y0), stop = self.press, (event.mouse_x, event.mouse_y)
        start, end = self.on_photo(self.press), self.on_photo(stop)
        if max(abs(stop[0] - x0), abs(stop[1] - y0)) < DRAG_PIXELS:
            if start == clamped(image, start):
                ops.turnaround.add_point(
                    "EXEC_DEFAULT", True, frame=self.frame, x=start[0], y=start[1], label=self.label
                )
        else:
            start, end = clamped(image, start), clamped(image, end)
            box = (min(start[0], end[0]), min(start[1], end[1]), max(start[0], end[0]), max(start[1], end[1]))
            if box[0] < box[2] and box[1] < box[3]:
                ops.turnaround.add_point("EXEC_DEFAULT", True, frame=self.frame, box=box)

    def _painted(self, context: Any, event: Any) -> None:
        """Add the stroke; its width on the screen becomes pixels of the photo."""
        ops: Any = bpy.ops
        image = self.area.spaces.active.image
        places = [*self.stroke, (event.mouse_x, event.mouse_y)]
        radius = self.photo_pixels(settings_of(context).brush)
        path = thinned([clamped(image, self.on_photo(place)) for place in places], radius / 4)
        ops.turnaround.add_point(
            "EXEC_DEFAULT", True, frame=self.frame, path=json.dumps(path), radius=max(radius, 0.5), label=self.label
        )


def thinned(path: list[tuple[float, float]], least: float) -> list[list[float]]:
    """The points of a stroke that are at least ``least`` pixels apart, and its last one."""
    kept = [path[0]]
    for point in path[1:]:
        if (point[0] - kept[-1][0]) ** 2 + (point[1] - kept[-1][1]) ** 2 >= least**2:
            kept.append(point)
    if kept[-1] != path[-1]:
        kept.append(path[-1])
    return [[round(x, 2), round(y, 2)] for x, y in kept]
