# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras for pictures that share no view: assumed, level, at the distance from which the object has its size.

Writes what ``cameras`` writes. The focal length is the file's, else an assumed one; the object's box is as wide and
high as the silhouette and as thick as the silhouette inflated. Of several pictures only those have a camera whose
azimuth is given; the first one's is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..camera_files.colmap_writer import write_model
from ..geometry import transform
from ..images import read_grey, read_rgb, write_image
from ..ply import table, write_ply
from ..records import ASSUMED, Camera, Cameras, Frame, Frames, Masks
from ..relief import solid, viewing
from ..relief.inflate import THICKNESS, inflate
from ..single import MOST
from ..stage import Context

NAME = "assumed_cameras"
VERSION = 1
INPUTS = ("frames", "masks")
OUTPUTS = ("cameras.json", "images", "points.ply", "sparse")
SPEC: tuple[str, ...] = ()

_SIDE = 128
"""Cells along the silhouette: its size and thickness need no more."""

_SMALL = 128
"""Pixels along the object below which little can be made of it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Rows of ``protocol.OPTIONS``."""

    field_of_view: float = 40.0  # degrees along the longer side where the file names no focal length, 5 to 120
    elevation: float = 0.0  # degrees from above, -80 to 80
    azimuths: str = ""  # degrees of all pictures, as 0,90,180; "": only the first is placed


@dataclass(frozen=True)
class View:
    """A picture from a unit's distance: ``outline`` (N, 3), points around the object's middle, world axes."""

    frame: Frame
    K: np.ndarray
    world_from_camera: np.ndarray
    towards: np.ndarray
    outline: np.ndarray


def run(context: Context) -> None:
    """Write the assumed cameras."""
    frames = Frames.load(context.folder("frames")).frames
    if len(frames) > MOST:
        raise context.error(
            "capture_too_many",
            f"There are {len(frames)} pictures; without overlap between them there may be at most {MOST}.",
            "Choose --recipe object_scan for photos or a video of an object from all around.",
        )
    azimuths = _azimuths(context, len(frames))
    masks = Masks.load(context.folder("masks")).named()
    views = []
    for index, (frame, azimuth) in enumerate(zip(frames, azimuths, strict=False)):
        context.progress(0.8 * index / len(azimuths), "Assuming the camera")
        views.append(_view(context, frame, read_grey(context.folder("masks") / masks[frame.name].image), azimuth))
    box, cameras = _placed(views)
    (context.output / "images").mkdir()
    for view, camera in zip(views, cameras, strict=True):
        _copy(context.folder("frames") / view.frame.image, context.output / camera.image)
    _write_no_points(context.output, cameras)
    left = [{"name": f.name, "reason": "its azimuth is not known"} for f in frames[len(azimuths) :]]
    Cameras(cameras=cameras, unregistered=left, box=box, up_from=ASSUMED).save(context.output)
    known = all(view.frame.focal_px for view in views)
    context.facts.method = "assumed, focal length of the file" if known else "assumed"
    context.facts.metrics |= {"frames_used": len(frames), "frames_registered": len(cameras)}
    context.facts.details |= {"elevation": context.options.elevation, "azimuths": azimuths, "focal_known": known}


def _azimuths(context: Context, pictures: int) -> list[float]:
    """The azimuths of the pictures that have one, the first one's 0."""
    text = context.options.azimuths
    if not text.strip():
        return [0.0]
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != pictures or not np.isfinite(found).all():
        raise context.error(
            "bad_request",
            f"assumed_cameras.azimuths should be {pictures} numbers with commas between them, got {text!r}.",
            "Give the azimuth of each picture, counter-clockwise from above, or none.",
        )
    return [a - found[0] for a in found]


def _view(context: Context, frame: Frame, mask: np.ndarray, azimuth: float) -> View:
    """A picture's camera and the inflated silhouette's points, as if from a unit's distance."""
    K = viewing.assumed_k(frame.width, frame.height, frame.focal_px, context.options.field_of_view)
    try:
        grid = inflate(mask, _SIDE)
    except ValueError as error:
        raise context.error(
            "mask_empty", f"On {frame.source} nothing is marked as the object.", "Mark the object on it."
        ) from error
    if grid.step * _SIDE < _SMALL:
        context.warn(
            "picture_small",
            f"The object is only {grid.step * _SIDE:.0f} pixels long on {frame.source}; little can be made of it.",
            "Use a larger picture, or crop less.",
        )
    middle = viewing.middle_ray(K, mask)
    rotation = viewing.world_from_camera(middle, azimuth, context.options.elevation)
    rows, columns = np.nonzero(grid.square > 0)
    half = THICKNESS * grid.half[rows, columns]
    ends = np.concatenate([np.stack([rows, columns, sign * half], axis=1) for sign in (-1, 1)])
    outline = (solid.in_camera(grid, ends, K, middle, 1.0) - middle) @ rotation.T
    return View(frame, K, rotation, rotation @ middle, outline)


def _placed(views: list[View]) -> tuple[np.ndarray, list[Camera]]:
    """The object's box (2, 3), diagonal 1 and ground 0, by the first picture; cameras that see it equally high."""
    first = views[0].outline
    scale = 1.0 / float(np.linalg.norm(np.ptp(first, axis=0)))
    height = float(np.ptp(first[:, 2])) * scale
    shift = -(first.min(axis=0) + first.max(axis=0)) / 2 * scale + [0, 0, height / 2]
    box = np.stack([first.min(axis=0), first.max(axis=0)]) * scale + shift
    cameras = []
    for view in views:
        low, high = view.outline.min(axis=0), view.outline.max(axis=0)
        distance = height / float(high[2] - low[2])
        middle = np.array([0, 0, height / 2]) - (low + high) / 2 * distance
        centre = middle - distance * view.towards
        rotation = view.world_from_camera.T
        suffix = ".png" if Path(view.frame.image).suffix.lower() == ".png" else ".jpg"
        cameras.append(
            Camera(
                name=view.frame.name,
                image=f"images/{view.frame.name}{suffix}",
                width=view.frame.width,
                height=view.frame.height,
                K=view.K,
                cam_from_world=transform(rotation, -rotation @ centre),
            )
        )
    return box, cameras


def _copy(source: Path, target: Path) -> None:
    """Copy a picture, byte for byte where the format stays."""
    if source.suffix.lower() == target.suffix:
        target.write_bytes(source.read_bytes())
    else:
        write_image(target, read_rgb(source))


def _write_no_points(folder: Path, cameras: list[Camera]) -> None:
    """An empty ``points.ply``, and a COLMAP model without points."""
    columns = {axis: np.zeros(0, np.float32) for axis in "xyz"}
    columns |= {name: np.zeros(0, np.uint8) for name in ("red", "green", "blue")}
    write_ply(folder / "points.ply", table(columns))
    nothing = np.zeros(0, np.int64)
    points = np.zeros((0, 3))
    write_model(
        folder / "sparse", cameras, points, points.astype(np.uint8), np.zeros(0), (nothing, nothing, np.zeros((0, 2)))
    )
