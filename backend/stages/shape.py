# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface of an object of which there is one picture, or a few: guessed by a network, or a relief.

Writes what ``hull`` and ``surface`` write. The best method that can run does, and the result says which: TripoSR where
its checkpoint is installed; else a relief, whose front is a depth network's where one is installed, or the silhouette
inflated. A relief is true where the picture looks and made up behind; its back mirrors the front.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..images import read_grey, read_rgb, read_rgba, write_image
from ..mesh.rendering import depth_and_face
from ..mesh.simplify import simplified
from ..mesh.triangles import Mesh, area, volume
from ..models import store
from ..records import Camera, Cameras, Frames, Mask, Masks
from ..relief import depth, front, solid, viewing
from ..relief.inflate import inflate
from ..stage import Context
from ..workspace import write_json

if TYPE_CHECKING:
    from ..tsr.field import Field

NAME = "shape"
VERSION = 2
INPUTS = ("frames", "masks", "cameras", "masks_refined", "cutouts")
OUTPUTS = ("mesh.ply", "dense.ply", "surface.json")
SPEC: tuple[str, ...] = ("device",)
MODELS = ("single_image", "depth")

_RELIEF_SIDE = 320
"""Most cells along a relief: what it shows between pixels is made up."""

_RIM = 0.004
"""Depth of the rim whose colours are not taken, over the picture's longer side: they are mixed with what was behind."""

_HINTS = {
    "triposr": "`turnaround models install triposr` (1.7 GB) brings a network that guesses the sides nobody saw.",
    "depth": "`turnaround models install depth-anything-v2-small` (99 MB) brings a front with true depth.",
}
_NAMES = {"triposr": "TripoSR", "depth": "relief by depth", "silhouette": "relief by silhouette"}
_COMMENT = "sRGB vertex colours; z up, relative unit"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Rows of ``protocol.OPTIONS``."""

    method: str = "auto"  # auto, triposr, depth, silhouette
    model: str = "auto"  # TripoSR's checkpoint: the installed one, or a file
    resolution: int = 256  # cells along the box, 32 to 1024; 64 times a power of 2 for TripoSR
    triangles: int = 50_000  # most triangles, 0: keep all
    thickness: float = 0.7  # of a relief, 0.05 to 3; 1 makes a disc a ball
    combine: str = "visible"  # how several pictures are joined: visible, average, first
    views: int = 30  # pictures of the result all around, for splats to learn from; 0 to 360
    view_side: int = 256  # px, side of these, 32 to 2048


def run(context: Context) -> None:
    """Write ``mesh.ply`` and ``dense.ply`` (world of ``cameras.json``), ``surface.json`` and, by TripoSR, ``views``."""
    dense, method = _made(context)
    context.progress(0.9, "Reducing the mesh")
    mesh = simplified(dense, max(context.options.triangles, 4)) if context.options.triangles else dense
    dense.save(context.output / "dense.ply", f"{_NAMES[method]}; {_COMMENT}")
    mesh.save(context.output / "mesh.ply", f"{_NAMES[method]}; {_COMMENT}")
    camera, mask = _first(context)
    context.facts.method = _NAMES[method]
    context.facts.details |= {
        "made_by": method,
        "own_colours": True,
        "vertices": len(mesh.vertices),
        "triangles": len(mesh.faces),
        "triangles_dense": len(dense.faces),
        "volume": volume(mesh.vertices, mesh.faces),
        "area": area(mesh.vertices, mesh.faces),
        "silhouette_iou": _overlap(dense, camera, mask),
    }
    write_json(context.output / "surface.json", context.facts.details)


def _made(context: Context) -> tuple[Mesh, str]:
    """The dense mesh, and the method that made it; every method that could not is named."""
    wanted = context.options.method
    ways = ["triposr", "depth", "silhouette"] if wanted == "auto" else [wanted]
    reasons: list[tuple[str, str]] = []
    for way in ways:
        reason = _missing(context, way)
        if not reason:
            try:
                mesh = {"triposr": _triposr, "depth": _by_depth, "silhouette": _by_silhouette}[way](context)
            except ValueError as error:
                if way == ways[-1]:
                    raise context.error("surface_empty", f"{_NAMES[way]}: {error}.", "Look at the mask.") from error
                reason = str(error)
            else:
                for name, why in reasons:
                    context.fallback(_NAMES[way], _NAMES[name], why, _HINTS[name])
                return mesh, way
        reasons.append((way, reason))
    raise context.error("model_missing", f"{_NAMES[wanted]} cannot run: {reasons[-1][1]}.", _HINTS.get(wanted, ""))


def _missing(context: Context, way: str) -> str:
    """What keeps ``way`` from running here; "" where nothing does."""
    if way == "triposr":
        if importlib.util.find_spec("torch") is None:
            return "torch is not installed"
        path = _checkpoint(context)
        return "" if path.is_file() else "its checkpoint is not installed"
    if way == "depth":
        return depth.missing() if store.best("depth") else "no network for depth is installed"
    return ""


def _checkpoint(context: Context) -> Path:
    """Where TripoSR's checkpoint lies or would lie."""
    if context.options.model != "auto":
        path = Path(context.options.model).expanduser()
        if not path.is_file():
            raise context.error("model_missing", f"There is no checkpoint {path}.", "Give shape.model a file.")
        return path
    model = store.best("single_image")
    return store.path_of(model) if model else store.folder() / "none"


def _first(context: Context) -> tuple[Camera, np.ndarray]:
    """The first picture's camera and final mask (H, W) uint8."""
    camera = Cameras.load(context.folder("cameras")).cameras[0]
    folder = context.folder("masks_refined")
    return camera, read_grey(folder / Masks.load(folder).named()[camera.name].image)


def _cutouts(context: Context) -> list[np.ndarray]:
    """All pictures (H, W, 4) uint8, the first one first; those without a camera under their first masks."""
    frames, masks = context.folder("frames"), context.folder("masks")
    named, found = Masks.load(masks).named(), []
    for frame in Frames.load(frames).frames:
        ready = context.folder("cutouts") / f"{frame.name}.png"
        if ready.exists():
            found.append(read_rgba(ready))
        else:
            found.append(np.dstack([read_rgb(frames / frame.image), read_grey(masks / named[frame.name].image)]))
    return found


def _triposr(context: Context) -> Mesh:
    """The network's guess, placed so that it fills the silhouette."""
    from ..geometry import apply
    from ..tsr import placing, shaping

    options: Options = context.options
    clock = [time.perf_counter()]
    cutouts = _cutouts(context)
    cameras = Cameras.load(context.folder("cameras"))
    azimuths = [_azimuth(camera, cameras.cameras[0]) for camera in cameras.cameras]
    found = shaping.guess(
        _checkpoint(context), cutouts, azimuths, options.combine, context.device,
        lambda share, what: context.progress(0.5 * share, what),
    )  # fmt: skip
    context.progress(0.5, "Building the mesh")
    clock.append(time.perf_counter())
    camera, mask = _first(context)
    rows, columns = np.nonzero(mask > 127)
    box = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]], np.float64)
    start = placing.world_from_model(camera, cameras.box.mean(axis=0), found.square)
    side = 64 << max(0, int(np.log2(max(options.resolution, 64) / 64)))
    mesh, similarity = shaping.surface(found.field, side, lambda v: placing.fitted(start, v, camera, box))
    middle = apply(similarity, np.zeros((1, 3)))[0]
    context.facts.details |= {
        "pictures": len(cutouts),
        "combined": options.combine if len(cutouts) > 1 else "",
        "azimuths": [round(a, 1) for a in found.azimuths],
        "cells": side,
        "distance_over_assumed": float(
            np.linalg.norm(middle - camera.centre) / np.linalg.norm(start[:3, 3] - camera.centre)
        ),
    }
    clock.append(time.perf_counter())
    _write_views(context, found.field, similarity)
    clock.append(time.perf_counter())
    context.facts.details["seconds"] = {
        part: round(after - before, 3)
        for part, before, after in zip(("codes", "mesh", "views"), clock, clock[1:], strict=False)
    }
    return mesh


def _azimuth(camera: Camera, first: Camera) -> float:
    """Degrees about z from the first camera to ``camera``."""
    turn = camera.cam_from_world[:3, :3].T @ first.cam_from_world[:3, :3]
    return float(np.degrees(np.arctan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1]))) % 360


def _write_views(context: Context, field: Field, world_from_model: np.ndarray) -> None:
    """Pictures of the field all around, with cameras and masks in ``views``: what splats learn from."""
    from ..tsr import occupancy, shaping

    if not context.options.views:
        return
    folder = context.output / "views"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    where = occupancy.occupied(field)
    cameras, masks = [], []
    for k, camera in enumerate(shaping.view_cameras(context.options.views, context.options.view_side)):
        context.progress(0.6 + 0.3 * k / context.options.views, "Looking at it from all sides")
        rgba, name = shaping.drawn(field, camera, where), f"view_{k:03d}"
        cameras.append(shaping.in_world(camera, name, world_from_model))
        write_image(folder / cameras[-1].image, np.ascontiguousarray(rgba[..., :3]))
        write_image(folder / "masks" / f"{name}.png", np.ascontiguousarray(rgba[..., 3]))
        masks.append(Mask(name=name, image=f"{name}.png", confidence=1.0, method="rendered"))
    Cameras(cameras=cameras, up_from="assumed").save(folder)
    Masks(masks=masks, method="rendered").save(folder / "masks")


def _by_silhouette(context: Context) -> Mesh:
    """The silhouette inflated: symmetric."""
    return _relief(context, None)


def _by_depth(context: Context) -> Mesh:
    """The front as a depth network sees it, closed behind."""
    model = store.best("depth")
    if model is None:
        raise ValueError("expected a network for depth, got none")
    network = depth.Depth(store.path_of(model), model.setting("mean"), model.setting("deviation"), context.device)
    context.facts.details["network"] = model.name
    return _relief(context, network)


def _relief(context: Context, network: depth.Depth | None) -> Mesh:
    """A closed body over the first picture's silhouette, coloured by the picture in front and behind."""
    options: Options = context.options
    camera, mask = _first(context)
    rgba = read_rgba(context.folder("cutouts") / f"{camera.name}.png")
    if (count := len(Frames.load(context.folder("frames")).frames)) > 1:
        message = f"A relief is made of one picture: {count - 1} of {count} were not used."
        context.warn("pictures_unused", message, _HINTS["triposr"])
    context.progress(0.1, "Inflating the silhouette")
    grid = inflate(mask, min(options.resolution, _RELIEF_SIDE))
    if network is None:
        vertices, faces = solid.inflated_body(grid, options.thickness)
    else:
        context.progress(0.3, "Asking the depth network")
        near = _nearness(network, read_rgb(context.folder("cameras") / camera.image), mask)
        vertices, faces = solid.fronted_body(grid, *front.front_and_back(near, mask, grid, options.thickness))
    context.progress(0.6, "Building the mesh")
    away = Cameras.load(context.folder("cameras")).box.mean(axis=0) - camera.centre
    middle = viewing.middle_ray(camera.K, mask)
    distance = float(away @ camera.cam_from_world[:3, :3].T @ middle)
    points = solid.in_camera(grid, vertices, camera.K, middle, distance)
    colours = _colours(rgba, grid.pixels(vertices[:, 0], vertices[:, 1]))
    rotation, shift = camera.cam_from_world[:3, :3], camera.cam_from_world[:3, 3]
    return Mesh((points - shift) @ rotation, faces, colours)


def _nearness(network: depth.Depth, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The network's answer (H, W) for the object's surroundings; the mean elsewhere."""
    rows, columns = np.nonzero(mask > 127)
    edge = int(0.15 * max(np.ptp(rows), np.ptp(columns))) + 1
    top, left = max(0, int(rows.min()) - edge), max(0, int(columns.min()) - edge)
    part = picture[top : rows.max() + 1 + edge, left : columns.max() + 1 + edge]
    near = network.nearness(np.ascontiguousarray(part))
    whole = np.full(mask.shape, near.mean(), np.float32)
    whole[top : top + part.shape[0], left : left + part.shape[1]] = near
    return whole


def _colours(rgba: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Colours (N, 3) uint8 of the cutout ``rgba`` (H, W, 4) at ``pixels`` (N, 2), from inside its rim."""
    width = 2 * max(2, round(_RIM * max(rgba.shape))) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    opaque = _or_thin(cv2.erode((rgba[..., 3] > 250).astype(np.uint8), disc), rgba[..., 3])
    if not opaque.any():
        opaque = (rgba[..., 3] > 0).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(1 - opaque, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    table[labels[opaque > 0]] = rgba[opaque > 0, :3]
    filled = np.where(opaque[..., None] > 0, rgba[..., :3], table[labels])
    where = (pixels - 0.5).astype(np.float32)
    out = np.zeros((len(where), 3), np.uint8)
    for first in range(0, len(where), 30_000):  # OpenCV's maps are at most 32767 long
        part = where[None, first : first + 30_000]
        seen = cv2.remap(filled, part[..., 0], part[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[first : first + 30_000] = seen[0]
    return out


def _or_thin(inner: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``inner`` (H, W) uint8 and, of parts so thin that it has nothing of them, their most opaque middle."""
    depth = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 5)
    ridge = (depth > 0) & (depth >= cv2.dilate(depth, np.ones((5, 5), np.uint8))) & (alpha > 200)
    return np.maximum(inner, ridge.astype(np.uint8))


def _overlap(mesh: Mesh, camera: Camera, mask: np.ndarray) -> float:
    """Intersection over union of the mesh's silhouette and the mask, through the picture's camera."""
    covered = depth_and_face(mesh, camera)[1] >= 0
    solid_part = mask > 127
    return round(float((covered & solid_part).sum() / max((covered | solid_part).sum(), 1)), 4)
