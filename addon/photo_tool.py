# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tools share that take clicks on a photo in the image editor: the photo there, the mouse over it, the end.

The photo shown is the backend's upright preview, because Blender ignores EXIF orientation. Places on it are pixels of
the full-size photo, origin at the top left; the image editor's own coordinates run from 0 to 1, y upwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import runtime
from .compat import custom
from .preferences import backend_python, jobs_folder
from .properties import settings_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems
    from bpy.types import Operator as _Operator

    from .session import Problem
else:
    _Operator = object  # Blender wants its own class named by the tools themselves

PREVIEW_SIDE = 2048
FRAME, SIZE = "turnaround_preview_of", "turnaround_source_size"
DRAG_PIXELS = 8
_tool: Any = None


def running(tool: str) -> bool:
    """Whether clicks in the image editor go to the operator called ``tool`` now."""
    return current(tool) is not None


def current(tool: str) -> Any:
    """The operator called ``tool`` where clicks in the image editor go to it now, else None."""
    # Of an instance, Blender says another name than its class was given.
    return _tool if _tool is not None and type(_tool).bl_idname == tool else None


class PhotoTool(_Operator):
    """A modal operator on the scene's photo. A tool says what ``_released`` does, and what else it wants to know.

    ``press`` is where the left button went down, ``stroke`` the way since then; both in pixels of the window.
    """

    hint = ""

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
        """Ask for the preview and take clicks from then on; a second press ends it, and another tool takes over."""
        global _tool  # noqa: PLW0603 - one tool at a time, which the panel shows
        manager: Any = context.window_manager
        before = _tool
        if before is not None:
            before.over = True
            if type(before) is type(self):
                return {"CANCELLED"}
        self.over = False
        self.area: Any = None
        self.press: Any = None
        self.problem = ""
        self.answer: dict[str, Any] | None = None
        self.stroke: list[tuple[float, float]] = []
        self._begin(context)
        self._turn_to(context, settings_of(context).shown_frame)
        self.timer = manager.event_timer_add(0.1, window=context.window)
        manager.modal_handler_add(self)
        _tool = self
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
        return self._heard(context, event)

    def cancel(self, context: Any) -> None:
        """Blender takes the operator away: a file is loaded, or the window closed."""
        self._end(context)

    def _begin(self, context: Any) -> None:
        """Called before the photo is asked for."""

    def _pressed(self, event: Any) -> None:
        """Called when the left button goes down on the photo."""

    def _moved(self, event: Any) -> None:
        """Called when the mouse has moved; ``event`` is Blender's."""

    def _escaped(self, context: Any) -> bool:
        """Whether the tool had something to take back, and goes on."""
        return False

    def _released(self, context: Any, event: Any) -> None:
        """Called when the left button, that went down on the photo, is let go."""

    def _heard(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """One event while the photo is there."""
        region = self._region_under(event)
        if event.type in {"RET", "NUMPAD_ENTER", "ESC"} and event.value == "PRESS" and region is not None:
            if event.type == "ESC" and self._escaped(context):
                return {"RUNNING_MODAL"}
            return self._end(context, finished=True)
        if event.type == "MOUSEMOVE":
            if self.press is not None:
                self.stroke.append((event.mouse_x, event.mouse_y))
            self._moved(event)
        if event.type != "LEFTMOUSE":
            return {"PASS_THROUGH"}
        if event.value == "PRESS" and region is not None:
            self.press = (event.mouse_x, event.mouse_y)
            self.stroke = [self.press]
            self._pressed(event)
            return {"RUNNING_MODAL"}
        if event.value == "RELEASE" and self.press is not None:
            self._released(context, event)
            self.press, self.stroke = None, []
            runtime.redraw()
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"} if self.press is None else {"RUNNING_MODAL"}

    def on_photo(self, place: tuple[float, float]) -> tuple[float, float]:
        """The photo's pixel at a ``place`` of the window, which may lie beside the photo."""
        region = next(r for r in self.area.regions if r.type == "WINDOW")
        image = self.area.spaces.active.image
        return source_pixel(image, *region.view2d.region_to_view(place[0] - region.x, place[1] - region.y))

    def photo_pixels(self, screen: float) -> float:
        """How many of the photo's pixels ``screen`` pixels of the window are."""
        return abs(self.on_photo((screen, 0))[0] - self.on_photo((0, 0))[0])

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
        self.area.header_text_set(self.hint)
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

    def _end(self, context: Any, finished: bool = False) -> set[OperatorReturnItems]:
        """Take the timer away, and the hint unless another tool has taken over."""
        global _tool  # noqa: PLW0603 - see invoke
        manager: Any = context.window_manager
        manager.event_timer_remove(self.timer)
        if _tool is self:
            _tool = None
            if self.area is not None and self.area.type == "IMAGE_EDITOR":
                self.area.header_text_set(None)
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
