# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring Blender's own splats up to date after the mesh that keeps them was edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .compat import custom, has_native_splats
from .follow import MARK

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class TURNAROUND_OT_native_splats(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Show the active object's splats as Blender's own, as they are now: without what was deleted"""

    bl_idname = "turnaround.native_splats"
    bl_label = "Update Native Splats"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there are none."""
        reason = ""
        if not has_native_splats():
            reason = "This Blender has no splats of its own; proxies stand for them."
        elif context.object is None or not custom(context.object, MARK) or context.mode != "OBJECT":
            reason = "Select splats that Turnaround imported, in Object Mode."
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Make them anew."""
        from .importer.native_splats import show

        try:
            show(context.object)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}
