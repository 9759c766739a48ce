# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a result elsewhere: levels of detail, a collection of its own, another .blend file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .adjusting import target_of
from .compat import custom

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_LEVEL = "turnaround_level"


def parts_of(root: Any, with_cameras: bool) -> list[Any]:
    """The result's objects: the root, what is below it, with or without its cameras."""
    below = [child for child in root.children_recursive if with_cameras or child.type != "CAMERA"]
    return [root, *below]


def _poll(cls: Any, context: Any) -> bool:
    if target_of(context) is None:
        cls.poll_message_set("Select a result that Turnaround imported.")
        return False
    return True


class TURNAROUND_OT_make_lods(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Add coarser copies of the result's mesh, each with fewer triangles than the last"""

    bl_idname = "turnaround.make_lods"
    bl_label = "Levels of Detail"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    levels: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Levels", description="How many coarser meshes", default=3, min=1, max=6
    )
    ratio: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Ratio", description="Triangles of a level, as a share of the one before", default=0.25, min=0.05, max=0.9
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is no mesh to simplify."""
        root = target_of(context)
        if root is None or _mesh_of(root) is None:
            cls.poll_message_set("Select a result with a mesh.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Make the copies, in place of those of an earlier call; they are hidden until they are wanted."""
        root = target_of(context)
        source: Any = _mesh_of(root)
        for old in [c for c in root.children if custom(c, _LEVEL) is not None]:
            data = old.data
            bpy.data.objects.remove(old)
            if not data.users:
                bpy.data.meshes.remove(data)
        counts = []
        for level in range(1, self.levels + 1):
            made = _coarser(context, source, self.ratio**level, level)
            counts.append(len(made.data.polygons))
            made.hide_set(True)
            made.hide_render = True
        self.report({"INFO"}, "Triangles: " + ", ".join(f"{n:,}" for n in (len(source.data.polygons), *counts)))
        return {"FINISHED"}


class TURNAROUND_OT_send_to_collection(bpy.types.Operator):  # noqa: N801
    """Put the result into a collection of this name, made where there is none"""

    bl_idname = "turnaround.send_to_collection"
    bl_label = "Send to Collection"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    name: bpy.props.StringProperty(name="Collection")  # type: ignore[valid-type]
    with_cameras: bpy.props.BoolProperty(name="With Cameras", default=True)  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to send."""
        return _poll(cls, context)

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Ask for the name."""
        self.name = self.name or f"{target_of(context).name} asset"
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Move the objects; what is left behind stays where it was."""
        if not self.name:
            self.report({"ERROR"}, "Give the collection a name.")
            return {"CANCELLED"}
        top = context.scene.collection
        wanted = next((c for c in top.children_recursive if c.name == self.name), None)
        if wanted is None:
            wanted = bpy.data.collections.new(self.name)
            top.children.link(wanted)
        for item in parts_of(target_of(context), self.with_cameras):
            for other in list(item.users_collection):
                if other != wanted:
                    other.objects.unlink(item)
            if item.name not in wanted.objects:
                wanted.objects.link(item)
        return {"FINISHED"}


class TURNAROUND_OT_send_to_file(bpy.types.Operator):  # noqa: N801
    """Write the result alone to a .blend file, as an asset that can be linked or appended"""

    bl_idname = "turnaround.send_to_file"
    bl_label = "Send to File"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: bpy.props.StringProperty(default="*.blend", options={"HIDDEN"})  # type: ignore[valid-type]
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]
    with_cameras: bpy.props.BoolProperty(name="With Cameras", default=False)  # type: ignore[valid-type]
    as_asset: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="As Asset", description="Mark it, so that an asset library with this file shows it", default=True
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to send."""
        return _poll(cls, context)

    def invoke(self, context: Any, event: Any) -> set[OperatorReturnItems]:
        """Ask where."""
        self.filepath = f"{target_of(context).name}.blend"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Write a collection with the result's objects and all that they need."""
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".blend"))
        if bpy.data.filepath and path.resolve() == Path(bpy.data.filepath).resolve():
            self.report({"ERROR"}, "This file is open: choose another, or save it as usual.")
            return {"CANCELLED"}
        try:
            write(target_of(context), path, self.with_cameras, self.as_asset)
        except (OSError, RuntimeError) as error:
            self.report({"ERROR"}, f"{path} cannot be written: {error}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {path.name}.")
        return {"FINISHED"}


def write(root: Any, path: Path, with_cameras: bool, as_asset: bool) -> None:
    """Write the result of ``root`` to ``path``, in a collection of its name. Raises ``OSError`` or ``RuntimeError``."""
    wanted = root.name
    namesake = bpy.data.collections.get(wanted)
    if namesake is not None:
        namesake.name = f"{wanted} (kept)"  # until the file is written, which is to have the plain name
    collection = bpy.data.collections.new(wanted)
    try:
        for item in parts_of(root, with_cameras):
            collection.objects.link(item)
        if as_asset:
            mark(collection, root)
        # The scene that the objects stand in is not written, only what the collection needs.
        bpy.data.libraries.write(str(path), {collection}, path_remap="RELATIVE_ALL", fake_user=True, compress=True)
    finally:
        bpy.data.collections.remove(collection)
        if namesake is not None:
            namesake.name = wanted


def mark(item: Any, root: Any) -> None:
    """Make ``item`` an asset, described by the result of ``root``, with the job's picture of it where there is one."""
    item.asset_mark()
    item.asset_data.description = f"Captured: {custom(root, 'capture', root.name)}"
    item.asset_data.tags.new("Turnaround", skip_if_exists=True)
    picture = _picture_in(Path(str(custom(root, "job_folder", ""))))
    context: Any = bpy.context
    if picture is not None:
        with context.temp_override(id=item):
            bpy.ops.ed.lib_id_load_custom_preview(filepath=str(picture))
    elif not bpy.app.background:
        item.asset_generate_preview()


def _picture_in(job: Path) -> Path | None:
    """The picture of a job that shows the object alone: a render of it, else a cutout, else what the job shows."""
    cutouts = sorted((job / "03_cutouts").glob("*.png"))[:1]
    candidates = (job / "07_export" / "render_000.png", *cutouts, job / "07_export" / "preview.png")
    return next((path for path in candidates if path.is_file()), None)


def _mesh_of(root: Any) -> Any:
    """The result's mesh, or None."""
    return next((child for child in root.children if custom(child, "turnaround_kind") == "mesh"), None)


def _coarser(context: Any, source: Any, ratio: float, level: int) -> Any:
    """A copy of ``source`` with this share of its triangles, its colours and UV maps carried along."""
    made = source.copy()
    made.data = source.data.copy()
    made.name = made.data.name = f"{source.name} LOD{level}"
    made[_LEVEL], made["turnaround_kind"] = level, f"mesh LOD{level}"
    source.users_collection[0].objects.link(made)
    modifier = made.modifiers.new("Turnaround LOD", "DECIMATE")
    modifier.ratio = ratio
    with context.temp_override(object=made, active_object=made, selected_objects=[made]):
        bpy.ops.object.modifier_apply(modifier=modifier.name)
    return made
