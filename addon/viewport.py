# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the 3D views of a window show what was just imported: in its colours, and filling the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from collections.abc import Iterator


def show(context: Any, item: bpy.types.Object) -> None:
    """Colour solid views by vertex colours where they still have Blender's default, and frame ``item`` in them.

    A view through a camera is left as it is. Without a window (background mode) there is nothing to do.
    """
    for area, region in _views(context):
        space: Any = area.spaces.active
        shading = space.shading
        if shading.type == "SOLID" and shading.color_type == "MATERIAL":
            shading.color_type = "VERTEX"
        # A dashed line from the root to each of a hundred cameras hides the object.
        space.overlay.show_relationship_lines = False
        if space.region_3d.view_perspective == "CAMERA":
            continue
        selected = list(context.selected_objects)
        for other in selected:
            other.select_set(False)
        item.select_set(True)
        with context.temp_override(area=area, region=region):
            bpy.ops.view3d.view_selected()
        item.select_set(False)
        for other in selected:
            other.select_set(True)


def _views(context: Any) -> Iterator[tuple[Any, Any]]:
    """The 3D views of the context's window, each with its main region."""
    if context.window is None:
        return
    for area in context.window.screen.areas:
        if area.type == "VIEW_3D":
            for region in area.regions:
                if region.type == "WINDOW":
                    yield area, region
