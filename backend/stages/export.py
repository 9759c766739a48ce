# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user takes away: everything in one frame, z up, in metres when a length is known.

A known length is applied here and nowhere else, so that changing it computes nothing again. Files for other programs
keep to those programs' axes and units and say so in their artefact (``backend/deliver``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from ...protocol import USUAL_DELIVERABLES
from ..deliver.cameras import PHOTOS, copy_photos, write_cameras
from ..deliver.glb import write_glb
from ..deliver.lods import brought_along, levels_of, textured_like
from ..deliver.looks import write_preview, write_renders, write_splat_renders
from ..deliver.models import NAME as MODEL
from ..deliver.models import write_models
from ..deliver.parcel import Parcel
from ..deliver.pictures import pictures_of
from ..deliver.points import on_object, read_points, write_cloud, write_sparse
from ..images import read_rgb
from ..mesh.cleaning import without_broken
from ..mesh.textured import TexturedMesh
from ..mesh.triangles import Mesh
from ..metrics.held_out import View, held_out_views, scores
from ..records import Camera, Cameras, Frames
from ..sfm.segment import Segment, measured_segment
from ..splat_files import Splats, load, save, transform
from ..stage import Context
from ..texture.viewing import coloured_view
from ..workspace import FOLDERS, write_json

NAME = "export"
VERSION = 9
INPUTS = ("frames", "masks", "cameras", "masks_refined", "splats", "surface", "texture")
OUTPUTS = ("mesh.ply", "texture.png", "cameras.json", "sparse_points.ply", "preview.png", "metrics.json")
SPEC: tuple[str, ...] = ("hold_out", "length", "length_of", "segment", "deliverables", "seed")

_LEAST_TEXTURE = 256
"""Texels a side that the texture of a level of detail keeps at least."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is written."""

    points: int = 50_000  # points sampled on the surface for the point cloud, 100 to 5 000 000
    renders: int = 30  # pictures on a turntable, 1 to 720
    render_side: int = 720  # px, side of these pictures and of the video, 16 to 4096
    turntable_frames: int = 60  # pictures of the video, 20 a second, 1 to 1800
    colours: str = "jpeg"  # the colours' picture inside GLB and USDZ: jpeg, png


def run(context: Context) -> None:
    """Write what was asked for and what every job delivers, and list it."""
    context.progress(0.0, "Reading the result")
    cameras = Cameras.load(context.folder("cameras"), context.spec.hold_out)
    mesh = TexturedMesh.load(context.folder("texture"))
    wanted = _wanted(context)
    factor, unit, measured = _metres_per_unit(context, cameras, mesh)
    parcel = Parcel(context.output, context.workspace.folder(NAME).name, unit, factor)
    surface = write_models(
        parcel, mesh, wanted, context.options.colours, _part(context, 0.0, 0.15), context.warn
    )  # fmt: skip
    if "lods" in wanted:
        _write_lods(context, parcel, mesh, surface)
    context.progress(0.3, "Writing points")
    _write_points(context, parcel, cameras, surface, wanted)
    splats = _splats(context)
    if splats is not None:
        _write_splats(parcel, splats, wanted)
    _write_cameras(context, parcel, cameras, "photos" in wanted)
    _write_looks(context, parcel, mesh, splats, wanted)
    context.progress(0.95, "Scoring the mesh's colours")
    views = held_out_views(context.folder("cameras"), context.folder("masks_refined"), context.spec.hold_out)
    context.facts.metrics = scores(views, lambda camera: coloured_view(surface, camera), "mesh")
    camera, photo = _preview_photo(context, views, cameras)
    write_preview(parcel.path("preview.png"), photo, camera, mesh, splats)
    parcel.add("report", "preview.png", 1, "image", "pixels")
    context.progress(0.97, "Preview", parcel.path("preview.png"))
    _write_metrics(context, parcel, mesh)
    context.facts.method = "scaled" if unit == "m" else "relative"
    context.facts.details = {
        "unit": unit,
        "metres_per_unit": 1.0 if unit == "m" else None,
        "scale_from_world": factor,
        "scale_from": measured,
        "deliverables": sorted(wanted),
        "artefacts": [asdict(a) for a in parcel.artefacts],
    }


def _wanted(context: Context) -> frozenset[str]:
    """What was asked for, ``auto`` replaced by what the preset stands for."""
    asked = set(context.spec.deliverables)
    if "auto" in asked:
        asked |= {*USUAL_DELIVERABLES[context.spec.preset]}
    return frozenset(asked - {"auto"})


def _metres_per_unit(context: Context, cameras: Cameras, mesh: TexturedMesh) -> tuple[float, str, str]:
    """The factor from the world of ``cameras.json`` to the delivered files, their unit, and what told it."""
    if context.spec.length is not None and context.spec.segment:
        segment = _segment(context, cameras, mesh)
        if segment is not None:
            return context.spec.length / segment.length, "m", f"segment, {segment.method}"
    elif context.spec.length is not None:
        extent = np.ptp(mesh.vertices, axis=0)
        measured = {
            "height": float(extent[2]),
            "longest": float(extent.max()),
            "diagonal": float(np.linalg.norm(extent)),
        }
        return context.spec.length / measured[context.spec.length_of], "m", context.spec.length_of
    if cameras.metres_per_unit is not None:
        return float(cameras.metres_per_unit), "m", "cameras"
    return 1.0, "relative", ""


def _segment(context: Context, cameras: Cameras, mesh: TexturedMesh) -> Segment | None:
    """The segment that the known length belongs to; None, with a warning, where it cannot be found."""
    frames = Frames.load(context.folder("frames")).frames
    try:
        return measured_segment(context.spec.segment, frames, cameras.cameras, mesh.vertices, mesh.faces)
    except ValueError as error:
        context.warn(
            "segment_lost",
            f"The known length was not used: {error}.",
            "Mark both ends on two photos from different sides; only this last step runs again.",
        )
        return None


def _part(context: Context, begin: float, end: float) -> Callable[[float, str], None]:
    """Progress of a part of the stage."""
    return lambda share, what: context.progress(begin + (end - begin) * share, what)


def _write_lods(context: Context, parcel: Parcel, mesh: TexturedMesh, surface: Mesh) -> None:
    """Write a GLB for each level of ``surface``, which is ``mesh`` welded; each has a texture half as large."""
    levels = levels_of(surface, lambda: context.progress(0.15, "Levels of detail"))
    if not levels:
        return
    folder = context.folder("surface")
    bare, dense = (without_broken(Mesh.load(folder / name)) for name in ("mesh.ply", "dense.ply"))
    dense = brought_along(dense, bare, mesh)
    size = len(mesh.colour)
    for level, reduced in enumerate(levels, start=1):
        message = f"Level of detail {level} of {len(levels)}"
        share = 0.18 + 0.12 * (level - 1) / len(levels)
        side = max(size >> level, min(size, _LEAST_TEXTURE))
        textured = textured_like(mesh, reduced, dense, side, lambda: context.progress(share, message))  # noqa: B023
        name = f"model_lod{level}.glb"
        pictures = pictures_of(textured, context.options.colours)
        write_glb(parcel.path(name), textured.scaled(parcel.factor), pictures, f"{MODEL}_lod{level}", parcel.unit)
        parcel.add("lod", name, len(reduced.faces), "y_up")


def _write_points(
    context: Context, parcel: Parcel, cameras: Cameras, surface: Mesh, wanted: frozenset[str]
) -> None:  # fmt: skip
    """Write ``sparse_points.ply`` and, if asked for, ``pointcloud.ply``: points of the surface, then sparse ones."""
    positions, colours = read_points(context.folder("cameras") / "points.ply")
    write_sparse(parcel.path("sparse_points.ply"), positions * parcel.factor, colours, parcel.unit)
    parcel.add("sparse_points", "sparse_points.ply", len(positions))
    if "pointcloud" not in wanted:
        return
    kept = on_object(positions, surface, cameras.cameras, context.folder("masks_refined"))
    count = write_cloud(
        parcel.path("pointcloud.ply"), surface, (positions[kept], colours[kept]), context.options.points,
        context.spec.seed, parcel.factor, parcel.unit,
    )  # fmt: skip
    parcel.add("points", "pointcloud.ply", count)


def _splats(context: Context) -> Splats | None:
    """The splats in the world without those that are broken, None where there are none."""
    if not context.has("splats"):
        return None
    broken: list[int] = []
    splats = load(context.folder("splats") / "splats.ply", up="z", on_broken=broken.append)
    if broken:
        context.warn(
            "splats_broken",
            f"{broken[0]} splats hold values that are not numbers and were left out.",
            "Run the job again from the stage splats; log.txt says how their training went.",
        )
    if len(splats):
        return splats
    context.warn(
        "splats_empty",
        "There is not one splat, so none are delivered.",
        "The mesh stands in for them; log.txt says why training kept none.",
    )
    return None


def _write_splats(parcel: Parcel, splats: Splats, wanted: frozenset[str]) -> None:
    """Write ``splats.ply`` and ``splats.spz``, where asked for."""
    scaled = transform(splats, np.diag([parcel.factor, parcel.factor, parcel.factor, 1.0]))
    if "splats" in wanted:
        save(parcel.path("splats.ply"), scaled, up="z")
        parcel.add("splats", "splats.ply", len(splats))
    if "spz" in wanted:
        save(parcel.path("splats.spz"), scaled, up="z")
        parcel.add("spz", "splats.spz", len(splats), "y_up")


def _write_cameras(context: Context, parcel: Parcel, cameras: Cameras, with_photos: bool) -> None:
    """Write ``cameras.json``; its photos are copied beside it, or found in the job."""
    source = context.folder("cameras")
    place = f"../{source.name}"
    if with_photos:
        place = PHOTOS
        copied = copy_photos(source, parcel.path(PHOTOS), cameras, lambda _: context.progress(0.35, "Copying photos"))
        parcel.add("photos", PHOTOS, copied, "image", "pixels")
    write_cameras(parcel.folder, cameras, parcel.factor, parcel.unit, place)
    parcel.add("cameras", "cameras.json", len(cameras.cameras))


def _write_looks(
    context: Context, parcel: Parcel, mesh: TexturedMesh, splats: Splats | None, wanted: frozenset[str]
) -> None:  # fmt: skip
    """Write the renders and the video asked for."""
    options = context.options
    side = options.render_side + options.render_side % 2  # H.264 halves the colours' resolution, so sides are even
    stills = options.renders if "renders" in wanted else 0
    frames = options.turntable_frames if "turntable" in wanted else 0
    write_renders(parcel, mesh, stills, frames, side, _part(context, 0.4, 0.85))
    if "splat_renders" in wanted and splats is not None:
        write_splat_renders(parcel, mesh, splats, options.renders, side, _part(context, 0.85, 0.95))


def _write_metrics(context: Context, parcel: Parcel, mesh: TexturedMesh) -> None:
    """Write ``metrics.json``: figures and seconds of all stages so far, the size of the result, and of the files."""
    metrics: dict[str, float] = {}
    for stage in context.inputs:
        metrics.update((context.workspace.stamp(stage) or {}).get("metrics", {}))
    metrics.update(context.facts.metrics)
    parcel.add("metrics", "metrics.json", len(metrics), unit="")
    content = {
        "metrics": metrics,
        "seconds": _seconds(context),
        "unit": parcel.unit,
        "size": (np.ptp(mesh.vertices, axis=0) * parcel.factor).tolist(),
        "triangles": len(mesh.faces),
        "bytes": {p.name: p.stat().st_size for p in sorted(parcel.folder.iterdir()) if p.is_file()},
    }
    write_json(parcel.path("metrics.json"), content)


def _preview_photo(context: Context, views: list[View], cameras: Cameras) -> tuple[Camera, np.ndarray]:
    """The first held-out camera and its photo, or the first camera of all."""
    if views:
        return views[0].camera, views[0].photo
    camera = cameras.cameras[0]
    return camera, read_rgb(context.folder("cameras") / camera.image)


def _seconds(context: Context) -> dict[str, float]:
    """What each stage took, and each part of one that tells its parts apart, as ``shape.codes``."""
    seconds: dict[str, float] = {}
    for name in FOLDERS:
        stamp = context.workspace.stamp(name)
        if stamp is None or name == NAME:
            continue
        if "seconds" in stamp:
            seconds[stamp["stage"]] = stamp["seconds"]
        seconds |= {f"{stamp['stage']}.{part}": s for part, s in stamp.get("details", {}).get("seconds", {}).items()}
    return seconds
