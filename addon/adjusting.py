# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand a result in its scene: scale by a known length, ground by three points, origin to its base, mark as asset.

All of a job hangs on one root empty, so each of these changes the root (or splats imported alone). Points are given, or
taken from the selection: vertices in Edit Mode, else the places of the selected objects other than the result itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from mathutils import Matrix, Vector

from . import viewport
from .compat import custom
from .follow import MARK

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_HOW = "Select {count} vertices of the result in Edit Mode, or {count} objects (empties) that stand on it."


def result_of(item: Any) -> Any:
    """What moves all of a result: the root above ``item``, splats imported alone, or None."""
    while item is not None:
        if custom(item, "turnaround_kind") == "root" or (custom(item, MARK) and item.parent is None):
            return item
        item = item.parent
    return None


def chosen_points(context: Any, root: Any) -> list[Vector]:
    """The selected vertices, else the selected objects' places, in the world."""
    item = context.object
    if item is not None and item.mode == "EDIT" and item.type == "MESH":
        item.update_from_editmode()
        return [item.matrix_world @ v.co for v in item.data.vertices if v.select]
    return [o.matrix_world.translation.copy() for o in context.selected_objects if result_of(o) is not root]


def _poll(cls: Any, context: Any) -> bool:
    if target_of(context) is None:
        cls.poll_message_set("Select a result that Turnaround imported.")
        return False
    return True


def target_of(context: Any) -> Any:
    """The active object's result, else the only one in the scene."""
    found = result_of(context.object)
    if found is not None:
        return found
    roots = [o for o in context.scene.objects if custom(o, "turnaround_kind") == "root"]
    return roots[0] if len(roots) == 1 else None


class TURNAROUND_OT_set_scale(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Scale the whole result so that two points are as far apart as they are in reality"""

    bl_idname = "turnaround.set_scale"
    bl_label = "Set Scale"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    length: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Length", description="Distance of the two points in reality", default=0.1, min=1e-6, unit="LENGTH"
    )
    first: bpy.props.FloatVectorProperty(size=3, options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]
    second: bpy.props.FloatVectorProperty(size=3, options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to scale."""
        return _poll(cls, context)

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Ask for the length."""
        given = Vector(self.first) != Vector(self.second)
        points = [Vector(self.first), Vector(self.second)] if given else chosen_points(context, target_of(context))
        if len(points) == 2:
            self.length = max((points[0] - points[1]).length, 1e-6)
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Scale about the result's own origin."""
        root = target_of(context)
        given = Vector(self.first) != Vector(self.second)
        points = [Vector(self.first), Vector(self.second)] if given else chosen_points(context, root)
        if len(points) != 2 or (points[0] - points[1]).length < 1e-9:
            self.report({"ERROR"}, f"Expected two points apart, got {len(points)}. {_HOW.format(count='two')}")
            return {"CANCELLED"}
        factor = self.length / (points[0] - points[1]).length
        root.scale *= factor
        root["unit"] = "metres"
        context.view_layer.update()
        if not 0.5 < factor < 2.0:
            # Else the view would now be inside the object, or far from it.
            shown = [child for child in (root, *root.children) if child.type != "EMPTY" and child.visible_get()]
            things = [child for child in shown if child.type != "CAMERA"]
            if things:
                viewport.show(context, things[0])
        self.report({"INFO"}, f"Scaled by {factor:.6g}.")
        return {"FINISHED"}


class TURNAROUND_OT_set_ground(bpy.types.Operator):  # noqa: N801
    """Turn and move the whole result until three points lie on the ground, at height 0"""

    bl_idname = "turnaround.set_ground"
    bl_label = "Set Ground"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    points: bpy.props.FloatVectorProperty(  # type: ignore[valid-type]
        description="Three points of the ground", size=9, options={"SKIP_SAVE", "HIDDEN"}
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to turn."""
        return _poll(cls, context)

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Turn by the smallest angle; what was above the three points stays above."""
        root = target_of(context)
        given = [Vector(self.points[i : i + 3]) for i in (0, 3, 6)]
        points = given if any(self.points) else chosen_points(context, root)
        normal: Any = (points[1] - points[0]).cross(points[2] - points[0]) if len(points) == 3 else Vector()
        if normal.length < 1e-12:
            text = f"Expected three points that are not on one line, got {len(points)}. {_HOW.format(count='three')}"
            self.report({"ERROR"}, text)
            return {"CANCELLED"}
        up = normal if normal.z >= 0 else -normal
        turn = up.rotation_difference(Vector((0, 0, 1))).to_matrix().to_4x4()
        height = sum((turn @ p).z for p in points) / 3
        root.matrix_world = Matrix.Translation((0, 0, -height)) @ turn @ root.matrix_world
        context.view_layer.update()
        return {"FINISHED"}


class TURNAROUND_OT_origin_to_base(bpy.types.Operator):  # noqa: N801
    """Move the result's origin to the middle of its base; nothing moves in the scene"""

    bl_idname = "turnaround.origin_to_base"
    bl_label = "Set Origin to Base"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is no origin to move."""
        root = target_of(context)
        if root is None or root.type != "EMPTY":
            cls.poll_message_set("Select a job's result that Turnaround imported.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Shift the root to the base, and its children back."""
        root = target_of(context)
        kinds = ("mesh", "splats", "points")
        ours = {custom(child, "turnaround_kind"): child for child in root.children}
        shown = next((ours[kind] for kind in kinds if kind in ours), None)
        if shown is None:
            self.report({"ERROR"}, "The result has no mesh, splats or points whose base could be found.")
            return {"CANCELLED"}
        low, high = _box(shown)
        base = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z))
        standing = {child: child.matrix_world.copy() for child in root.children}
        matrix = root.matrix_world.copy()
        matrix.translation = base
        root.matrix_world = matrix
        context.view_layer.update()
        for child, world in standing.items():
            child.matrix_world = world
        context.view_layer.update()
        return {"FINISHED"}


class TURNAROUND_OT_mark_asset(bpy.types.Operator):  # noqa: N801
    """Make the result's collection an asset, with a picture of it, for the asset browser"""

    bl_idname = "turnaround.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to mark."""
        return _poll(cls, context)

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Mark the collection, or splats imported alone."""
        from .sharing import mark

        root = target_of(context)
        marked = next((c for c in root.users_collection if custom(c, "turnaround_job")), root)
        mark(marked, root)
        return {"FINISHED"}


def _box(item: Any) -> tuple[Vector, Vector]:
    """The lowest and the highest corner, in the world, of the data itself: modifiers add no base."""
    import numpy as np

    points = item.data.vertices if item.type == "MESH" else item.data.points
    flat: np.ndarray = np.zeros(len(points) * 3, np.float32)
    points.foreach_get("co", flat)
    matrix = np.array(item.matrix_world)
    world = flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    return Vector(world.min(axis=0)), Vector(world.max(axis=0))
