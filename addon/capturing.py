# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the capture: in a file browser, or by dropping photos or a video on a 3D view.

A folder has no suffix by which Blender could tell who wants it, so a folder is dropped on the panel's field, which
takes any path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .naming import PHOTO_SUFFIXES, VIDEO_SUFFIXES, capture_from, film_of, photos_in
from .properties import settings_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class Dropped:
    """Files dropped on a 3D view, or chosen in a file browser: the part of an operator that both ways share."""

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]
    files: bpy.props.CollectionProperty(  # type: ignore[valid-type]
        type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"}
    )
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self: Any, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Take what was dropped, else ask."""
        if self.filepath or self.files:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class TURNAROUND_OT_set_capture(Dropped, bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Choose a video, a folder, or any photo of a folder, as what is to be reconstructed"""

    bl_idname = "turnaround.set_capture"
    bl_label = "Turnaround: Photos or Video of an Object"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Set the scene's capture and show the panel's tab."""
        named = [Path(self.directory) / f.name for f in self.files if f.name]
        paths = named or [Path(bpy.path.abspath(self.filepath or self.directory))]
        try:
            capture = capture_from(paths)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(context).capture = str(capture)
        show_tab(context)
        what = "a video" if film_of(str(capture)) else f"{len(photos_in(str(capture)))} photos"
        self.report({"INFO"}, f"Capture: {capture.name}, {what}.")
        return {"FINISHED"}


class TURNAROUND_FH_capture(bpy.types.FileHandler):  # noqa: N801
    """Photos or a video dropped on a 3D view; Blender asks which of its own uses of them is meant, or this one."""

    bl_idname = "TURNAROUND_FH_capture"
    bl_label = "Turnaround: Photos or Video of an Object"
    bl_import_operator = "turnaround.set_capture"
    bl_file_extensions = ";".join(sorted(PHOTO_SUFFIXES | VIDEO_SUFFIXES))

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        """Only where the panel is at hand."""
        return context.area is not None and context.area.type == "VIEW_3D"


def show_tab(context: Any) -> None:
    """Open the sidebar of the 3D view at hand on the tab of Turnaround."""
    area = context.area
    if area is None or area.type != "VIEW_3D":
        return
    area.spaces.active.show_region_ui = True
    for region in area.regions:
        # A sidebar that has not been drawn yet has no tabs to choose from.
        if region.type == "UI" and getattr(region, "active_panel_category", "") not in {"", "UNSUPPORTED"}:
            region.active_panel_category = "Turnaround"
