# SPDX-License-Identifier: GPL-3.0-or-later
"""Find or make the objects of a job, so that a second import updates what the first one made.

An object is known by two custom properties, the job and its kind (for a camera also the frame), never by its name: the
user may rename, move, re-parent, add modifiers and materials, and all of that is kept. Only objects of the current
scene count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..compat import custom
from .result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

JOB, KIND, FRAME = "turnaround_job", "turnaround_kind", "turnaround_frame"


class Place:
    """One job in one scene: its collection, its root empty and its objects by (kind, frame)."""

    def __init__(self, scene: bpy.types.Scene, result: Result) -> None:
        self.scene = scene
        self.result = result
        self.objects: dict[tuple[str, str], bpy.types.Object] = {}
        self.replaced: list[str] = []
        """What users had made on geometry that the job has other vertices for now."""
        # By name, so that a copy made by the user (".001") does not take the original's place.
        for item in sorted(scene.objects, key=lambda o: o.name):
            if custom(item, JOB) == result.job:
                self.objects.setdefault((custom(item, KIND, ""), custom(item, FRAME, "")), item)
        self.is_new = ("root", "") not in self.objects
        self.collection = self._collection()
        self.root = self.ensure("root", lambda: None)[0]
        self._describe()

    def ensure(
        self, kind: str, make_data: Callable[[], bpy.types.ID | None], frame: str = "", label: str = ""
    ) -> tuple[bpy.types.Object, bool]:
        """The object of this kind (and frame), and whether it had to be made; ``make_data`` is called only then."""
        found = self.objects.get((kind, frame))
        if found is not None:
            return found, False
        name = label or (self.result.name if kind == "root" else f"{self.result.name} {kind}")
        item = bpy.data.objects.new(name, make_data())
        item[JOB], item[KIND] = self.result.job, kind
        if frame:
            item[FRAME] = frame
        self.collection.objects.link(item)
        if kind != "root":
            item.parent = self.root
        self.objects[kind, frame] = item
        return item, True

    def remove_cameras_except(self, frames: set[str]) -> None:
        """Take away cameras of frames that the job no longer has."""
        for (kind, frame), item in list(self.objects.items()):
            if kind == "camera" and frame not in frames:
                data = item.data
                bpy.data.objects.remove(item)
                if isinstance(data, bpy.types.Camera) and not data.users:
                    bpy.data.cameras.remove(data)
                del self.objects[kind, frame]

    def _collection(self) -> bpy.types.Collection:
        """The job's collection in this scene, made where there is none."""
        root = self.objects.get(("root", ""))
        for collection in [*self.scene.collection.children_recursive, self.scene.collection]:
            if custom(collection, JOB) == self.result.job:
                return collection
        if root is not None and root.users_collection:
            return root.users_collection[0]
        collection = bpy.data.collections.new(self.result.name)
        collection[JOB] = self.result.job
        self.scene.collection.children.link(collection)
        return collection

    def _describe(self) -> None:
        """Write on the root what a script, or a person, may ask later."""
        root, result = self.root, self.result
        root["job_folder"] = str(result.folder)
        root["unit"] = result.unit
        root["metres_per_unit"] = float(result.metres_per_unit or 0.0)
        root["capture"] = result.name
        if self.is_new:
            root.empty_display_type = "PLAIN_AXES"
            root.empty_display_size = 0.1
