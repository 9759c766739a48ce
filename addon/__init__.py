# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's side: panel, operators, preferences, importer. Talks to the backend through a pipe, by ``protocol``."""

from __future__ import annotations

from typing import Any


def _classes() -> tuple[Any, ...]:
    """Everything that Blender must know, in the order in which one needs the other."""
    from . import environment_operators, environment_panel, models, preferences, properties, segments

    return (
        preferences.TurnaroundPreferences,
        properties.TurnaroundPrompt,
        segments.TurnaroundSegment,
        properties.TurnaroundSettings,
        *_operators(),
        *environment_operators.CLASSES,
        *models.CLASSES,
        *environment_panel.CLASSES,
        *_panels(),
    )


def _operators() -> tuple[Any, ...]:
    """What can be done, and what may be dropped."""
    from . import (
        adjusting,
        capturing,
        jobs_panel,
        marking,
        mask_operators,
        native,
        one_picture,
        operators,
        picking,
        segment_operators,
        sharing,
        splat_export,
        splat_import,
        staging,
    )

    return (
        capturing.TURNAROUND_OT_set_capture,
        capturing.TURNAROUND_FH_capture,
        one_picture.TURNAROUND_OT_object_from_picture,
        one_picture.TURNAROUND_FH_picture,
        operators.TURNAROUND_OT_run,
        operators.TURNAROUND_OT_cancel,
        operators.TURNAROUND_OT_import_result,
        operators.TURNAROUND_OT_look_through,
        operators.TURNAROUND_OT_open_job_folder,
        operators.TURNAROUND_OT_show_log,
        operators.TURNAROUND_OT_preferences,
        splat_import.TURNAROUND_OT_import_splats,
        splat_import.TURNAROUND_FH_splats,
        splat_export.TURNAROUND_OT_export_splats,
        native.TURNAROUND_OT_native_splats,
        adjusting.TURNAROUND_OT_set_scale,
        adjusting.TURNAROUND_OT_set_ground,
        adjusting.TURNAROUND_OT_origin_to_base,
        adjusting.TURNAROUND_OT_mark_asset,
        picking.TURNAROUND_OT_pick_scale,
        staging.TURNAROUND_OT_animate_camera,
        sharing.TURNAROUND_OT_make_lods,
        sharing.TURNAROUND_OT_send_to_collection,
        sharing.TURNAROUND_OT_send_to_file,
        marking.TURNAROUND_OT_add_prompt,
        marking.TURNAROUND_OT_remove_prompt,
        marking.TURNAROUND_OT_mark_object,
        mask_operators.TURNAROUND_OT_propagate_masks,
        mask_operators.TURNAROUND_OT_stop_masks,
        mask_operators.TURNAROUND_OT_next_doubtful,
        mask_operators.TURNAROUND_OT_restore_marks,
        segment_operators.TURNAROUND_OT_set_segment,
        segment_operators.TURNAROUND_OT_remove_segment,
        segment_operators.TURNAROUND_OT_click_length,
        jobs_panel.TURNAROUND_OT_queue,
        jobs_panel.TURNAROUND_OT_job,
    )


def _panels() -> tuple[Any, ...]:
    """What is seen; a panel comes before those inside it."""
    from . import jobs_panel, length_panel, mask_panel, menu, models_panel, panels, result_panel, splat_panel

    return (
        panels.TURNAROUND_UL_prompts,
        panels.TURNAROUND_PT_capture,
        panels.TURNAROUND_PT_object,
        mask_panel.TURNAROUND_PT_masks,
        mask_panel.TURNAROUND_PT_masks_image,
        length_panel.TURNAROUND_UL_segments,
        length_panel.TURNAROUND_PT_length_image,
        panels.TURNAROUND_PT_reconstruct,
        result_panel.TURNAROUND_PT_result,
        result_panel.TURNAROUND_PT_notes,
        result_panel.TURNAROUND_PT_stand,
        result_panel.TURNAROUND_PT_cameras,
        result_panel.TURNAROUND_PT_use,
        splat_panel.TURNAROUND_PT_splats,
        jobs_panel.TURNAROUND_PT_jobs,
        *models_panel.CLASSES,
        menu.TURNAROUND_MT_object,
    )


def register() -> None:
    """Register every class of the addon; nothing heavy is loaded and no process is started."""
    import bpy

    from . import follow, menu, overlay, properties, splat_export, splat_import

    for cls in _classes():
        bpy.utils.register_class(cls)
    scene: Any = bpy.types.Scene
    props: Any = bpy.props
    scene.turnaround = props.PointerProperty(type=properties.TurnaroundSettings)
    imports: Any = bpy.types.TOPBAR_MT_file_import
    imports.append(splat_import.menu)
    exports: Any = bpy.types.TOPBAR_MT_file_export
    exports.append(splat_export.menu)
    menu.add()
    overlay.add()
    follow.add()


def unregister() -> None:
    """Remove what ``register`` added, the timer and the backend process."""
    import bpy

    from . import environment_runtime, follow, icon, menu, overlay, runtime, splat_export, splat_import

    imports: Any = bpy.types.TOPBAR_MT_file_import
    imports.remove(splat_import.menu)
    exports: Any = bpy.types.TOPBAR_MT_file_export
    exports.remove(splat_export.menu)
    environment_runtime.shut_down()
    runtime.shut_down()
    menu.remove()
    icon.forget()
    overlay.remove()
    follow.remove()
    scene: Any = bpy.types.Scene
    del scene.turnaround
    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)
