# SPDX-License-Identifier: GPL-3.0-or-later
"""Mark the two points of a known length: by script, by list, and by clicks on the photo in the image editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from . import runtime
from .measuring import Ends, clicked, dragged
from .photo_tool import DRAG_PIXELS, PhotoTool, clamped, current
from .placed import nearest, placed_photos
from .properties import frames_of, settings_of
from .segments import POINTS, ends_on, store

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_REACH = 10.0
"""Pixels of the screen around an end within which the mouse takes hold of it."""


class TURNAROUND_OT_set_segment(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Set the points of the known length on a photo, in pixels of the upright, full-size photo"""

    bl_idname = "turnaround.set_segment"
    bl_label = "Mark Length"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012 - Blender reads a plain set

    frame: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Photo", description="File name; empty: the photo shown", options={"SKIP_SAVE"}
    )
    ends: bpy.props.FloatVectorProperty(  # type: ignore[valid-type]
        name="Points", description="x, y, x, y from the top left corner", size=4, options={"SKIP_SAVE"}
    )
    count: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Count",
        description="How many of the points are set; 0 takes them away",
        default=2,
        min=0,
        max=2,
        options={"SKIP_SAVE"},
    )

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Put the points in place of those that were there; the length measures them from now on."""
        settings = settings_of(context)
        frame = self.frame or settings.shown_frame
        if not frame:
            self.report({"ERROR"}, "There is no photo to mark: choose the capture folder first.")
            return {"CANCELLED"}
        x0, y0, x1, y1 = self.ends
        if self.count == 2 and (x0, y0) == (x1, y1):
            self.report({"ERROR"}, "Expected two points apart, got the same one twice.")
            return {"CANCELLED"}
        store(settings, frame, ((x0, y0), (x1, y1))[: self.count])
        settings.use_length, settings.length_of = True, POINTS
        return {"FINISHED"}


class TURNAROUND_OT_remove_segment(bpy.types.Operator):  # noqa: N801
    """Remove the points on the selected photo"""

    bl_idname = "turnaround.remove_segment"
    bl_label = "Remove Points"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    every: bpy.props.BoolProperty(name="All", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        """The tooltip."""
        return "Remove the points on all photos" if properties.every else "Remove the points on the selected photo"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to remove."""
        if not settings_of(context).segments:
            cls.poll_message_set("No point is marked yet.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Remove those of one photo, or all of them."""
        settings = settings_of(context)
        if self.every:
            settings.segments.clear()
        else:
            store(settings, settings.segments[settings.active_segment].frame, ())
        runtime.redraw()
        return {"FINISHED"}


class TURNAROUND_OT_click_length(PhotoTool, bpy.types.Operator):  # noqa: N801
    """Show the photo and click the two points on it whose distance you measured. Drag an end to move it; click again
    to start over; turn to a photo from another side and click the same points there to be more exact
    """

    bl_idname = "turnaround.click_length"
    bl_label = "Click Two Points"
    hint = "Click one point, then the other    Drag an end: move it    Click again: start over    Enter: done"

    def _begin(self, context: Any) -> None:
        """The length measures the points from now on, on a photo that the job can use."""
        settings = settings_of(context)
        self.mouse: Any = None
        settings.use_length, settings.length_of = True, POINTS
        placed = placed_photos(settings.own_job) or frozenset()
        frame = nearest(settings.shown_frame, frames_of(settings.capture_path), placed)
        if frame != settings.shown_frame:
            settings.frame = frame

    def _moved(self, event: Any) -> None:
        """A line follows the mouse."""
        self.mouse = (event.mouse_x, event.mouse_y)
        self.area.tag_redraw()

    def _released(self, context: Any, event: Any) -> None:
        """Take over what the gesture has made of the points, as one step that can be undone."""
        self.mouse = (event.mouse_x, event.mouse_y)
        before = ends_on(settings_of(context), self.frame)
        self._set(before, self._after(before))

    def _escaped(self, context: Any) -> bool:
        """A drag is dropped, and a lone point taken away; then the tool goes on."""
        before = ends_on(settings_of(context), self.frame)
        if self.press is None and len(before) != 1:
            return False
        if self.press is None:
            self._set(before, ())
        self.press, self.stroke = None, []
        runtime.redraw()
        return True

    def preview(self, ends: Ends) -> Ends:
        """What ``ends`` on the photo would be if the mouse did now what it is about to do."""
        if self.mouse is None or self.area is None or self.waiting:
            return ends
        if self.press is not None:
            return self._after(ends)
        return (ends[0], self.on_photo(self.mouse)) if len(ends) == 1 else ends

    def _after(self, ends: Ends) -> Ends:
        """``ends`` after the gesture from where the button went down to where the mouse is."""
        image = self.area.spaces.active.image
        start, stop = self.on_photo(self.press), clamped(image, self.on_photo(self.mouse))
        reach = self.photo_pixels(_REACH)
        if max(abs(self.mouse[0] - self.press[0]), abs(self.mouse[1] - self.press[1])) >= DRAG_PIXELS:
            return dragged(ends, clamped(image, start), stop, reach)
        return clicked(ends, start, reach) if start == clamped(image, start) else ends

    def _set(self, before: Ends, after: Ends) -> None:
        """Store the points where they have changed."""
        ops: Any = bpy.ops
        if after == before:
            return
        first, last = (after[0], after[-1]) if after else ((0.0, 0.0), (0.0, 0.0))
        ops.turnaround.set_segment("EXEC_DEFAULT", True, frame=self.frame, ends=(*first, *last), count=len(after))


def previewed(frame: str, ends: Ends) -> Ends:
    """``ends`` on the photo ``frame`` as the tool that is at work there would leave them, for drawing."""
    tool = current(TURNAROUND_OT_click_length.bl_idname)
    if tool is None or tool.frame != frame:
        return ends
    return tool.preview(ends)  # type: ignore[no-any-return]
