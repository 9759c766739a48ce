# SPDX-License-Identifier: GPL-3.0-or-later
"""The two points of the known length: the button to click them, the photos they are on, and what is wrong with them.

Once in *Reconstruct* in the 3D view's sidebar, and once in the image editor's, where they are clicked.
"""

from __future__ import annotations

import math
from typing import Any

import bpy

from . import runtime
from .photo_tool import running
from .properties import settings_of
from .segments import POINTS, known_length
from .wrapping import wrapped


class TURNAROUND_UL_segments(bpy.types.UIList):  # noqa: N801 - Blender's naming rule
    """The photos with points, one a line."""

    def draw_item(  # type: ignore[override]
        self, context: Any, layout: Any, data: Any, item: Any, icon: Any, active_data: Any, active_property: Any,
        index: Any, flt_flag: Any,
    ) -> None:  # fmt: skip
        """The photo, and how far apart its points are on it."""
        ends, present = item.ends, data.has_photo(item.frame)
        apart = f"{math.dist(*ends):.0f} px" if len(ends) == 2 else "one point"
        layout.label(
            text=f"{item.frame}  {apart if present else 'not in the capture'}",
            icon="DRIVER_DISTANCE" if len(ends) == 2 and present else "ERROR",
        )


class TURNAROUND_PT_length_image(bpy.types.Panel):  # noqa: N801
    """The known length, beside the photo."""

    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Known Length"

    def draw_header(self, context: Any) -> None:
        """The switch."""
        layout: Any = self.layout
        layout.prop(settings_of(context), "use_length", text="")

    def draw(self, context: Any) -> None:
        """The length, what it measures, and its points."""
        layout: Any = self.layout
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        session = runtime.current()
        column.enabled = session is None or not session.busy
        draw_length(column, context)


def draw_length(column: Any, context: Any) -> None:
    """The length and what it measures, where one is known; its two points, and what is wrong with them."""
    settings = settings_of(context)
    if settings.use_length:
        column.prop(settings, "length")
        column.prop(settings, "length_of")
    _draw_points(column, context)


def _draw_points(column: Any, context: Any) -> None:
    """The tool and the list where the length measures two points; what is wrong, wherever something is."""
    settings = settings_of(context)
    known = known_length(settings)
    if known.applies:
        if running("turnaround.click_length"):
            column.operator("turnaround.click_length", text="Done", icon="CHECKMARK", depress=True)
        else:
            column.operator("turnaround.click_length", icon="DRIVER_DISTANCE")
    if settings.segments and (known.applies or not settings.use_length):
        row = column.row()
        row.template_list(
            "TURNAROUND_UL_segments", "", settings, "segments", settings, "active_segment", rows=2, maxrows=4
        )
        side = row.column(align=True)
        side.operator("turnaround.remove_segment", text="", icon="REMOVE")
        side.operator("turnaround.remove_segment", text="", icon="TRASH").every = True
    for note in known.notes():
        lines = column.column(align=True)
        lines.alert = note.wrong
        wrapped(lines, note.text, context, "ERROR" if note.wrong else "INFO")
    if settings.segments and settings.use_length and settings.length_of != POINTS:
        wrapped(column.column(align=True), "The clicked points are kept, but not used.", context, "INFO")
