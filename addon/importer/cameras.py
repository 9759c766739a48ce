# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras: one a frame, through which the undistorted photo and the scene agree.

``cameras.json``: ``K`` (3, 3) pixels, ``cam_from_world`` (4, 4) with OpenCV axes, ``image`` relative to the file. Lens
and shifts sit on the camera; the size of a render and its pixel aspect belong to Blender's scene, so ``look_through``
sets them for one camera.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..compat import custom
from . import axes
from .placing import Place
from .splat_nodes import camera_changed

_PLACED, _PHOTO = "turnaround_placed", "turnaround_photo"
_SIZE, _ASPECT = "turnaround_size", "turnaround_pixel_aspect"


def import_cameras(path: Path, place: Place) -> list[bpy.types.Object]:
    """Make or update one camera a frame; frames that are gone take their cameras with them."""
    entries = _load(path)
    centres = np.array([axes.world_from_camera(np.array(e["cam_from_world"]))[:3, 3] for e in entries]).reshape(-1, 3)
    # How far cameras stand from the object, which is above the origin: sizes that people see follow from it.
    distance = float(np.median(np.linalg.norm(centres, axis=1))) if len(centres) else 1.0
    items = [_one(entry, path.parent, distance or 1.0, place) for entry in entries]
    place.remove_cameras_except({e["name"] for e in entries})
    return items


def look_through(scene: bpy.types.Scene, item: bpy.types.Object) -> None:
    """Make ``item`` the scene's camera and let renders have the size and the pixel aspect of its photo."""
    if custom(item, _SIZE) is None:
        raise ValueError(f"The camera {item.name!r} was not imported by Turnaround.")
    scene.camera = item
    scene.render.resolution_x, scene.render.resolution_y = (int(v) for v in item[_SIZE])
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = (float(v) for v in item[_ASPECT])
    camera_changed()


def _load(path: Path) -> list[dict[str, Any]]:
    """The cameras of the file; ``ValueError`` says what is missing."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["cameras"]
        for entry in entries:
            if missing := {"name", "image", "width", "height", "K", "cam_from_world"} - set(entry):
                raise ValueError(f"expected {', '.join(sorted(missing))} for each camera of {path}")
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no list of cameras: {error!r}.") from error
    return entries


def _one(entry: dict[str, Any], folder: Path, distance: float, place: Place) -> bpy.types.Object:
    """Make or update the camera of one frame."""
    name = entry["name"]
    item, is_new = place.ensure("camera", lambda: bpy.data.cameras.new(name), frame=name, label=name)
    camera = item.data
    if not isinstance(camera, bpy.types.Camera):
        raise ValueError(f"The object {item.name!r} stands for a camera of this job but is none; delete it first.")
    lens = axes.lens_of(np.array(entry["K"]), entry["width"], entry["height"])
    camera.type = "PERSP"
    # Fixed, not automatic: lens and shifts are then in widths of the photo for portrait and landscape alike.
    camera.sensor_fit = "HORIZONTAL"
    camera.sensor_width = axes.SENSOR_WIDTH
    camera.lens, camera.shift_x, camera.shift_y = lens.lens, lens.shift_x, lens.shift_y
    item[_SIZE] = [int(entry["width"]), int(entry["height"])]
    item[_ASPECT] = [lens.aspect_x, lens.aspect_y]
    if is_new:
        camera.display_size = 0.08 * distance
        camera.clip_start, camera.clip_end = 0.01 * distance, 100.0 * distance
        camera.passepartout_alpha = 0.8
    # A length that became known may have made the world a hundred times larger; the user's own range is only widened.
    camera.clip_start, camera.clip_end = min(camera.clip_start, 0.1 * distance), max(camera.clip_end, 10.0 * distance)
    _stand(item, axes.world_from_camera(np.array(entry["cam_from_world"])))
    _show_photo(camera, (folder / entry["image"]).resolve(), lens)
    return item


def _stand(item: bpy.types.Object, matrix: np.ndarray) -> None:
    """Put the camera where it stood, unless the user has moved it since the last import."""
    placed = custom(item, _PLACED)
    if placed is not None and np.abs(np.array(item.matrix_basis).ravel() - np.array(placed)).max() > 1e-5:
        return
    item.matrix_basis = Matrix(matrix.tolist())
    # Read back: Blender keeps single precision, and location, rotation and scale instead of a matrix.
    item[_PLACED] = np.array(item.matrix_basis).ravel().tolist()


def _show_photo(camera: bpy.types.Camera, path: Path, lens: axes.Lens) -> None:
    """Set the undistorted photo behind the camera; a background that the user added stays."""
    name = str(path)
    image = next((i for i in bpy.data.images if custom(i, _PHOTO) == name), None)
    if image is None:
        if not path.is_file():
            return
        image = bpy.data.images.load(name)
        image[_PHOTO] = name
    else:
        image.reload()
    image.display_aspect = (lens.aspect_x, lens.aspect_y)
    ours = next((b for b in camera.background_images if b.image and custom(b.image, _PHOTO)), None)
    if ours is None:
        ours = camera.background_images.new()
        ours.alpha = 1.0
        ours.display_depth = "BACK"
        # The photo has the shape of the camera's frame, so fitting it inside fills the frame exactly.
        ours.frame_method = "FIT"
        camera.show_background_images = True
    ours.image = image
