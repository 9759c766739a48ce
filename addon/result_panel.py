# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel *Result* and what is below it: import, what the job says of itself, and what one does with a result."""

from __future__ import annotations

from typing import Any

import bpy

from . import adjusting, runtime
from .models import in_words
from .models_panel import draw_offers
from .panels import sentences
from .properties import settings_of
from .wrapping import wrapped

_KINDS = (("mesh", "Mesh"), ("splats", "Splats"), ("points", "Points"))
_NOTES = 4


class TURNAROUND_PT_result(bpy.types.Panel):  # noqa: N801 - Blender's naming rule
    """What came out."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Result"
    bl_order = 3

    def draw(self, context: Any) -> None:
        """Import, how good it is, and what is shown of it."""
        layout: Any = self.layout
        settings = settings_of(context)
        record = record_of(context)
        # A job under way lists what its first stages left; that stands in no scene yet.
        if not {a.get("kind") for a in record.get("artefacts", ())} & {kind for kind, _ in _KINDS}:
            layout.label(text="Nothing yet", icon="INFO")
        else:
            row = layout.row()
            row.scale_y = 1.4
            button = row.operator("turnaround.import_result", icon="IMPORT")
            button.job = settings.job_folder
            if "assumed_cameras" in record.get("recipe", ()):
                # Nothing says where a single picture's object belongs.
                button.use_place, button.place = True, context.scene.cursor.location
            draw_facts(layout, record, any(root.get("unit") == "metres" for root in roots_of(context)))
        draw_shown(layout, context)
        row = layout.row(align=True)
        row.operator("turnaround.open_job_folder", text="Folder", icon="FILE_FOLDER")
        row.operator("turnaround.show_log", text="Log", icon="TEXT")


class _Below:
    """A sub-panel of Result."""

    bl_space_type: Any = "VIEW_3D"
    bl_region_type: Any = "UI"
    bl_category = "Turnaround"
    bl_parent_id = "TURNAROUND_PT_result"


class TURNAROUND_PT_notes(_Below, bpy.types.Panel):  # noqa: N801
    """What the job did otherwise than hoped, and what to do about it."""

    bl_label = "Notes"
    bl_order = 0

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only where there is something to say."""
        return bool(record_of(context).get("warnings"))

    def draw_header(self, context: Any) -> None:
        """How many."""
        layout: Any = self.layout
        layout.label(text="", icon="ERROR")

    def draw(self, context: Any) -> None:
        """One paragraph each."""
        layout: Any = self.layout
        warnings = record_of(context)["warnings"]
        for warning in warnings[:_NOTES]:
            message, hint = str(warning.get("message", "")), str(warning.get("hint", ""))
            wrapped(layout.column(align=True), sentences(in_words(message), in_words(hint)), context, "DOT")
            draw_offers(layout, f"{message} {hint}")
        if len(warnings) > _NOTES:
            layout.label(text=f"{len(warnings) - _NOTES} more in the log", icon="BLANK1")


class _BelowImported(_Below):
    """A sub-panel of Result that is there only for something imported, and closed at first."""

    bl_options: Any = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only for something imported."""
        return adjusting.target_of(context) is not None


class TURNAROUND_PT_stand(_BelowImported, bpy.types.Panel):  # noqa: N801
    """Give an imported result its size, ground and origin."""

    bl_label = "Size and Ground"
    bl_order = 1

    def draw(self, context: Any) -> None:
        """Most used first."""
        layout: Any = self.layout
        column = layout.column(align=True)
        column.operator("turnaround.pick_scale", icon="DRIVER_DISTANCE")
        column.operator("turnaround.set_scale", text="Set Scale by Selection", icon="VERTEXSEL")
        column.operator("turnaround.set_ground", text="Set Ground by Selection", icon="AXIS_TOP")
        column.operator("turnaround.origin_to_base", icon="OBJECT_ORIGIN")


class TURNAROUND_PT_cameras(_BelowImported, bpy.types.Panel):  # noqa: N801
    """Look and render as the photos did."""

    bl_label = "Cameras"
    bl_order = 2

    def draw(self, context: Any) -> None:
        """One camera, or all of them one after the other."""
        layout: Any = self.layout
        column = layout.column(align=True)
        column.operator("turnaround.look_through", icon="CAMERA_DATA")
        column.operator("turnaround.animate_camera", icon="ANIM")


class TURNAROUND_PT_use(_BelowImported, bpy.types.Panel):  # noqa: N801
    """Take a result elsewhere."""

    bl_label = "Use Elsewhere"
    bl_order = 3

    def draw(self, context: Any) -> None:
        """Asset, levels of detail, another collection or file."""
        layout: Any = self.layout
        column = layout.column(align=True)
        column.operator("turnaround.mark_asset", icon="ASSET_MANAGER")
        column.operator("turnaround.make_lods", icon="MOD_DECIM")
        column.operator("turnaround.send_to_collection", icon="OUTLINER_COLLECTION")
        column.operator("turnaround.send_to_file", icon="FILE_BLEND")


def record_of(context: Any) -> dict[str, Any]:
    """What this scene's job wrote about itself, or {}."""
    folder = settings_of(context).job_folder
    return runtime.result_record(folder) if folder else {}


def roots_of(context: Any) -> list[Any]:
    """What the imports of this scene's job hang on."""
    folder = str(settings_of(context).job_folder)
    scene = context.scene
    return [o for o in scene.objects if o.type == "EMPTY" and o.get("job_folder", "") == folder] if folder else []


def draw_facts(layout: Any, record: dict[str, Any], scaled: bool) -> None:
    """How good it is, by the job's own account; ``scaled``: it was given its size in Blender."""
    metrics = record.get("metrics") or {}
    column = layout.column(align=True)
    if "frames_registered" in metrics:
        used = metrics.get("frames_used", metrics["frames_registered"])
        column.label(text=f"{metrics['frames_registered']:.0f} of {used:.0f} photos have a camera")
    if "splats_psnr" in metrics:
        column.label(text=f"Splats: {metrics['splats_psnr']:.1f} dB on held-out photos")
    if "mesh_psnr" in metrics:
        column.label(text=f"Mesh: {metrics['mesh_psnr']:.1f} dB on held-out photos")
    column.label(text="Scale: metres" if scaled or record.get("metres_per_unit") else "Scale: unknown (diagonal is 1)")


def draw_shown(layout: Any, context: Any) -> None:
    """A line for each imported thing with its eye and its camera: they stand in one place, so one is enough."""
    for root in roots_of(context):
        ours = {child.get("turnaround_kind"): child for child in root.children}
        column = layout.column(align=True)
        for kind, title in _KINDS:
            if kind in ours:
                row = column.row(align=True)
                row.label(text=title)
                # Splats that Blender draws itself hang on those that only keep them.
                shown = next(iter(ours[kind].children), ours[kind]) if kind == "splats" else ours[kind]
                row.prop(shown, "hide_viewport", text="", emboss=False)
                row.prop(shown, "hide_render", text="", emboss=False)
