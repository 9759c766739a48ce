# SPDX-License-Identifier: GPL-3.0-or-later
"""Mark the object on a photo: prompts added by script, by list, and by clicks in the image editor.

The photo shown is the backend's upright preview, because Blender ignores EXIF orientation. Prompts are kept in pixels
of the full-size photo, origin at the top left; the image editor's own coordinates run from 0 to 1, y upwards.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import mask_operators, runtime
from .compat import custom
from .preferences import backend_python, jobs_folder
from .properties import settings_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from .session import Problem

PREVIEW_SIDE = 2048
FRAME, SIZE = "turnaround_preview_of", "turnaround_source_size"
_DRAG_PIXELS = 8
_HINT = "Click: the object    Ctrl- or Alt-click: not the object    Drag: a box, or a brush stroke    Enter: done"
_marking: Any = None


def is_marking() -> bool:
    """Whether clicks in the image editor add prompts now."""
    return _marking is not None


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


class TURNAROUND_OT_mark_object(bpy.types.Operator):  # noqa: N801
    """Show the photo and mark the object on it by clicks"""

    bl_idname = "turnaround.mark_object"
    bl_label = "Mark the Object"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why no photo can be shown."""
        settings = settings_of(context)
        reason = ""
        if not settings.shown_frame:
            reason = "Choose a folder that has photos in it."
        elif backend_python() is None:
            reason = "The backend's Python was not found: set it in the preferences of Turnaround."
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Load the photo's upright preview as an image, and wait for it; for scripts."""
        try:
            answer = runtime.session().ask("preview", self._request(context))
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        load_preview(settings_of(context).shown_frame, answer)
        return {"FINISHED"}

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Ask for the preview and take clicks from then on; a second press ends it."""
        global _marking  # noqa: PLW0603 - one marking at a time, which the panel shows
        manager: Any = context.window_manager
        if _marking is not None:
            _marking.over = True
            return {"CANCELLED"}
        self.over = False
        self.area: Any = None
        self.press: Any = None
        self.problem = ""
        self.label = 1
        self.answer: dict[str, Any] | None = None
        self.stroke: list[tuple[float, float]] = []
        mask_operators.follow(context)
        self._turn_to(context, settings_of(context).shown_frame)
        self.timer = manager.event_timer_add(0.1, window=context.window)
        manager.modal_handler_add(self)
        _marking = self
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Take clicks in the image editor; everything else goes on as usual."""
        if self.problem:
            self.report({"ERROR"}, self.problem)
            return self._end(context)
        if self.over or not self._still_shown(context):
            return self._end(context, finished=True)
        if self.frame != settings_of(context).shown_frame and not self.stroke:
            self._turn_to(context, settings_of(context).shown_frame)
        if self.answer is not None:
            image, self.answer = load_preview(self.frame, self.answer), None
            self._show(context, image)
        if self.area is None or self.waiting:
            return {"PASS_THROUGH"}
        region = self._region_under(event)
        if event.type in {"RET", "NUMPAD_ENTER", "ESC"} and event.value == "PRESS" and region is not None:
            return self._end(context, finished=True)
        if event.type == "MOUSEMOVE" and self.press is not None:
            self.stroke.append((event.mouse_x, event.mouse_y))
        if event.type != "LEFTMOUSE":
            return {"PASS_THROUGH"}
        if event.value == "PRESS" and region is not None:
            self.press = (event.mouse_x, event.mouse_y)
            # As the drag began: fingers leave a key and a button in any order.
            self.label = int(not (event.ctrl or event.alt))
            self.stroke = [self.press]
            return {"RUNNING_MODAL"}
        if event.value == "RELEASE" and self.press is not None:
            self._released(context, event)
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"} if self.press is None else {"RUNNING_MODAL"}

    def cancel(self, context: Any) -> None:
        """Blender takes the operator away: a file is loaded, or the window closed."""
        self._end(context)

    def _request(self, context: Any) -> dict[str, Any]:
        """Parameters of the backend's ``preview``."""
        settings = settings_of(context)
        folder = str(jobs_folder() / "previews")
        return {
            "capture": settings.capture_path,
            "frame": settings.shown_frame,
            "max_side": PREVIEW_SIDE,
            "folder": folder,
        }

    def _turn_to(self, context: Any, frame: str) -> None:
        """Ask for another photo; clicks count again once it is there."""
        self.frame, self.waiting = frame, True
        self.answer = None
        self.press = None

        def answered(result: dict[str, Any] | None, problem: Problem | None) -> None:
            if self.frame == frame:
                self._answered(result, problem)

        runtime.session().call("preview", self._request(context), answered)
        runtime.listen()

    def _answered(self, result: dict[str, Any] | None, problem: Problem | None) -> None:
        """The backend has made the preview, or has not."""
        self.answer, self.waiting = result, False
        if problem is not None:
            self.problem = f"{problem.message} {problem.hint}".strip()

    def _show(self, context: Any, image: bpy.types.Image) -> None:
        """Put the photo into an image editor: one that is there, or half of the 3D view."""
        first = self.area is None
        self.area = self.area or image_area(context)
        if self.area is None:
            self.problem = "There is no room for an image editor in this window."
            return
        self.area.spaces.active.image = image
        self.area.header_text_set(_HINT)
        region = next(r for r in self.area.regions if r.type == "WINDOW")
        if not first:
            return  # the next photo is looked at where this one was
        with context.temp_override(area=self.area, region=region):
            bpy.ops.image.view_all(fit_view=True)
        # A step of its own: undoing the first prompt would otherwise take the photo away as well.
        bpy.ops.ed.undo_push(message="Show Photo")

    def _still_shown(self, context: Any) -> bool:
        """Whether the image editor and its photo are still there."""
        if self.area is None:
            return True
        window: Any = context.window
        if not any(area == self.area for area in window.screen.areas) or self.area.type != "IMAGE_EDITOR":
            return False
        image = self.area.spaces.active.image
        return image is not None and (self.waiting or self.answer is not None or image.get(FRAME) == self.frame)

    def _region_under(self, event: Any) -> Any:
        """The image editor's main region where the pointer is over it, not over its header or side bars."""
        hit = None
        for region in self.area.regions:
            inside_x = region.x <= event.mouse_x < region.x + region.width
            inside_y = region.y <= event.mouse_y < region.y + region.height
            if inside_x and inside_y and region.width > 1 and region.height > 1:
                # Side bars lie over the main region.
                hit = region if hit is None or region.type != "WINDOW" else hit
        return hit if hit is not None and hit.type == "WINDOW" else None

    def _released(self, context: Any, event: Any) -> None:
        """A short way is a click, a long one a box, or a stroke where the brush is in hand."""
        ops: Any = bpy.ops
        if settings_of(context).tool == "brush":
            self._painted(context, event)
            return
        (x0, y0), self.press = self.press, None
        region = next(r for r in self.area.regions if r.type == "WINDOW")
        image = self.area.spaces.active.image
        start = source_pixel(image, *region.view2d.region_to_view(x0 - region.x, y0 - region.y))
        end = source_pixel(image, *region.view2d.region_to_view(event.mouse_x - region.x, event.mouse_y - region.y))
        if max(abs(event.mouse_x - x0), abs(event.mouse_y - y0)) < _DRAG_PIXELS:
            if start == clamped(image, start):
                ops.turnaround.add_point(
                    "EXEC_DEFAULT", True, frame=self.frame, x=start[0], y=start[1], label=self.label
                )
        else:
            start, end = clamped(image, start), clamped(image, end)
            box = (min(start[0], end[0]), min(start[1], end[1]), max(start[0], end[0]), max(start[1], end[1]))
            if box[0] < box[2] and box[1] < box[3]:
                ops.turnaround.add_point("EXEC_DEFAULT", True, frame=self.frame, box=box)
        runtime.redraw()

    def _painted(self, context: Any, event: Any) -> None:
        """Add the stroke; its width on the screen becomes pixels of the photo."""
        ops: Any = bpy.ops
        region = next(r for r in self.area.regions if r.type == "WINDOW")
        image = self.area.spaces.active.image
        self.press = None
        places, self.stroke = [*self.stroke, (event.mouse_x, event.mouse_y)], []

        def on_photo(x: float, y: float) -> tuple[float, float]:
            return source_pixel(image, *region.view2d.region_to_view(x - region.x, y - region.y))

        radius = settings_of(context).brush
        (x0, _), (x1, _) = on_photo(0, 0), on_photo(radius, 0)
        path = thinned([clamped(image, on_photo(*place)) for place in places], abs(x1 - x0) / 4)
        radius = max(abs(x1 - x0), 0.5)
        ops.turnaround.add_point(
            "EXEC_DEFAULT", True, frame=self.frame, path=json.dumps(path), radius=radius, label=self.label
        )
        runtime.redraw()

    def _end(self, context: Any, finished: bool = False) -> set[OperatorReturnItems]:
        """Take the timer and the hint away."""
        global _marking  # noqa: PLW0603 - see invoke
        manager: Any = context.window_manager
        manager.event_timer_remove(self.timer)
        if self.area is not None and self.area.type == "IMAGE_EDITOR":
            self.area.header_text_set(None)
        _marking = None
        runtime.redraw()
        return {"FINISHED"} if finished else {"CANCELLED"}


def load_preview(frame: str, answer: dict[str, Any]) -> bpy.types.Image:
    """The preview as a Blender image that knows its photo and the photo's full size (x, y)."""
    image = next((i for i in bpy.data.images if custom(i, FRAME) == frame), None)
    if image is None:
        image = bpy.data.images.load(answer["path"])
        image.name = f"{Path(frame).name} (upright)"
    else:
        image.filepath = answer["path"]
        image.reload()
    image[FRAME] = frame
    image[SIZE] = [int(answer["source_width"]), int(answer["source_height"])]
    return image


def thinned(path: list[tuple[float, float]], least: float) -> list[list[float]]:
    """The points of a stroke that are at least ``least`` pixels apart, and its last one."""
    kept = [path[0]]
    for point in path[1:]:
        if (point[0] - kept[-1][0]) ** 2 + (point[1] - kept[-1][1]) ** 2 >= least**2:
            kept.append(point)
    if kept[-1] != path[-1]:
        kept.append(path[-1])
    return [[round(x, 2), round(y, 2)] for x, y in kept]


def source_pixel(image: Any, u: float, v: float) -> tuple[float, float]:
    """Pixel of the full-size photo under the image editor's (u, v), each from 0 to 1, v upwards."""
    width, height = image[SIZE]
    return float(u) * width, (1.0 - float(v)) * height


def clamped(image: Any, pixel: tuple[float, float]) -> tuple[float, float]:
    """The nearest place inside the photo."""
    width, height = image[SIZE]
    return min(max(pixel[0], 0.0), float(width)), min(max(pixel[1], 0.0), float(height))


def image_area(context: Any) -> Any:
    """An image editor of this window; where there is none, the greatest 3D view is halved."""
    window: Any = context.window
    areas = list(window.screen.areas)
    found = next((a for a in areas if a.type == "IMAGE_EDITOR"), None)
    if found is not None:
        return found
    views = sorted((a for a in areas if a.type == "VIEW_3D"), key=lambda a: a.width * a.height)
    if not views:
        return None
    with context.temp_override(area=views[-1]):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    added = next((a for a in window.screen.areas if a not in areas), None)
    if added is not None:
        added.type = "IMAGE_EDITOR"
    return added
