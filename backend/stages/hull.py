# SPDX-License-Identifier: GPL-3.0-or-later
"""A first surface: the visual hull of the final masks as a closed mesh, coloured from the photos.

Carved twice: coarsely, to find where the object is and which masks the others contradict, then finely. See
``kernels/carving.py`` for how masks are weighed and ``backend/mesh/`` for grid, marching cubes and colours.
Hollows that no silhouette shows stay filled: that is what a visual hull is. A box of the object that came with given
cameras bounds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..camera_files.region import planes_of, read_region
from ..mesh import carving, hull
from ..mesh.capping import unseen_cap
from ..mesh.carving import Silhouette
from ..mesh.painting import colour_vertices
from ..mesh.triangles import Mesh, area, volume
from ..records import Cameras
from ..stage import Context
from ..workspace import write_json

NAME = "hull"
VERSION = 6
INPUTS = ("cameras", "masks_refined")
OUTPUTS = ("mesh.ply", "hull.json")
SPEC: tuple[str, ...] = ("hold_out", "cameras")

_COARSE = 64
"""Voxels along the longest side of the first grid."""

_ENLARGE = 0.15
"""Share of the box's longest side that is added on each side before the first carving."""

_GROWTH = 0.4
"""Share of the grid's longest side that is added on each side when the object reaches beyond it."""

_FIRST_DOUBT = 0.15
"""Share of the masks' weight that may be overruled in the first carving, before anything is known about them."""

_DISTRUST = 0.05
"""Share of the coarse hull that a mask must wrongly cut away for its weight to drop to a half."""

_LEAST_TRUST = 0.25
"""Share of the median weight below which a mask is left out of the second carving."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the hull is carved."""

    resolution: int = 176  # voxels along the object's longest side, at least, 32 to 512
    finest: int = 320  # the same at most, where the photos show that much, 32 to 512
    doubt: float = 0.04  # share of the masks' weight that may be overruled at a point, 0 (strict hull) to 0.5
    margin: float = 0.03  # how deep, in object diagonals, a mask must contradict the others, 0.005 to 0.2
    least_seen: float = 0.3  # share of the masks' weight that must have a point in view, 0 to 1
    least_island: float = 0.05  # parts smaller than this share of the largest are removed, 0 to 1
    close_base: bool = True  # cut at the ground when no camera looks from below, else across a side nobody saw


def run(context: Context) -> None:
    """Write ``mesh.ply`` (world of ``cameras.json``, relative unit) and ``hull.json``."""
    options: Options = context.options
    cameras = Cameras.load(context.folder("cameras"), context.spec.hold_out)
    resolution = carving.voxels(cameras, options.resolution, options.finest)
    used = _silhouettes(context, cameras, resolution)
    close_base = options.close_base and all(s.camera.centre[2] > 0 for s in used)
    bounds = _bounds(context, cameras, close_base)
    box, weights = _first_carving(context, cameras, used, bounds)
    grid = hull.Grid.over(box, float((box[1] - box[0]).max()) / resolution)
    views = carving.views_of(used, weights, options.margin, options.doubt, options.least_seen)
    context.log.info("carving %s voxels of %.4f from %d masks", grid.shape, grid.step, len(used))
    field = hull.field_of(grid, views, lambda share: context.progress(0.3 + 0.3 * share, "Carving"))
    hull.cut_beyond(field, grid, bounds)
    inside, islands = hull.keep_object(field, options.least_island)
    if not inside.any():
        raise _empty(context, len(bounds) > 1)
    mesh, seen = _coloured(context, cameras, hull.mesh_of(field, inside, grid), 0.6)
    # On the ground an object may be round below; hanging in the air, what nobody saw is cut as if it had stood there.
    plane = unseen_cap(mesh, seen, 2 * grid.step) if options.close_base and not close_base else None
    if plane is not None:
        hull.cut_beyond(field, grid, plane[None])
        inside, _ = hull.keep_object(field, options.least_island)
        mesh, seen = _coloured(context, cameras, hull.mesh_of(field, inside, grid), 0.8)
    mesh.save(context.output / "mesh.ply", "visual hull; sRGB vertex colours; z up, relative unit")
    context.facts.method = "visual-hull"
    context.facts.details = _facts(mesh, grid, seen, islands, close_base)
    context.facts.details["bounds"] = [*bounds.tolist(), *([] if plane is None else [plane.tolist()])]
    context.facts.details["cut_flat"] = plane is not None
    context.facts.details["weights"] = {s.camera.name: round(float(w), 3) for s, w in zip(used, weights, strict=True)}
    context.facts.details |= {"margin": options.margin, "doubt": options.doubt, "least_seen": options.least_seen}
    write_json(context.output / "hull.json", context.facts.details)


def _coloured(context: Context, cameras: Cameras, mesh: Mesh, done: float) -> tuple[Mesh, np.ndarray]:
    """``mesh`` with colours, and which of its vertices (N,) bool a photo sees."""
    seen = colour_vertices(
        mesh, cameras, context.folder("cameras"), context.folder("masks_refined"),
        lambda share: context.progress(done + 0.18 * share, "Colouring the mesh"),
    )  # fmt: skip
    return mesh, seen


def _silhouettes(context: Context, cameras: Cameras, resolution: int) -> list[Silhouette]:
    """The cameras that have a mask with something in it."""
    used, empty = carving.read_silhouettes(
        cameras, context.folder("masks_refined"), resolution,
        lambda share: context.progress(0.15 * share, "Reading the masks"),
    )  # fmt: skip
    if empty:
        context.warn("mask_empty", f"The masks of {', '.join(empty)} are empty and were left out of the carving.")
    if len(used) < 2:
        raise context.error(
            "surface_empty",
            f"Only {len(used)} of {len(cameras.cameras)} cameras have a mask with the object in it.",
            "Mark the object on more photos.",
        )
    return used


def _bounds(context: Context, cameras: Cameras, close_base: bool) -> np.ndarray:
    """Planes (P, 4) of the world, n x <= d inside: the ground, and the box that came with the cameras, if any."""
    bounds = np.array([[0.0, 0.0, -1.0, 0.0]] if close_base else []).reshape(-1, 4)
    try:
        box = read_region(Path(context.spec.cameras)) if context.spec.cameras else None
    except ValueError as error:
        context.warn("region_unread", f"The object's box was not used: {error}.", "Correct it or leave it out.")
        box = None
    return bounds if box is None else np.concatenate([bounds, planes_of(box, cameras.world_from_sfm)])


def _first_carving(
    context: Context,
    cameras: Cameras,
    used: list[Silhouette],
    bounds: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The box (2, 3) the object really fills, and what each mask weighs after the others had their say."""
    options: Options = context.options
    confidences = np.array([s.confidence for s in used])
    side = float((cameras.box[1] - cameras.box[0]).max())
    first = np.stack([cameras.box[0] - _ENLARGE * side, cameras.box[1] + _ENLARGE * side])
    box, weights, touched = first, confidences, []
    for attempt in range(3):
        context.progress(0.15 + 0.05 * attempt, "Finding the object")
        grid = hull.Grid.over(box, float((box[1] - box[0]).max()) / _COARSE)
        views = carving.views_of(used, confidences, options.margin, _FIRST_DOUBT, options.least_seen)
        field = hull.field_of(grid, views, lambda share: context.progress(0.2, "Finding the object"))
        hull.cut_beyond(field, grid, bounds)
        inside, _ = hull.keep_object(field, options.least_island)
        if not inside.any():
            raise _empty(context, len(bounds) > 1)
        weights = _trusted(confidences * _agreement(inside, grid, used, options.margin))
        touched = hull.touched_sides(np.where(inside, field, -1.0))
        if not touched:
            break
        further = _GROWTH * float((box[1] - box[0]).max())
        box = np.stack([box[0] - further, box[1] + further])
    else:
        context.warn(
            "surface_open",
            f"The masks leave the object open towards {', '.join(touched)}; it was cut off there.",
            "Photos from more sides close it.",
        )
        return first, weights
    if box is not first:
        context.warn("box_enlarged", "The object was larger than the box found with the cameras; the box was enlarged.")
    filled = hull.occupied_box(inside, grid)
    return np.stack([filled[0] - 2 * grid.step, filled[1] + 2 * grid.step]), weights


def _agreement(inside: np.ndarray, grid: hull.Grid, used: list[Silhouette], margin: float) -> np.ndarray:
    """How far (V,), 0 to 1, each mask agrees with the coarse hull: low where it cuts deep into what others keep."""
    points = grid.origin + grid.step * np.argwhere(inside)
    shares = []
    for silhouette in used:
        camera = silhouette.camera
        pixels, depth = camera.project(points)
        in_view = (depth > 0) & (pixels >= 0).all(axis=1)
        in_view &= (pixels[:, 0] < camera.width) & (pixels[:, 1] < camera.height)
        column, row = (pixels[in_view] / silhouette.factor).astype(int).T
        off = silhouette.distance[row, column] * depth[in_view] / camera.K[0, 0]
        shares.append(float((off < -margin).mean()) if len(off) else 0.0)
    return 1.0 / (1.0 + (np.array(shares) / _DISTRUST) ** 2)


def _trusted(weights: np.ndarray) -> np.ndarray:
    """Leave out the masks (weight 0) that are believed much less than most: near the rim they would still nibble."""
    return np.where(weights < _LEAST_TRUST * np.median(weights), 0.0, weights)


def _facts(mesh: Mesh, grid: hull.Grid, seen: np.ndarray, islands: int, close_base: bool) -> dict:
    """What ``hull.json`` says, in the world's unit."""
    import trimesh

    plain = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    return {
        "vertices": len(mesh.vertices),
        "triangles": len(mesh.faces),
        "watertight": bool(plain.is_watertight),
        "volume": volume(mesh.vertices, mesh.faces),
        "area": area(mesh.vertices, mesh.faces),
        "voxel": grid.step,
        "grid": list(grid.shape),
        "vertices_unseen": int((~seen).sum()),
        "islands_removed": islands,
        "base_closed_at_ground": close_base,
        "box": [mesh.vertices.min(axis=0).tolist(), mesh.vertices.max(axis=0).tolist()],
    }


def _empty(context: Context, boxed: bool) -> Exception:
    """The error of masks that have nothing in common, or not within the box that came with the cameras."""
    where = " within the box that came with them" if boxed else ""
    hint = "Look at the masks and mark the object again where they are wrong"
    return context.error(
        "surface_empty",
        f"The masks and the cameras leave nothing in common{where}: no place lies inside the object on enough photos.",
        f"{hint}, and see whether the box is the object's." if boxed else f"{hint}.",
    )
