# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab *Turnaround* in the 3D view's sidebar, 290 pixels wide: capture, object, reconstruct."""

from __future__ import annotations

from typing import Any

import bpy

from . import pictures, runtime
from .icon import icon_id
from .joblist import STOPPED
from .length_panel import draw_length
from .naming import film_of, photos_in, picture_of
from .photo_tool import running
from .preferences import backend_python
from .properties import settings_of
from .remedies import draw_remedy
from .session import Problem, Session, State
from .wrapping import wrapped

TITLES = {
    "frames": "Reading photos",
    "masks": "Cutting out the object",
    "cameras": "Finding cameras",
    "masks_refined": "Matching the masks",
    "cutouts": "Making cutouts",
    "hull": "Carving the hull",
    "surface": "Building the surface",
    "texture": "Painting the texture",
    "splats": "Making splats",
    "export": "Writing the result",
    "assumed_cameras": "Assuming the camera",
    "shape": "Making up the shape",
}
PREVIEW_SCALE = 11.0
"""Widgets' heights of 20 pixels: the picture fills a sidebar of 290 pixels without making it scroll."""
_WAITING = {
    State.STARTING: "Starting the backend…",
    State.QUEUED: "Waiting…",
    State.RUNNING: "Working…",
    State.CANCELLING: "Cancelling…",
}


class TURNAROUND_UL_prompts(bpy.types.UIList):  # noqa: N801 - Blender's naming rule
    """The prompts, one a line."""

    def draw_item(  # type: ignore[override]
        self, context: Any, layout: Any, data: Any, item: Any, icon: Any, active_data: Any, active_property: Any,
        index: Any, flt_flag: Any,
    ) -> None:  # fmt: skip
        """Photo, kind and place of one prompt."""
        x0, y0, x1, y1 = (round(v) for v in item.area)
        if item.kind == "box":
            layout.label(text=f"{item.frame}  {x1 - x0} × {y1 - y0}", icon="SELECT_SET")
        else:
            what = "stroke" if item.kind == "stroke" else f"{x0}, {y0}"
            layout.label(text=f"{item.frame}  {what}", icon="ADD" if item.is_object else "REMOVE")


class TURNAROUND_PT_capture(bpy.types.Panel):  # noqa: N801
    """Which photos."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Capture"
    bl_order = 0

    def draw_header(self, context: Any) -> None:
        """Whose panels these are."""
        layout: Any = self.layout
        layout.label(text="", icon_value=icon_id())

    def draw(self, context: Any) -> None:
        """The folder or video, and what is in it."""
        layout: Any = self.layout
        settings = settings_of(context)
        row = layout.row(align=True)
        row.prop(settings, "capture", text="")
        row.operator("turnaround.set_capture", text="", icon="FILE_MOVIE")
        row.operator("turnaround.object_from_picture", text="", icon="FILE_IMAGE")
        if not settings.capture:
            layout.label(text="Choose photos, a video or one picture", icon="INFO")
            return
        found = runtime.looked_into(settings.capture_path)
        film = film_of(settings.capture_path)
        if picture_of(settings.capture_path) is not None:
            layout.label(text="One picture", icon="FILE_IMAGE")
        elif film is not None:
            layout.label(text=said_of_video(found.get("video") or {}) or film.name, icon="FILE_MOVIE")
        else:
            count = len(photos_in(settings.capture_path))
            layout.label(text=f"{count} photos" if count != 1 else "1 photo", icon="IMAGE_DATA" if count else "ERROR")
        broken = [f"{entry.get('name')}: {entry.get('reason')}" for entry in found.get("unreadable") or []]
        for text in [*broken[:2], *(found.get("advice") or [])[:2]]:
            wrapped(layout.column(align=True), text, context, "ERROR")


class TURNAROUND_PT_object(bpy.types.Panel):  # noqa: N801
    """Which object."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Object"
    bl_order = 1

    def draw(self, context: Any) -> None:
        """The photo, the button that shows it, and the prompts."""
        layout: Any = self.layout
        settings = settings_of(context)
        column = layout.column()
        column.enabled = bool(settings.capture) and not running("turnaround.mark_object")
        column.prop(settings, "frame", text="", icon="IMAGE_DATA")
        if running("turnaround.mark_object"):
            # How is said above the photo; lines here would move all that is below them.
            layout.operator("turnaround.mark_object", text="Done", icon="CHECKMARK", depress=True)
        else:
            layout.operator("turnaround.mark_object", icon="RESTRICT_SELECT_OFF")
        if not settings.prompts:
            alone = picture_of(settings.capture_path) is not None
            layout.label(text=f"Unmarked: {'found by itself' if alone else 'what all photos look at'}", icon="INFO")
            return
        row = layout.row()
        row.template_list(
            "TURNAROUND_UL_prompts", "", settings, "prompts", settings, "active_prompt", rows=2, maxrows=5
        )
        side = row.column(align=True)
        side.operator("turnaround.remove_point", text="", icon="REMOVE")
        side.operator("turnaround.remove_point", text="", icon="TRASH").every = True


class TURNAROUND_PT_reconstruct(bpy.types.Panel):  # noqa: N801
    """How much work, and how far it is."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Reconstruct"
    bl_order = 2

    def draw(self, context: Any) -> None:
        """Settings and Run; while a job runs, its progress and Cancel; after a failure, why and what to do."""
        layout: Any = self.layout
        settings, session = settings_of(context), runtime.current()
        busy = session is not None and session.busy
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.enabled = not busy
        column.prop(settings, "recipe")
        column.prop(settings, "preset")
        column.prop(settings, "use_length")
        draw_length(column, context)
        for row in runtime.looked_into(settings.capture_path).get("presets") or []:
            if row.get("preset") == settings.preset and not busy:
                text = f"About {time_left(row['seconds'])}, {row['disk_mb']:.0f} MB, {row['frames']} photos"
                layout.label(text=text, icon="TIME")
        if session is not None and busy:
            draw_progress(layout, session)
            return
        row = layout.row()
        row.scale_y = 1.4
        row.operator("turnaround.run", icon="PLAY")
        if backend_python() is None:
            problem = Problem(
                code="backend_missing", message="The backend's Python was not found.", hint="Set it in the preferences."
            )
            draw_problem(layout, problem, context)
        elif session is not None and session.state is State.FAILED and session.job and session.job.problem:
            draw_problem(layout, session.job.problem, context)
        elif session is not None and session.state is State.CANCELLED:
            wrapped(layout.column(align=True), "Cancelled. Run goes on from the last finished stage.", context, "INFO")
        elif settings.capture and (session is None or session.job is None):
            draw_stopped(layout, settings.own_job, context)


def draw_progress(layout: Any, session: Session) -> None:
    """A bar with the stage and the time left, and Cancel."""
    job = session.job
    if session.state is not State.RUNNING or job is None or not job.stage:
        layout.progress(factor=job.fraction if job else 0.0, text=_WAITING.get(session.state, ""), type="BAR")
        layout.operator("turnaround.cancel", icon="CANCEL")
        return
    title = TITLES.get(job.stage, job.stage)
    layout.progress(factor=job.fraction, text=f"{job.fraction:.0%}  {title}", type="BAR")
    # Above the lines that come and go, so that it does not move under the mouse.
    layout.operator("turnaround.cancel", icon="CANCEL")
    picture = pictures.picture_at(job.preview)
    if picture is not None:
        layout.template_icon(icon_value=picture.icon_id, scale=PREVIEW_SCALE)
    if job.seconds_left is not None:
        layout.label(text=f"{time_left(job.seconds_left)} left", icon="TIME")
    if job.message:
        layout.label(text=job.message)


def draw_stopped(layout: Any, job: str, context: Any) -> None:
    """Where this capture's job was under way when Blender was closed or killed: it is not lost."""
    entry = runtime.jobs().find(job)
    if entry is not None and entry.elsewhere:
        wrapped(layout.column(align=True), "This job is running in another Blender.", context, "WINDOW")
    elif entry is not None and entry.state == STOPPED:
        text = "Blender was closed while this job ran. Run goes on from the last finished stage."
        wrapped(layout.column(align=True), text, context, "PAUSE")


def draw_problem(layout: Any, problem: Problem, context: Any) -> None:
    """Cause, way out, and the button that leads there."""
    box = layout.box()
    column = box.column(align=True)
    column.alert = True
    title = f"{TITLES.get(problem.stage, problem.stage)}: " if problem.stage else ""
    wrapped(column, f"{title}{problem.message}", context, "ERROR")
    if problem.hint:
        wrapped(box.column(align=True), problem.hint, context)
    draw_remedy(box, problem.code)


def said_of_video(facts: dict[str, Any]) -> str:
    """A video's size, length and rate, as far as the backend knows them."""
    if not facts:
        return ""
    return f"{facts['width']} × {facts['height']}, {facts['seconds']:.0f} s, {facts['rate']:g} frames/s"


def sentences(*parts: str) -> str:
    """Parts of a message as sentences, whoever wrote them without a capital or a full stop."""
    whole = [part.strip() for part in parts if part.strip()]
    return " ".join(f"{part[0].upper()}{part[1:]}{'' if part[-1] in '.!?' else '.'}" for part in whole)


def time_left(seconds: float) -> str:
    """A span of time as a person would say it."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
