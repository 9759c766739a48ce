# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel *Jobs*: what runs, waits and has ended on this computer, each with its buttons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import joblist, runtime
from .operators import reason_not_to_run, show_text
from .properties import settings_of
from .remedies import draw_remedy
from .wrapping import wrapped

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_SHOWN = 8
_ICONS: dict[str, Any] = {
    joblist.WAITING: "TIME",
    joblist.RUNNING: "PLAY",
    joblist.DONE: "CHECKMARK",
    joblist.FAILED: "ERROR",
    joblist.CANCELLED: "CANCEL",
    joblist.STOPPED: "PAUSE",
}
_ACTIONS = {
    "cancel": ("Cancel", "Stop the job, or take it out of the queue. Finished stages are kept"),
    "retry": ("Retry", "Queue the job again; it goes on from its last finished stage"),
    "remove": ("Remove", "Take the job out of this list. Its folder stays"),
    "import": ("Import", "Bring the job's result into this scene"),
    "draft": ("Run as Draft", "Queue the job again with the preset Draft, which needs the least memory"),
    "load": (
        "Change Its Settings",
        "Give this scene the job's capture, marks and preset, to change and run them",
    ),
    "folder": ("Open Folder", "Open the job's folder"),
    "log": ("Show Log", "Show what the backend wrote about this job"),
}


def _action_items() -> list[tuple[str, str, str]]:
    """The actions, for the operator's property."""
    return [(name, title, text) for name, (title, text) in _ACTIONS.items()]


class TURNAROUND_OT_queue(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Queue this scene's job; it starts when those before it have ended"""

    bl_idname = "turnaround.queue"
    bl_label = "Add to Queue"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why nothing can be queued."""
        reason = reason_not_to_run(context, busy_counts=False)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Add the scene's settings as a job; without a window ``joblist.JobList.pump`` is the caller's."""
        settings = settings_of(context)
        try:
            settings.job = runtime.jobs().add(settings.job_spec()).job
            runtime.jobs().pump(runtime.session())
        except (ValueError, TypeError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        runtime.listen()
        return {"FINISHED"}


class TURNAROUND_OT_job(bpy.types.Operator):  # noqa: N801
    """Do something with one job of the list"""

    bl_idname = "turnaround.job"
    bl_label = "Job"

    job: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]
    action: bpy.props.EnumProperty(items=_action_items(), options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        """The tooltip of the action."""
        return _ACTIONS[properties.action][1]

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Carry the action out."""
        ops: Any = bpy.ops
        jobs = runtime.jobs()
        try:
            if self.action == "cancel":
                jobs.cancel(self.job, runtime.current())
            elif self.action == "retry":
                jobs.retry(self.job)
                jobs.pump(runtime.session())
            elif self.action == "draft":
                jobs.retry(self.job, preset="draft")
                jobs.pump(runtime.session())
            elif self.action == "load":
                self._load(context, jobs)
            elif self.action == "remove":
                jobs.remove(self.job)
            elif self.action == "import":
                return ops.turnaround.import_result("INVOKE_DEFAULT", job=self.job)
            elif self.action == "folder":
                return ops.wm.path_open(filepath=self.job)
            else:
                show_text(context, Path(self.job) / "log.txt")
        except (ValueError, OSError, RuntimeError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        runtime.listen()
        return {"FINISHED"}

    def _load(self, context: Any, jobs: joblist.JobList) -> None:
        """Give the scene the job's settings."""
        entry = jobs.find(self.job)
        if entry is None:
            raise ValueError("This job is not in the list any more.")
        settings_of(context).take(entry.spec)
        bpy.ops.ed.undo_push(message="Change a Job's Settings")


class TURNAROUND_PT_jobs(bpy.types.Panel):  # noqa: N801
    """Jobs of this computer."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Jobs"
    bl_order = 5
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    def draw(self, context: Any) -> None:
        """Newest first, each with the buttons that make sense for it."""
        layout: Any = self.layout
        layout.operator("turnaround.queue", icon="ADD")
        jobs = runtime.jobs()
        jobs.look()
        entries = jobs.entries
        if not entries:
            layout.label(text="No jobs yet", icon="INFO")
        for entry in reversed(entries[-_SHOWN:]):
            self._draw_entry(layout, entry, context)

    def _draw_entry(self, layout: Any, entry: joblist.Entry, context: Any) -> None:
        """One job."""
        box = layout.box()
        row = box.row(align=True)
        row.label(text=f"{entry.title}: {entry.state}", icon=_ICONS.get(entry.state, "DOT"))
        is_open = entry.state in joblist.OPEN
        if entry.elsewhere:
            box.label(text="In another Blender", icon="WINDOW")
            return
        for action, icon, wanted in (
            ("cancel", "X", is_open),
            ("import", "IMPORT", entry.state == joblist.DONE),
            ("retry", "FILE_REFRESH", not is_open and entry.state != joblist.DONE),
            ("load", "GREASEPENCIL", not is_open),
            ("folder", "FILE_FOLDER", Path(entry.job).is_dir()),
            ("log", "TEXT", (Path(entry.job) / "log.txt").is_file()),
            ("remove", "TRASH", not is_open),
        ):
            if wanted:
                button = row.operator("turnaround.job", text="", icon=icon)
                button.job, button.action = entry.job, action
        if entry.reason:
            wrapped(box.column(align=True), entry.reason, context)
        if entry.code:
            draw_remedy(box, entry.code, entry.job)
