# SPDX-License-Identifier: GPL-3.0-or-later
"""*Object > Turnaround*: everything that can be done, once more; Blender's search (F3) finds what a menu holds."""

from __future__ import annotations

from typing import Any

import bpy

from .icon import icon_id

_GROUPS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("turnaround.set_capture", "FILE_MOVIE"),
        ("turnaround.object_from_picture", "FILE_IMAGE"),
        ("turnaround.mark_object", "RESTRICT_SELECT_OFF"),
        ("turnaround.restore_marks", "RECOVER_LAST"),
        ("turnaround.propagate_masks", "TRACKING_FORWARDS"),
        ("turnaround.click_length", "DRIVER_DISTANCE"),
        ("turnaround.remove_segment", "TRASH"),
    ),
    (
        ("turnaround.run", "PLAY"),
        ("turnaround.queue", "ADD"),
        ("turnaround.cancel", "CANCEL"),
        ("turnaround.import_result", "IMPORT"),
        ("turnaround.show_log", "TEXT"),
        ("turnaround.open_job_folder", "FILE_FOLDER"),
    ),
    (
        ("turnaround.pick_scale", "DRIVER_DISTANCE"),
        ("turnaround.set_scale", "VERTEXSEL"),
        ("turnaround.set_ground", "AXIS_TOP"),
        ("turnaround.origin_to_base", "OBJECT_ORIGIN"),
    ),
    (
        ("turnaround.look_through", "CAMERA_DATA"),
        ("turnaround.animate_camera", "ANIM"),
        ("turnaround.mark_asset", "ASSET_MANAGER"),
        ("turnaround.make_lods", "MOD_DECIM"),
        ("turnaround.send_to_collection", "OUTLINER_COLLECTION"),
        ("turnaround.send_to_file", "FILE_BLEND"),
    ),
    (("turnaround.preferences", "PREFERENCES"),),
)


class TURNAROUND_MT_object(bpy.types.Menu):  # noqa: N801 - Blender's naming rule
    """Everything that Turnaround does."""

    bl_idname = "TURNAROUND_MT_object"
    bl_label = "Turnaround"

    def draw(self, context: Any) -> None:
        """One group after the other, in the order of work."""
        layout: Any = self.layout
        # Chosen from a menu, what asks or waits for clicks must ask.
        layout.operator_context = "INVOKE_REGION_WIN"
        for number, group in enumerate(_GROUPS):
            if number:
                layout.separator()
            for operator, icon in group:
                layout.operator(operator, icon=icon)


def draw(menu: Any, _context: Any) -> None:
    """The line in *Object*."""
    menu.layout.separator()
    menu.layout.menu(TURNAROUND_MT_object.bl_idname, icon_value=icon_id())


def add() -> None:
    """Put it into *Object*."""
    objects: Any = bpy.types.VIEW3D_MT_object
    objects.append(draw)


def remove() -> None:
    """Take it out again."""
    objects: Any = bpy.types.VIEW3D_MT_object
    objects.remove(draw)
