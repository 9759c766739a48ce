# SPDX-License-Identifier: GPL-3.0-or-later
"""One camera that passes through all cameras of a capture, key by key: a match-move of a video, a turntable of photos.

Between two keys the place runs in a straight line and the direction on the shortest arc. Pictures of a video are named
by their number in it (``clip_000123``), so its keys stand as far apart as the pictures do.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import bpy

from .adjusting import target_of
from .compat import custom, fcurves_of

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_PATH = "camera_path"
_STEP = 10
"""Frames from one photo to the next."""


def cameras_of(root: Any) -> list[Any]:
    """The cameras of a result's frames, in the order of the frames' names."""
    found = [child for child in root.children if custom(child, "turnaround_kind") == "camera"]
    return sorted(found, key=lambda item: str(custom(item, "turnaround_frame")))


def key_frames(names: list[str], start: int, speed: float = 1.0) -> list[int]:
    """Scene frames for the frames called ``names`` (sorted): a video's by their numbers, photos ten apart."""
    numbers = [re.fullmatch(r"(.+)_(\d{6})", name) for name in names]
    film = {match[1] for match in numbers if match}
    if len(film) == 1 and all(numbers):
        first = int(numbers[0][2])  # type: ignore[index]
        times = [start + round((int(match[2]) - first) / speed) for match in numbers if match]
    else:
        times = [start + i * round(_STEP / speed) for i in range(len(names))]
    if any(later <= sooner for sooner, later in pairwise(times)):
        raise ValueError("Two pictures would fall on one frame: choose a lower speed.")
    return times


class TURNAROUND_OT_animate_camera(bpy.types.Operator):  # noqa: N801 - Blender's naming rule
    """Make one camera that moves as the capture's did, from picture to picture"""

    bl_idname = "turnaround.animate_camera"
    bl_label = "Animated Camera"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads a plain set

    start: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Start", description="Frame of the first picture", default=1
    )
    speed: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Speed", description="1: as the video runs, or ten frames a photo", default=1.0, min=0.05, max=10.0
    )
    set_range: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Set Scene", description="Make it the scene's camera, with its render size and its frames", default=True
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say why there is nothing to pass through."""
        root = target_of(context)
        if root is None or len(cameras_of(root)) < 2:
            cls.poll_message_set("Import a result with its cameras first.")
            return False
        return True

    def execute(self, context: Any) -> set[OperatorReturnItems]:
        """Make the camera, or key the one that is there again."""
        from .importer.cameras import look_through

        root, scene = target_of(context), context.scene
        cameras = cameras_of(root)
        try:
            times = key_frames([str(custom(item, "turnaround_frame")) for item in cameras], self.start, self.speed)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        moving = _moving(root, cameras[0])
        _key(moving, cameras, times)
        if self.set_range:
            look_through(scene, moving)
            scene.frame_start, scene.frame_end = times[0], times[-1]
            scene.frame_set(times[0])
        self.report({"INFO"}, f"{len(cameras)} pictures, frames {times[0]} to {times[-1]}.")
        return {"FINISHED"}


def _moving(root: Any, first: Any) -> Any:
    """The moving camera below ``root``, without keys; made like ``first`` where there is none."""
    item: Any = next((child for child in root.children if custom(child, "turnaround_kind") == _PATH), None)
    if item is None:
        item = bpy.data.objects.new(f"{root.name} camera path", first.data.copy())
        # Each photo belongs to one place only.
        item.data.background_images.clear()
        item["turnaround_kind"] = _PATH
        for key in ("turnaround_size", "turnaround_pixel_aspect"):
            item[key] = custom(first, key)
        root.users_collection[0].objects.link(item)
        item.parent = root
    item.animation_data_clear()
    item.data.animation_data_clear()
    return item


def _key(moving: Any, cameras: list[Any], times: list[int]) -> None:
    """Key place, direction and lens of each of ``cameras`` at its time."""
    moving.rotation_mode = "QUATERNION"
    before = None
    for camera, time in zip(cameras, times, strict=True):
        place, turn, _ = camera.matrix_basis.decompose()
        if before is not None and before.dot(turn) < 0:
            turn.negate()  # the same direction, reached by the shorter arc
        before = turn
        moving.location, moving.rotation_quaternion = place, turn
        moving.keyframe_insert("location", frame=time)
        moving.keyframe_insert("rotation_quaternion", frame=time)
        for name in ("lens", "shift_x", "shift_y"):
            setattr(moving.data, name, getattr(camera.data, name))
            moving.data.keyframe_insert(name, frame=time)
    for owner in (moving, moving.data):
        for curve in fcurves_of(owner):
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"
