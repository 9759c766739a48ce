# SPDX-License-Identifier: GPL-3.0-or-later
"""The object's surface: the visual hull pressed in to where the photos agree, closed, and reduced as its use allows.

Photos are compared along the hull, the depths on which they agree fused within it (``backend/fusion/``). Where photos
say nothing, as under the object or on a plain wall, the hull stays. Held-out photos are not looked at. Where no
photos can be compared, or the result is no body any more, the hull itself is delivered, and the result says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fusion.blocks import Blocks
from ..fusion.photos import Photo, neighbours, read_photo
from ..fusion.refine import NEIGHBOURS, ROUNDS, Refined, refine, scaled
from ..mesh import carving
from ..mesh.capping import inside_plane
from ..mesh.cleaning import folded_share, is_closed
from ..mesh.contradiction import Contradiction, contradiction
from ..mesh.painting import colour_vertices
from ..mesh.simplify import simplified
from ..mesh.triangles import Mesh, area, volume
from ..mesh.untangling import crossed_faces
from ..records import Cameras, Masks
from ..stage import Context
from ..workspace import write_json

NAME = "surface"
VERSION = 12
INPUTS = ("cameras", "masks_refined", "hull")
OUTPUTS = ("mesh.ply", "dense.ply", "surface.json")
SPEC: tuple[str, ...] = ("hold_out",)

_HULL = "visual hull"
_PHOTOS = "photo-consistency within the visual hull"

_PIXELS = (0.8, 0.5)
"""Voxels a pixel covers, by round: photos finer than that are reduced. The second places what the first has found, in
few depths, so that it can afford what the photos have."""

_LEAST_VOLUME = 0.25
"""Share of the hull's volume below which the photos have carved away what silhouettes say is there."""

_MOST_SLACK = 0.02
"""Diagonals by which photos may overrule the masks at most: masks that contradict each other by more are wrong there,
not inexact, and what lies so far beyond them may be the table.
"""

_LEAST_PHOTOS = 3


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the surface is found, and how many triangles it may have."""

    method: str = "auto"  # auto: photos where they can be compared; hull: the silhouettes alone
    triangles: int = 50_000  # the delivered mesh has fewer than these, 0: keep all
    resolution: int = 176  # voxels along the object's longest side, at least, 32 to 512
    finest: int = 320  # the same at most, where the photos show that much, 32 to 512
    rounds: int = 2  # searches, each finer than the one before, 1 or 2
    depth: float = 0.18  # diagonals a hollow may lie deeper than the hull, 0.01 to 0.3
    least_island: float = 0.01  # parts of less than this share of the largest's volume are removed, 0 to 1


def run(context: Context) -> None:
    """Write ``dense.ply``, ``mesh.ply`` (reduced; world of ``cameras.json``, relative unit) and ``surface.json``."""
    hull = Mesh.load(context.folder("hull") / "mesh.ply")
    cameras = Cameras.load(context.folder("cameras"), context.spec.hold_out)
    context.facts.method = _HULL
    dense = hull
    facts: dict[str, Any] = {}
    if context.options.method != "hull":
        found = _refined(context, hull, cameras)
        if found is not None:
            refined, doubt = found
            context.facts.method, dense = _PHOTOS, refined.mesh
            facts = {"photos_heard": round(float((refined.heard > 0).mean()), 4), "islands_removed": refined.islands}
            facts["masks_contradict"] = doubt.most
            seen = colour_vertices(
                dense, cameras, context.folder("cameras"), context.folder("masks_refined"),
                lambda share: context.progress(0.8 + 0.1 * share, "Colouring the mesh"),
            )  # fmt: skip
            facts["vertices_unseen"] = int((~seen).sum())
    context.progress(0.9, "Reducing the mesh")
    mesh = _reduced(context, dense, context.options.triangles)
    dense.save(context.output / "dense.ply", "sRGB vertex colours; z up, relative unit")
    mesh.save(context.output / "mesh.ply", "sRGB vertex colours; z up, relative unit")
    context.facts.details = facts | _facts(mesh, dense)
    context.facts.details["bounds"] = _carved(context)["bounds"]  # for who moves the surface later
    write_json(context.output / "surface.json", context.facts.details)


def _refined(context: Context, hull: Mesh, cameras: Cameras) -> tuple[Refined, Contradiction] | None:
    """The refined surface and how far the masks contradict each other, or None after having said why the hull is
    delivered instead.
    """
    diagonal = float(np.linalg.norm(np.ptp(hull.vertices, axis=0)))
    resolution = carving.voxels(cameras, context.options.resolution, context.options.finest)
    step = float(np.ptp(hull.vertices, axis=0).max()) / resolution
    rounds = scaled(ROUNDS, diagonal, context.options.depth)[: context.options.rounds]
    photos = _photos(context, cameras, [pixel * step for pixel in _PIXELS[: len(rounds)]])
    near = neighbours(photos[0], hull.vertices.mean(axis=0), NEIGHBOURS) if photos[0] else []
    if sum(len(n) >= 2 for n in near) < _LEAST_PHOTOS:
        reason = f"only {sum(len(n) >= 2 for n in near)} photos have two others that look at the same side"
        context.fallback(_HULL, _PHOTOS, reason, "Take photos in smaller steps around the object.")
        return None
    blocks, limit, doubt = _hull_blocks(context, hull, cameras, step, context.options.depth * diagonal)
    slack = min(doubt.most, _MOST_SLACK * diagonal)
    refined = refine(
        hull, blocks, photos, near, rounds, context.options.least_island, slack, limit,
        lambda share, what: context.progress(0.15 + 0.65 * share, what),
    )  # fmt: skip
    left = volume(refined.mesh.vertices, refined.mesh.faces) / max(volume(hull.vertices, hull.faces), 1e-30)
    if left < _LEAST_VOLUME:
        reason = f"the photos agree on {100 * left:.0f} % of the hull's volume only"
        context.fallback(_HULL, _PHOTOS, reason, "Check the cameras: photos that do not fit together cannot agree.")
        return None
    if not is_closed(refined.mesh.faces):
        context.fallback(_HULL, _PHOTOS, "its surface has holes", "Lower the resolution, or take more photos.")
        return None
    return refined, doubt


def _photos(context: Context, cameras: Cameras, pixels: list[float]) -> list[list[Photo]]:
    """The photos that have a camera and a mask with something in it and are not held out, for each of ``pixels``."""
    folder = context.folder("masks_refined")
    named = Masks.load(folder).named()
    usable = [c for c in cameras.cameras if c.name in named]
    kept = [c for c in usable if not c.held_out] or usable
    photos: list[list[Photo]] = [[] for _ in pixels]
    for index, camera in enumerate(kept):
        context.progress(0.08 * index / len(kept), "Reading the photos")
        files = context.folder("cameras") / camera.image, folder / named[camera.name].image
        sizes = [photo for pixel in pixels if (photo := read_photo(camera, *files, pixel)) is not None]
        if len(sizes) == len(pixels):
            for photo, one_size in zip(sizes, photos, strict=True):
                one_size.append(photo)
    return photos


def _hull_blocks(
    context: Context, hull: Mesh, cameras: Cameras, step: float, depth: float
) -> tuple[Blocks, np.ndarray, Contradiction]:
    """The hull's field on blocks near its surface, carved as the hull was; what limits it besides the silhouettes, of
    the same shape; and how far these are to be relied upon.
    """
    carved = _carved(context)
    used, _ = carving.read_silhouettes(
        cameras, context.folder("masks_refined"), round(float(np.ptp(hull.vertices, axis=0).max()) / step),
        lambda share: context.progress(0.08 + 0.05 * share, "Reading the masks"),
    )  # fmt: skip
    weights = np.array([carved["weights"].get(s.camera.name, 0.0) for s in used])
    views = carving.views_of(used, weights, carved["margin"], carved["doubt"], carved["least_seen"])
    box = np.stack([hull.vertices.min(axis=0) - step, hull.vertices.max(axis=0) + step])
    context.progress(0.14, "Carving")
    blocks = Blocks.around_hull(box, step, views, depth)
    limit = np.full_like(blocks.values, np.inf)
    points = blocks.points()
    for plane in carved["bounds"]:
        np.minimum(limit, inside_plane(points, np.array(plane)).reshape(limit.shape), out=limit)
    np.minimum(blocks.values, limit, out=blocks.values)
    return blocks, limit, contradiction(hull, used, weights)


def _carved(context: Context) -> dict:
    """What ``hull.json`` says."""
    return json.loads((context.folder("hull") / "hull.json").read_text(encoding="utf-8"))


def _reduced(context: Context, mesh: Mesh, triangles: int) -> Mesh:
    """``mesh`` with fewer than ``triangles``, 0 for all of them; says so when it could not and stay closed."""
    reduced = simplified(mesh, max(triangles - 1, 4)) if triangles else mesh
    if triangles and len(reduced.faces) > triangles:
        context.warn(
            "surface_not_reduced",
            f"The surface has {len(reduced.faces)} triangles: with fewer than {triangles} it would not be closed.",
            "Ask for more triangles.",
        )
    return reduced


def _facts(mesh: Mesh, dense: Mesh) -> dict:
    """What ``surface.json`` says of the shape, in the world's unit."""
    closed = is_closed(mesh.faces)
    return {
        "vertices": len(mesh.vertices),
        "triangles": len(mesh.faces),
        "triangles_dense": len(dense.faces),
        "volume": volume(mesh.vertices, mesh.faces),
        "area": area(mesh.vertices, mesh.faces),
        "watertight": closed,
        "folded_edges": folded_share(mesh) if closed else None,
        "self_intersections": int(crossed_faces(mesh).sum()),
    }
