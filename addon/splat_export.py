# SPDX-License-Identifier: GPL-3.0-or-later
"""File > Export > Gaussian splats: back to PLY, SPZ or glTF, with what was deleted left out and nothing else lost.

A standard PLY of splats that were not moved is written here, to the bit what came in. Everything else the backend does:
other formats, and moved splats, whose harmonics must turn with them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import runtime
from .compat import custom
from .follow import MARK
from .preferences import backend_python

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from .session import Problem

_SUFFIXES = (".compressed.ply", ".ply", ".spz", ".glb")
_SECONDS = 1800.0


class TURNAROUND_OT_export_splats(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Write the active object's splats as PLY, compressed PLY, SPZ or glTF, as they stand in the scene"""

    bl_idname = "turnaround.export_splats"
    bl_label = "Export Gaussian Splats"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: bpy.props.StringProperty(default="*.ply;*.spz;*.glb", options={"HIDDEN"})  # type: ignore[valid-type]
    apply: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Apply Transform",
        description="Write the splats where they stand in the scene; off: in the object's own frame, as they came in",
        default=True,
    )
    up: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Up",
        description="What is up in a PLY; SPZ and glTF fix it themselves",
        items=[("z", "Z", "As in Blender"), ("-y", "-Y", "As in most splat files"), ("y", "Y", "As in glTF")],
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why nothing can be exported."""
        if context.object is None or not custom(context.object, MARK):
            cls.poll_message_set("Select splats that Turnaround imported.")
            return False
        return True

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Ask for a name."""
        self.filepath = self.filepath or f"{context.object.name}.ply"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Write here, or let the backend write."""
        from .importer.splat_writer import write_standard

        target = Path(bpy.path.abspath(self.filepath))
        item = context.object
        try:
            if not target.name.lower().endswith(_SUFFIXES):
                raise ValueError(f"expected a name ending in {', '.join(_SUFFIXES)}, got {target.name!r}")
            move = [list(row) for row in item.matrix_world] if self.apply else None
            if self._is_plain(target, move, item):
                up = "z" if self.apply else str(custom(item, "turnaround_up", "z"))
                self.report({"INFO"}, f"Wrote {write_standard(target, item.data, up)} splats to {target.name}.")
                return {"FINISHED"}
            self._by_backend(item, target, move)
        except (ValueError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _is_plain(self, target: Path, move: Any, item: Any) -> bool:
        """Whether the object's own numbers are what the file needs."""
        name = target.name.lower()
        if not name.endswith(".ply") or name.endswith(".compressed.ply"):
            return False
        if move is None:
            return True
        still = all(abs(move[r][c] - float(r == c)) < 1e-7 for r in range(4) for c in range(4))
        return still and self.up == "z"

    def _by_backend(self, item: Any, target: Path, move: Any) -> None:
        """Write the object's own numbers, and let the backend move and pack them."""
        from .importer.splat_writer import write_standard

        if backend_python() is None:
            raise ValueError(
                "Moved splats and other formats than PLY are written by the backend, whose Python was not found: set "
                "it in the preferences of Turnaround."
            )
        folder = Path(tempfile.mkdtemp(prefix="export-", dir=bpy.app.tempdir))
        plain = folder / "splats.ply"
        own_up = "z" if self.apply else str(custom(item, "turnaround_up", "z"))
        write_standard(plain, item.data, own_up)
        turn = self.up if self.apply and target.suffix.lower() == ".ply" else ""
        params = {"source": str(plain), "target": str(target), "up": own_up, "turn": turn, "transform": move}

        def done(result: dict[str, Any] | None, problem: Problem | None) -> None:
            plain.unlink(missing_ok=True)
            folder.rmdir()
            if not bpy.app.background:
                text = f"{problem.message} {problem.hint}" if problem else f"Wrote {target.name}."
                runtime.say(text, "ERROR" if problem else "INFO")

        if bpy.app.background:
            try:
                runtime.session().ask("convert", params, _SECONDS)
            finally:
                done(None, None)
            return
        runtime.session().call("convert", params, done)
        runtime.listen()


def menu(self: Any, context: Any) -> None:
    """The entry of File > Export."""
    self.layout.operator(TURNAROUND_OT_export_splats.bl_idname, text="Gaussian splats (.ply, .spz, .glb)")
