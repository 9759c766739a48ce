# SPDX-License-Identifier: GPL-3.0-or-later
"""File > Import > Gaussian splats, and splat files dropped on a 3D view.

A PLY in the layout of 3D Gaussian splatting is read here. Any other format the backend turns into one, in a process of
its own; Blender stays usable meanwhile, and ``Waiting`` brings the result in when it is there.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import runtime
from .preferences import backend_python

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from .session import Problem

_SUFFIXES = (".ply", ".spz", ".splat", ".sog", ".glb", ".gltf")
_NEEDS_BACKEND = (
    "This format is read by the backend, whose Python was not found: set it in the preferences of Turnaround. "
    "A PLY in the layout of 3D Gaussian splatting needs no backend."
)
_SECONDS = 1800.0


def _glob() -> str:
    """What the file browser shows."""
    return ";".join(f"*{suffix}" for suffix in _SUFFIXES) + ";meta.json"


class TURNAROUND_OT_import_splats(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Import Gaussian splats: PLY (standard or compressed), SPZ, glTF with KHR_gaussian_splatting, .splat, or SOG"""

    bl_idname = "turnaround.import_splats"
    bl_label = "Import Gaussian Splats"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]
    files: bpy.props.CollectionProperty(  # type: ignore[valid-type]
        type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"}
    )
    filter_glob: bpy.props.StringProperty(default=_glob(), options={"HIDDEN"})  # type: ignore[valid-type]
    up: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Up",
        description="Which direction of the file is up. SPZ and glTF fix it themselves",
        items=[
            ("auto", "Automatic", "What the file says, else -Y, which is up in most splat files"),
            ("-y", "-Y", "Minus Y, as in most files of 3D Gaussian splatting"),
            ("y", "Y", "Y, as in glTF"),
            ("z", "Z", "Z, as in Blender"),
        ],
    )

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Import what was dropped, else ask for files."""
        if self.filepath or self.files:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Import each file; those that the backend reads arrive later where there is a window."""
        # numpy and the importer are loaded by the first import, not when the extension is enabled.
        from .importer import splat_files

        paths = [Path(self.directory) / f.name for f in self.files if f.name] or [Path(bpy.path.abspath(self.filepath))]
        finished, waiting = 0, 0
        for path in paths:
            try:
                if splat_files.is_standard(path):
                    self.report({"INFO"}, bring_in(context, path, path, self.up))
                    finished += 1
                elif bpy.app.background:
                    self.report({"INFO"}, _through_backend(context, path, self.up))
                    finished += 1
                else:
                    Waiting(path, self.up).start()
                    waiting += 1
            except (ValueError, OSError) as error:
                self.report({"ERROR"}, str(error))
                return {"FINISHED"} if finished else {"CANCELLED"}
        # What still waits is an undo step of its own when it comes.
        return {"FINISHED"} if finished or waiting else {"CANCELLED"}


class TURNAROUND_FH_splats(bpy.types.FileHandler):  # noqa: N801
    """Splat files dropped on a 3D view."""

    bl_idname = "TURNAROUND_FH_splats"
    bl_label = "Gaussian Splats"
    bl_import_operator = "turnaround.import_splats"
    bl_file_extensions = ";".join(_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        """Only where the splats will be seen."""
        return context.area is not None and context.area.type == "VIEW_3D"


class Waiting:
    """One file that the backend is turning into a standard PLY; brought in when the answer comes."""

    def __init__(self, path: Path, up: str) -> None:
        if backend_python() is None:
            raise ValueError(_NEEDS_BACKEND)
        self.path = path
        self.up = up
        # Blender's own temporary folder goes with Blender.
        self.folder = Path(tempfile.mkdtemp(prefix="splats-", dir=bpy.app.tempdir))

    def request(self) -> dict[str, Any]:
        """Parameters of ``convert``: a PLY, turned until z is up."""
        from .importer.splat_files import source_of

        fixed = {} if self.up == "auto" else {"up": self.up}
        return {"source": str(source_of(self.path)), "target": str(self.target), "turn": "z", **fixed}

    @property
    def target(self) -> Path:
        """The standard PLY."""
        return self.folder / "splats.ply"

    def start(self) -> None:
        """Ask, and say so in the status bar."""
        runtime.session().call("convert", self.request(), self._answered)
        runtime.listen()
        _status(f"Turnaround reads {self.path.name}…")

    def forget(self) -> None:
        """Remove the temporary file."""
        self.target.unlink(missing_ok=True)
        self.folder.rmdir()

    def _answered(self, result: dict[str, Any] | None, problem: Problem | None) -> None:
        """Bring the splats in, or say what was wrong with the file; called by the timer, outside any operator."""
        _status(None)
        if problem is not None:
            runtime.say(f"{problem.message} {problem.hint}".strip())
            self.forget()
            return
        try:
            bring_in(bpy.context, self.path, self.target, "z")
            bpy.ops.ed.undo_push(message="Import Gaussian Splats")
        except (ValueError, OSError) as error:
            runtime.say(str(error))
        finally:
            self.forget()


def bring_in(context: Any, path: Path, ply: Path, up: str) -> str:
    """Put the splats of ``ply`` into the scene as what ``path`` holds; a line about it."""
    from .importer.splat_files import title_of
    from .importer.splats import import_splat_file

    item: Any = import_splat_file(context.scene, context.collection, ply, title_of(path), None if up == "auto" else up)
    for other in context.selected_objects:
        other.select_set(False)
    item.select_set(True)
    context.view_layer.objects.active = item
    return f"Imported {item.name}: {len(item.data.vertices)} splats."


def menu(self: Any, context: Any) -> None:
    """The entry of File > Import."""
    self.layout.operator(TURNAROUND_OT_import_splats.bl_idname, text="Gaussian splats (.ply, .spz, .splat, .sog, .glb)")


def _through_backend(context: Any, path: Path, up: str) -> str:
    """Import a file of another format and wait for the backend; a line about it."""
    waiting = Waiting(path, up)
    try:
        answer = runtime.session().ask("convert", waiting.request(), _SECONDS)
        text = bring_in(context, path, waiting.target, "z")
    finally:
        waiting.forget()
    left_out = int(answer.get("left_out") or 0)
    return f"{text} {left_out} broken ones were left out." if left_out else text


def _status(text: str | None) -> None:
    """Show a text in the status bar, or Blender's own again."""
    workspace: Any = bpy.context.workspace
    if workspace is not None:
        workspace.status_text_set(text)
