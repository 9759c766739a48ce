# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel *Splats* below *Result*: how many are drawn and why not all, how they are drawn, and where they go."""

from __future__ import annotations

from typing import Any

import bpy

from .compat import custom, has_native_splats, input_path
from .follow import MARK
from .wrapping import wrapped


class TURNAROUND_PT_splats(bpy.types.Panel):  # noqa: N801 - Blender's naming rule
    """The active object's splats."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Splats"
    bl_order = 4

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only for splats."""
        return context.object is not None and bool(custom(context.object, MARK))

    def draw(self, context: Any) -> None:
        """Counts, shares, and how colours and extents are drawn."""
        from .importer import eye, splat_nodes
        from .importer.splats import DRAWN_BYTES, caps_of, modifier_of

        layout: Any = self.layout
        modifier = modifier_of(context.object)
        if modifier is None:
            wrapped(layout, "The modifier that draws the splats was removed. Import them again.", context, "ERROR")
            return
        count, viewed, rendered = caps_of(context.object)
        layout.label(text=f"{count:,} splats")
        if has_native_splats():
            layout.operator("turnaround.native_splats", icon="FILE_REFRESH")
        if not modifier.show_render:
            layout.label(text="Drawn by Blender itself", icon="INFO")
            layout.operator("turnaround.export_splats", icon="EXPORT")
            return
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        for name in (splat_nodes.VIEW_SHARE, splat_nodes.RENDER_SHARE):
            owner, path = input_path(modifier, name)
            column.prop(owner, path, text=name, slider=True)
        for what, drawn in (("Views", viewed), ("Renders", rendered)):
            if drawn < count:
                memory = f"{(count - drawn) * DRAWN_BYTES / 1e6:,.0f} MB"
                text = f"{what} draw the {drawn:,} most important: the others would take {memory} and time."
                wrapped(layout.column(align=True), text, context, "INFO")
        for name in (eye.FOLLOW, splat_nodes.DEPENDENT, splat_nodes.BLUR):
            owner, path = input_path(modifier, name)
            column.prop(owner, path, text=name)
        layout.operator("turnaround.export_splats", icon="EXPORT")
