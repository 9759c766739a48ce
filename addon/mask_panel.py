# SPDX-License-Identifier: GPL-3.0-or-later
"""The masks of the capture: which photo is shown, with what it is marked, how sure its mask is, and what to do next.

Once below *Object* in the 3D view's sidebar, and once in the image editor's, where the marking is done.
"""

from __future__ import annotations

from typing import Any

import bpy

from .mask_operators import board
from .masking import DOUBTFUL, Phase
from .properties import frames_of, settings_of


class TURNAROUND_PT_masks(bpy.types.Panel):  # noqa: N801 - Blender's naming rule
    """Masks, below Object."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Masks"
    bl_parent_id = "TURNAROUND_PT_object"

    def draw(self, context: Any) -> None:
        """See ``draw_masks``."""
        draw_masks(self.layout, context)


class TURNAROUND_PT_masks_image(bpy.types.Panel):  # noqa: N801
    """Masks, beside the photo."""

    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Masks"

    def draw(self, context: Any) -> None:
        """See ``draw_masks``."""
        draw_masks(self.layout, context)


def draw_masks(layout: Any, context: Any) -> None:
    """The photo's number, the tool, its mask's confidence; Propagate, its progress, and the next doubtful photo."""
    settings = settings_of(context)
    count = len(frames_of(settings.capture_path)) if settings.capture else 0
    if not count:
        layout.label(text="Choose photos or a video", icon="INFO")
        return
    layout.prop(settings, "position", text=f"Photo of {count}", slider=False)
    layout.row().prop(settings, "tool", expand=True)
    if settings.tool == "brush":
        layout.prop(settings, "brush")
    seen = board.shown.get(settings.shown_frame) if board.capture == settings.capture_path else None
    if seen is not None:
        doubtful = not seen.prompted and seen.confidence < DOUBTFUL
        kind = "Marked" if seen.prompted else "Carried"
        layout.label(text=f"{kind}, {seen.confidence:.0%} sure", icon="ERROR" if doubtful else "CHECKMARK")
    if board.phase is Phase.CARRYING:
        layout.progress(factor=board.fraction, text=board.message or "Carrying masks", type="BAR")
        layout.operator("turnaround.stop_masks", icon="CANCEL")
    else:
        layout.operator("turnaround.propagate_masks", icon="TRACKING_FORWARDS")
    layout.operator("turnaround.next_doubtful", icon="FORWARD")
    if board.kept and not settings.prompts and board.capture == settings.capture_path:
        count = sum(len(listed) for listed in board.kept.values())
        layout.operator("turnaround.restore_marks", text=f"Bring Back {count} Marks", icon="RECOVER_LAST")
    if board.problem is not None:
        layout.label(text=board.problem.message, icon="ERROR")
    if board.shown and board.folder:
        layout.prop(settings, "use_masks")
    elif board.shown:
        layout.label(text="The job carries the marks itself", icon="INFO")
