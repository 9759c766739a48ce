# SPDX-License-Identifier: GPL-3.0-or-later
"""Run, cancel, import, and what an error may ask for next.

From Python, without a window, ``turnaround.run`` and ``turnaround.import_result`` return when the work is done; an
error is reported, which Blender turns into an exception. In a window ``turnaround.run`` returns at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import runtime, viewport
from .naming import film_of, picture_of
from .preferences import PACKAGE, backend_python
from .properties import settings_of
from .segments import known_length
from .session import State

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


def reason_not_to_run(context: Any, busy_counts: bool = True) -> str:
    """Why Run is not possible now; an empty string where it is. A queued job may wait: ``busy_counts`` is off."""
    session, settings = runtime.current(), settings_of(context)
    if busy_counts and session is not None and session.busy:
        return "A job is running."
    if not settings.capture:
        return "Choose the folder with the photos, a video or one picture first."
    path = Path(settings.capture_path)
    if not path.exists():
        return "The capture does not exist: the folder or the video was moved or deleted."
    if path.is_file() and film_of(str(path)) is None and picture_of(str(path)) is None:
        return "This file is no picture and no video: choose a folder of photos, a video or one picture."
    if backend_python() is None:
        return "The backend's Python was not found: set it in the preferences of Turnaround."
    return known_length(settings).reason_not_to_run()


class TURNAROUND_OT_run(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Reconstruct the object from the photos. A job that was stopped goes on from its last finished stage"""

    bl_idname = "turnaround.run"
    bl_label = "Run"

    preset: bpy.props.StringProperty(name="Preset", options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]
    own_masks: bpy.props.BoolProperty(options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why Run is disabled."""
        reason = reason_not_to_run(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Submit the scene's settings; without a window, wait for the end."""
        settings = settings_of(context)
        session = runtime.session()
        try:
            if self.preset:
                settings.preset = self.preset
            if self.own_masks:
                settings.use_masks = False
            spec = settings.job_spec()
            session.submit(spec)
            runtime.jobs().started(spec)
        except (ValueError, TypeError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings.job = spec.job
        if not bpy.app.background:
            runtime.listen()
            return {"FINISHED"}
        session.wait()
        runtime.jobs().pump(session)
        return self._outcome(session.state, session.job)

    def _outcome(self, state: State, job: Any) -> set[OperatorReturnItems]:
        """Report how the job ended."""
        for warning in job.warnings:
            self.report({"WARNING"}, f"{warning.message} {warning.hint}".strip())
        if state is State.DONE:
            return {"FINISHED"}
        problem = job.problem
        where = f"{problem.stage}: " if problem and problem.stage else ""
        text = f"{where}{problem.message} {problem.hint}".strip() if problem else "The job was cancelled."
        self.report({"ERROR"}, text)
        return {"CANCELLED"}


class TURNAROUND_OT_cancel(bpy.types.Operator):  # noqa: N801
    """Stop the job within seconds. Finished stages are kept, and Run goes on from there"""

    bl_idname = "turnaround.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why Cancel is disabled."""
        session = runtime.current()
        if session is None or not session.busy:
            cls.poll_message_set("No job is running.")
            return False
        if session.state is State.CANCELLING:
            cls.poll_message_set("The job is being cancelled.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Ask the backend to stop the job."""
        session = runtime.current()
        if session is None:
            return {"CANCELLED"}
        session.cancel()
        if bpy.app.background:
            session.wait()
        else:
            runtime.listen()
        return {"FINISHED"}


class TURNAROUND_OT_import_result(bpy.types.Operator):  # noqa: N801
    """Bring the job's mesh, splats, points and cameras into the scene, or update what an earlier import made.
    Your own materials, modifiers and transforms are kept
    """

    bl_idname = "turnaround.import_result"
    bl_label = "Import"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    job: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Job", description="Job folder; empty: this scene's last job", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    set_up_scene: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Set Up Scene",
        description=(
            "On the first import, give renders the size of the first camera's photo, make it the scene's camera, and "
            "use the Standard view transform, which shows the photos' colours unchanged; let the 3D views show the "
            "object in its colours"
        ),
        default=True,
        options={"SKIP_SAVE"},
    )

    use_place: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="At a Place", description="Put a new result somewhere else than the origin", options={"SKIP_SAVE"}
    )
    place: bpy.props.FloatVectorProperty(  # type: ignore[valid-type]
        name="Place", description="Where the middle of the result's base stands", subtype="XYZ", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Any scene that can be edited will do; which job, ``execute`` says."""
        if context.scene is None or context.scene.library is not None:
            cls.poll_message_set("This scene cannot be edited.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Import; every object is made or none is reported as made."""
        # numpy and the importer are loaded by the first import, not when the extension is enabled.
        from .importer.scene import import_job

        scene: Any = context.scene
        folder = bpy.path.abspath(self.job) if self.job else scene.turnaround.job_folder
        if not folder:
            self.report({"ERROR"}, "There is no job to import: run one, or give its folder.")
            return {"CANCELLED"}
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        try:
            imported = import_job(scene, Path(folder), self.set_up_scene)
        except (ValueError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        scene.turnaround.job = str(Path(folder).resolve())
        if not imported.updated:
            if self.use_place:
                imported.root.location = self.place
            for item in context.selected_objects:
                item.select_set(False)
            imported.root.select_set(True)
            context.view_layer.objects.active = imported.root
            if self.set_up_scene and imported.objects:
                viewport.show(context, next(iter(imported.objects.values())))
        self.report({"INFO"}, imported.summary())
        if imported.replaced:
            lost = ", ".join(imported.replaced)
            self.report(
                {"WARNING"}, f"The surface has other triangles than before; this was lost: {lost}. Undo: Ctrl-Z."
            )
        return {"FINISHED"}


class TURNAROUND_OT_look_through(bpy.types.Operator):  # noqa: N801
    """Look through the selected camera, and give renders the size and shape of its photo"""

    bl_idname = "turnaround.look_through"
    bl_label = "Look Through Camera"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only for a camera that an import made."""
        item: Any = context.object
        if item is None or item.get("turnaround_kind") != "camera":
            cls.poll_message_set("Select a camera that Turnaround imported.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Set camera and render size; in a 3D view also switch it to the camera."""
        from .importer.cameras import look_through

        scene: Any = context.scene
        look_through(scene, context.object)
        space: Any = context.space_data
        if space is not None and space.type == "VIEW_3D":
            space.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


class TURNAROUND_OT_open_job_folder(bpy.types.Operator):  # noqa: N801
    """Open the folder in which the job keeps everything it computes"""

    bl_idname = "turnaround.open_job_folder"
    bl_label = "Open Job Folder"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to open."""
        if not Path(settings_of(context).job_folder or "/nowhere").is_dir():
            cls.poll_message_set("This scene has no job yet.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Hand the folder to the system's file browser."""
        ops: Any = bpy.ops
        return ops.wm.path_open(filepath=settings_of(context).job_folder)


class TURNAROUND_OT_show_log(bpy.types.Operator):  # noqa: N801
    """Show what the backend wrote about this job, in a text editor"""

    bl_idname = "turnaround.show_log"
    bl_label = "Show Log"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to show."""
        if log_of(settings_of(context).job_folder) is None:
            cls.poll_message_set("There is no log yet.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Load the log as a text and show it where there is a window."""
        path = log_of(settings_of(context).job_folder)
        if path is None:
            return {"CANCELLED"}
        show_text(context, path)
        return {"FINISHED"}


class TURNAROUND_OT_preferences(bpy.types.Operator):  # noqa: N801
    """Open the preferences of Turnaround"""

    bl_idname = "turnaround.preferences"
    bl_label = "Open Preferences"

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Show the preferences, where there is a window."""
        if bpy.app.background:
            return {"CANCELLED"}
        ops: Any = bpy.ops
        return ops.preferences.addon_show(module=PACKAGE)


def show_text(context: Any, path: Path) -> None:
    """Load a log as a text, and show it where there is a window. Raises ``OSError`` where it cannot be read."""
    content = path.read_text(encoding="utf-8", errors="replace")
    text = bpy.data.texts.get("Turnaround Log") or bpy.data.texts.new("Turnaround Log")
    text.clear()
    text.write(content)
    if not bpy.app.background:
        bpy.ops.wm.window_new()
        manager: Any = context.window_manager
        area = manager.windows[-1].screen.areas[0]
        area.type = "TEXT_EDITOR"
        area.spaces.active.text = text


def log_of(job: str) -> Path | None:
    """The job's own log, else the backend's, else None."""
    session = runtime.current()
    candidates = [Path(job) / "log.txt"] if job else []
    candidates += [session.log] if session else []
    return next((path for path in candidates if path.is_file()), None)
