# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user takes away: everything in one frame, z up, in metres when a length is known.

A known length is applied here and nowhere else, so that changing it computes nothing again. Files for other programs
keep to those programs' axes and units and say so in their artefact.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ...protocol import Artefact
from ..images import read_grey, read_rgb, write_image
from ..mesh.files import write_glb, write_obj, write_stl
from ..mesh.placing import spread
from ..mesh.rendering import clay, colours_seen
from ..mesh.triangles import Mesh, area
from ..metrics.held_out import View, held_out_views, scores
from ..ply import read_ply, table, write_ply
from ..records import Camera, Cameras, Masks
from ..splat_files import load, save, transform
from ..stage import Context

NAME = "export"
VERSION = 2
INPUTS = ("frames", "masks", "cameras", "masks_refined", "surface", "splats")
OUTPUTS = ("mesh.ply", "cameras.json", "sparse_points.ply", "preview.png")
SPEC: tuple[str, ...] = ("length", "length_of", "deliverables", "seed")

_STL_DIAGONAL_MM = 100.0
"""Diagonal of the STL when no length is known: a size that can be held and printed."""

_ON_OBJECT = 0.9
"""Share of the masks that must show a sparse point inside for it to count as the object's."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is written."""

    points: int = 50_000  # points sampled on the surface for the point cloud, 100 to 5 000 000


def run(context: Context) -> None:
    """Write the deliverables, ``cameras.json``, ``sparse_points.ply`` and ``preview.png``, and list them."""
    cameras = Cameras.load(context.folder("cameras"))
    mesh = Mesh.load(context.folder("surface") / "mesh.ply")
    context.progress(0.0, "Writing the mesh")
    factor, unit = _metres_per_unit(context, cameras, mesh)
    artefacts = _write_mesh(context, mesh, factor, unit)
    context.progress(0.4, "Writing points")
    artefacts += _write_points(context, cameras, mesh, factor, unit)
    if context.has("splats") and "splats" in context.spec.deliverables:
        splats = transform(
            load(context.folder("splats") / "splats.ply", up="z"), np.diag([factor, factor, factor, 1.0])
        )
        save(context.output / "splats.ply", splats, up="z")
        artefacts.append(_artefact(context, "splats", "splats.ply", unit, len(splats)))
    artefacts.append(_write_cameras(context, cameras, factor, unit))
    context.progress(0.7, "Scoring the mesh's colours")
    views = held_out_views(context.folder("cameras"), context.folder("masks_refined"))
    context.facts.metrics = scores(views, lambda camera: colours_seen(mesh, camera)[0], "mesh")
    _write_preview(context, mesh, views, cameras)
    artefacts.append(Artefact(kind="report", path=_path(context, "preview.png"), axes="image", unit="pixels", count=1))
    context.facts.method = "scaled" if unit == "m" else "relative"
    context.facts.details = {
        "unit": unit,
        "metres_per_unit": 1.0 if unit == "m" else None,
        "scale_from_world": factor,
        "artefacts": [asdict(a) for a in artefacts],
    }


def _metres_per_unit(context: Context, cameras: Cameras, mesh: Mesh) -> tuple[float, str]:
    """The factor from the world of ``cameras.json`` to the delivered files, and their unit."""
    extent = mesh.vertices.max(axis=0) - mesh.vertices.min(axis=0)
    if context.spec.length is not None:
        measured = {
            "height": float(extent[2]),
            "longest": float(extent.max()),
            "diagonal": float(np.linalg.norm(extent)),
        }
        return context.spec.length / measured[context.spec.length_of], "m"
    if cameras.metres_per_unit is not None:
        return float(cameras.metres_per_unit), "m"
    return 1.0, "relative"


def _path(context: Context, name: str) -> str:
    """Path of a delivered file, relative to the job folder."""
    return f"{context.workspace.folder(NAME).name}/{name}"


def _artefact(context: Context, kind: str, name: str, unit: str, count: int, axes: str = "z_up") -> Artefact:
    """The record of one delivered file."""
    return Artefact(kind=kind, path=_path(context, name), axes=axes, unit=unit, count=count)


def _write_mesh(context: Context, mesh: Mesh, factor: float, unit: str) -> list[Artefact]:
    """Write ``mesh.ply`` and the mesh files asked for."""
    out, wanted = context.output, context.spec.deliverables
    scaled = Mesh(mesh.vertices * factor, mesh.faces, mesh.colours)
    count = len(mesh.faces)
    scaled.save(out / "mesh.ply", f"sRGB vertex colours; z up, unit {unit}")
    written = [_artefact(context, "mesh", "mesh.ply", unit, count)]
    if "glb" in wanted:
        write_glb(out / "model.glb", scaled, "object")
        written.append(_artefact(context, "model", "model.glb", unit, count, "y_up"))
    if "obj" in wanted:
        context.progress(0.15, "Writing the OBJ")
        write_obj(out / "model.obj", scaled, "object")
        written.append(_artefact(context, "obj", "model.obj", unit, count, "y_up"))
    if "stl" in wanted:
        context.progress(0.3, "Writing the STL")
        millimetres = 1000.0 * factor
        if unit != "m":
            diagonal = float(np.linalg.norm(mesh.vertices.max(axis=0) - mesh.vertices.min(axis=0)))
            millimetres = _STL_DIAGONAL_MM / diagonal
            context.warn(
                "stl_size_unknown",
                f"No length is known: the STL was made {_STL_DIAGONAL_MM:g} mm across its diagonal.",
                "Give the object's length to make it true to size.",
            )
        write_stl(out / "model.stl", Mesh(mesh.vertices * millimetres, mesh.faces))
        written.append(_artefact(context, "stl", "model.stl", "mm", count))
    return written


def _write_points(context: Context, cameras: Cameras, mesh: Mesh, factor: float, unit: str) -> list[Artefact]:
    """Write ``sparse_points.ply`` and, if asked for, ``pointcloud.ply``: points of the surface, then sparse ones."""
    sparse, _ = read_ply(context.folder("cameras") / "points.ply")
    positions = np.stack([sparse["x"], sparse["y"], sparse["z"]], axis=1).astype(np.float64)
    colours = np.stack([sparse["red"], sparse["green"], sparse["blue"]], axis=1)
    columns = _position_columns(positions * factor) | _colour_columns(colours)
    write_ply(context.output / "sparse_points.ply", table(columns), comment=f"z up, unit {unit}")
    written = [_artefact(context, "sparse_points", "sparse_points.ply", unit, len(positions))]
    if "pointcloud" not in context.spec.deliverables:
        return written
    random = np.random.default_rng(context.spec.seed)
    points, normals, face, weights = spread(mesh, context.options.points, random)
    tints = np.einsum("nk,nkc->nc", weights, mesh.colours[mesh.faces[face]].astype(np.float64))
    kept = _on_object(context, cameras, mesh, positions)
    everything = np.concatenate([points, positions[kept]])
    all_colours = np.concatenate([np.round(tints), colours[kept]]).astype(np.uint8)
    # Discs of this radius around evenly spread points just cover the surface.
    radius = 0.75 * float(np.sqrt(area(mesh.vertices, mesh.faces) / max(len(points), 1)))
    columns = _position_columns(everything * factor)
    columns |= _position_columns(np.concatenate([normals, np.zeros((int(kept.sum()), 3))]), ("nx", "ny", "nz"))
    columns |= _colour_columns(all_colours)
    columns["radius"] = np.full(len(everything), radius * factor, np.float32)
    write_ply(context.output / "pointcloud.ply", table(columns), comment=f"z up, unit {unit}")
    return [*written, _artefact(context, "points", "pointcloud.ply", unit, len(everything))]


def _position_columns(points: np.ndarray, names: tuple[str, str, str] = ("x", "y", "z")) -> dict[str, np.ndarray]:
    """Columns of a PLY from (N, 3)."""
    return dict(zip(names, points.astype(np.float32).T, strict=True))


def _colour_columns(colours: np.ndarray) -> dict[str, np.ndarray]:
    """Colour columns of a PLY from (N, 3) uint8."""
    return dict(zip(("red", "green", "blue"), colours.T, strict=True))


def _on_object(context: Context, cameras: Cameras, mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """Which of ``points`` (N, 3) lie in the mesh's box and inside nearly all masks that have them in view."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    slack = 0.01 * float(np.linalg.norm(high - low))
    inside = ((points > low - slack) & (points < high + slack)).all(axis=1)
    folder = context.folder("masks_refined")
    masks = Masks.load(folder).named()
    votes, views = np.zeros(len(points)), np.zeros(len(points))
    for camera in cameras.cameras:
        if camera.name not in masks:
            continue
        context.progress(0.5, "Choosing the object's points")
        mask = read_grey(folder / masks[camera.name].image) > 127
        pixels, depth = camera.project(points)
        in_view = (depth > 0) & (pixels >= 0).all(axis=1)
        in_view &= (pixels[:, 0] < camera.width) & (pixels[:, 1] < camera.height)
        column, row = pixels[in_view].astype(int).T
        votes[in_view] += mask[row, column]
        views[in_view] += 1
    return inside & (views > 0) & (votes >= _ON_OBJECT * views)


def _write_cameras(context: Context, cameras: Cameras, factor: float, unit: str) -> Artefact:
    """Write ``cameras.json`` in the delivered unit, its pictures found relative to the export's folder."""
    back = f"../{context.workspace.folder('cameras').name}/"
    scaled = []
    for camera in cameras.cameras:
        cam_from_world = camera.cam_from_world.copy()
        cam_from_world[:3, 3] *= factor
        scaled.append(replace(camera, image=back + camera.image, cam_from_world=cam_from_world))
    world = np.diag([factor, factor, factor, 1.0]) @ cameras.world_from_sfm
    metric = 1.0 if unit == "m" else None
    replace(
        cameras, cameras=scaled, world_from_sfm=world, box=cameras.box * factor, unit=unit, metres_per_unit=metric
    ).save(context.output)
    return _artefact(context, "cameras", "cameras.json", unit, len(scaled))


def _write_preview(context: Context, mesh: Mesh, views: list[View], cameras: Cameras) -> None:
    """Write ``preview.png``: a held-out photo, the mesh's colours over it, and the mesh's shape, side by side."""
    camera, photo = _preview_photo(context, views, cameras)
    image, covered = colours_seen(mesh, camera)
    over = np.where(covered[..., None], image, photo // 3)
    picture = np.concatenate([photo, over, clay(mesh, camera)], axis=1)
    write_image(context.output / "preview.png", picture)
    context.progress(0.95, "Preview", Path(context.output / "preview.png"))


def _preview_photo(context: Context, views: list[View], cameras: Cameras) -> tuple[Camera, np.ndarray]:
    """The first held-out camera and its photo, or the first camera of all."""
    if views:
        return views[0].camera, views[0].photo
    camera = cameras.cameras[0]
    return camera, read_rgb(context.folder("cameras") / camera.image)
