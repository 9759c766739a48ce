# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the scale by two clicks on the surface: a ray is cast through each, and then the real distance is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from mathutils import Vector

from .adjusting import result_of, target_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_HINTS = ("Click the first point on the result    Esc: cancel", "Click the second point    Esc: cancel")
_COLOUR = (1.0, 0.6, 0.1, 1.0)


def surface_under(context: Any, root: Any, region: Any, view: Any, place: tuple[float, float]) -> Vector | None:
    """Where the ray through the region's pixel ``place`` first meets the result of ``root``, in the world."""
    from bpy_extras import view3d_utils

    origin: Any = view3d_utils.region_2d_to_origin_3d(region, view, place)
    direction: Any = view3d_utils.region_2d_to_vector_3d(region, view, place)
    return first_hit(context, root, origin, direction)


def first_hit(context: Any, root: Any, origin: Vector, direction: Vector) -> Vector | None:
    """Where a ray from ``origin`` first meets the result of ``root``; other things in the scene let it through."""
    depsgraph = context.evaluated_depsgraph_get()
    step = direction.normalized() * 1e-5
    for _ in range(64):
        hit, point, _normal, _index, item, _matrix = context.scene.ray_cast(depsgraph, origin, direction)
        if not hit:
            return None
        if result_of(item.original) is root:
            return Vector(point)
        origin = Vector(point) + step
    return None


class TURNAROUND_OT_pick_scale(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Click two points on the result, then give their real distance: the whole result is scaled to it"""

    bl_idname = "turnaround.pick_scale"
    bl_label = "Set Scale by Two Clicks"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to click on."""
        if target_of(context) is None:
            cls.poll_message_set("Select a result that Turnaround imported.")
            return False
        return True

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Take clicks in this 3D view from now on."""
        area = context.area
        if area is None or area.type != "VIEW_3D":
            self.report({"ERROR"}, "Start this from a 3D view.")
            return {"CANCELLED"}
        self.area, self.root = area, target_of(context)
        self.region = next(r for r in area.regions if r.type == "WINDOW")
        self.view = area.spaces.active.region_3d
        self.points: list[Vector] = []
        self.handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        area.header_text_set(_HINTS[0])
        context.window.cursor_modal_set("CROSSHAIR")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Two clicks on the surface; the view can be turned in between."""
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            self._end(context)
            return {"CANCELLED"}
        place = (event.mouse_x - self.region.x, event.mouse_y - self.region.y)
        inside = 0 <= place[0] < self.region.width and 0 <= place[1] < self.region.height
        if event.type != "LEFTMOUSE" or event.value != "PRESS" or not inside:
            return {"PASS_THROUGH"}
        point = surface_under(context, self.root, self.region, self.view, place)
        if point is None:
            self.report({"WARNING"}, "There is nothing of the result under the mouse.")
            return {"RUNNING_MODAL"}
        self.points.append(point)
        self.area.tag_redraw()
        if len(self.points) < 2:
            self.area.header_text_set(_HINTS[1])
            return {"RUNNING_MODAL"}
        self._end(context)
        first, second = self.points
        ops: Any = bpy.ops
        ops.turnaround.set_scale(
            "INVOKE_DEFAULT", first=first, second=second, length=max((first - second).length, 1e-6)
        )
        return {"FINISHED"}

    def cancel(self, context: Any) -> None:
        """Blender takes the operator away: a file is loaded, or the window closed."""
        self._end(context)

    def _end(self, context: Any) -> None:
        """Take hint, cursor and drawing away."""
        bpy.types.SpaceView3D.draw_handler_remove(self.handle, "WINDOW")
        context.window.cursor_modal_restore()
        self.area.header_text_set(None)
        self.area.tag_redraw()

    def _draw(self) -> None:
        """Show the points that were clicked."""
        from bpy_extras import view3d_utils

        from . import drawing

        context: Any = bpy.context
        if context.area != self.area:
            return
        for point in self.points:
            place: Any = view3d_utils.location_3d_to_region_2d(self.region, self.view, point)
            if place is not None:
                drawing.dot((place.x, place.y), _COLOUR)
