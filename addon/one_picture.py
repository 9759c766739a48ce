# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture becomes an object: dropped on a 3D view, or chosen; the result stands at the 3D cursor when it is done.

Its front looks towards -Y, as everything that Blender's own front view shows. What one picture cannot know is made up,
and the result's notes say how.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import runtime
from .capturing import Dropped, show_tab
from .joblist import DONE, OPEN
from .naming import PICTURE_SUFFIXES, picture_of
from .operators import reason_not_to_run
from .properties import settings_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_expected: dict[str, tuple[str, tuple[float, ...]]] = {}
"""Jobs that will be imported by themselves: folder -> scene and place."""


class TURNAROUND_OT_object_from_picture(Dropped, bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Make an object from one picture, with its texture and its camera; it stands at the 3D cursor when it is done"""

    bl_idname = "turnaround.object_from_picture"
    bl_label = "Turnaround: Object From One Picture"

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Choose the picture and run; without a window, wait and import."""
        named = [Path(self.directory) / f.name for f in self.files if f.name]
        paths = named or [Path(bpy.path.abspath(self.filepath))]
        picture = picture_of(str(paths[0])) if len(paths) == 1 else None
        if picture is None:
            what = f"{len(paths)} files" if len(paths) > 1 else paths[0].name
            self.report({"ERROR"}, f"Choose one picture; got {what}. Several photos of one object are a capture.")
            return {"CANCELLED"}
        settings = settings_of(context)
        settings.capture, settings.recipe, settings.use_masks = str(picture), "auto", False
        show_tab(context)
        reason = reason_not_to_run(context, busy_counts=False)
        if reason:
            self.report({"WARNING"}, reason)
            return {"FINISHED"}
        place = tuple(context.scene.cursor.location)
        return self._run(context, settings, place)

    def _run(self, context: Any, settings: Any, place: tuple[float, ...]) -> set[OperatorReturnItems]:
        """Begin, or queue behind the job that runs."""
        ops: Any = bpy.ops
        session = runtime.current()
        begin = ops.turnaround.queue if session is not None and session.busy else ops.turnaround.run
        try:
            begin()
            if bpy.app.background:
                return ops.turnaround.import_result(job=settings.job, place=place, use_place=True)
        except RuntimeError as error:
            self.report({"ERROR"}, str(error).replace("Error: ", "").strip())
            return {"CANCELLED"}
        _expected[settings.job] = (context.scene.name, place)
        return {"FINISHED"}


class TURNAROUND_FH_picture(bpy.types.FileHandler):  # noqa: N801
    """A picture dropped on a 3D view; Blender asks which use of it is meant."""

    bl_idname = "TURNAROUND_FH_picture"
    bl_label = "Turnaround: Object From One Picture"
    bl_import_operator = "turnaround.object_from_picture"
    bl_file_extensions = ";".join(sorted(PICTURE_SUFFIXES))

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        """Only where the panel is at hand."""
        return context.area is not None and context.area.type == "VIEW_3D"


def bring() -> None:
    """Import what is done and was asked for by a drop; in a scene that cannot take it now, Import is left to click."""
    for job, (scene, place) in list(_expected.items()):
        entry = runtime.jobs().find(job)
        if entry is not None and entry.state in OPEN:
            continue
        del _expected[job]
        window = _window_of(scene)
        if entry is None or entry.state != DONE or window is None:
            continue
        # A file that was never saved is as Blender opened it; one that was is somebody's work.
        fresh = not bpy.data.filepath
        context: Any = bpy.context
        with context.temp_override(window=window):
            if context.mode == "OBJECT":
                ops: Any = bpy.ops
                ops.turnaround.import_result(
                    "EXEC_DEFAULT", True, job=job, place=place, use_place=True, set_up_scene=fresh
                )


def forget() -> None:
    """Expect nothing any more."""
    _expected.clear()


def _window_of(scene: str) -> Any:
    """A window that shows the scene called ``scene``, or None."""
    manager: Any = bpy.context.window_manager
    return next((w for w in manager.windows if w.scene.name == scene), None)
