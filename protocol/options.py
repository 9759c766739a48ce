# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the stages: the one table behind ``--set``, the panel and the stages' dataclasses."""

from __future__ import annotations

from typing import Any

from .option import Option


def _option(
    key: str, value: Any, unit: str, text: str, bounds: tuple[float, float] | None = None, choices: tuple[str, ...] = ()
) -> Option:
    """Build a row of ``OPTIONS``; ``value`` is one default or a (draft, balanced, quality) triple."""
    stage, name = key.split(".")
    defaults = value if isinstance(value, tuple) else (value, value, value)
    low, high = bounds or (None, None)
    return Option(stage=stage, name=name, defaults=defaults, unit=unit, help=text, low=low, high=high, choices=choices)


# fmt: off
OPTIONS: tuple[Option, ...] = (
    _option("frames.max_frames", (48, 120, 300), "frames", "most frames kept, spread evenly", (3, 5000)),
    _option("frames.long_side", (960, 1600, 3200), "px", "longer side of a frame, reduced to fit", (64, 16384)),
    _option("frames.drop_duplicates", True, "", "leave out exact and near copies of an earlier frame"),
    _option("frames.subfolders", False, "", "read photos in sub-folders of the capture as well"),
    _option("frames.check_motion", True, "", "refuse a video in which neither camera nor object moves"),
    _option("frames.camera_pass", (False, True, True), "", "add a video's frames where first cameras break"),
    _option("cutouts.feather_px", 0.0, "px", "width of a new soft edge; 0 keeps the mask's own", (0, 64)),
    _option("cutouts.rim_px", 2.0, "px", "depth of the rim cleaned of background colour; 0: none", (0, 16)),
    _option("cameras.where", "auto", "", "look for keypoints there", choices=("auto", "whole", "mask")),
    _option("cameras.features", (3000, 4096, 8192), "", "most keypoints a frame", (500, 65536)),
    _option("cameras.feature_side", (960, 1600, 2400), "px", "longer side of a frame for keypoints", (200, 8192)),
    _option("cameras.marker", 0.0, "m", "edge of a printed ArUco or AprilTag marker in the photos; 0: none", (0, 10)),
    _option("cameras.triangulate", True, "", "find sparse points for given cameras that have none"),
    _option("masks.engine", "auto", "", "carries prompts", choices=("auto", "sam2", "tracker", "photos", "fixed")),
    _option("masks.model", "auto", "", "installed model for sam2; auto: the largest (turnaround models list)"),
    _option("masks.side", (480, 640, 640), "px", "longer side at which masks are cut", (128, 4096)),
    _option("masks.smoothness", 2.0, "", "price of a pixel of contour; more makes smoother masks", (0.1, 20)),
    _option("masks_refined.side", (480, 640, 960), "px", "longer side at which masks are cut again", (128, 4096)),
    _option("masks_refined.smoothness", 2.0, "", "price of a pixel of contour; more makes smoother masks", (0.1, 20)),
    _option("masks_refined.rounds", (2, 3, 3), "rounds", "times all masks are made to agree; 0 only warps", (0, 10)),
    _option("masks_refined.voxels", (96, 128, 192), "voxels", "longest edge of the common hull", (32, 512)),
    _option("masks_refined.soft_px", 1.5, "px", "reach of the soft edge; wider for hair, 0: none", (0, 32)),
    _option("hull.resolution", (112, 176, 256), "voxels", "least voxels along the object's longest side", (32, 512)),
    _option("hull.finest", (112, 320, 512), "voxels", "most of them, where the photos show that much", (32, 512)),
    _option("hull.doubt", 0.04, "", "share of the masks' weight the others may overrule; 0: strict hull", (0, 0.5)),
    _option("hull.margin", 0.03, "diagonals", "how deep a mask must contradict the others", (0.005, 0.2)),
    _option("hull.least_seen", 0.3, "", "share of the masks' weight that must have a point in view", (0, 1)),
    _option("hull.least_island", 0.05, "", "parts smaller than this share of the largest are removed", (0, 1)),
    _option("hull.close_base", True, "", "cut flat at the ground, or where none is, across a side nobody saw"),
    _option("splats.method", "auto", "", "train where torch is installed", choices=("auto", "trained", "untrained")),
    _option("splats.count", (20_000, 50_000, 150_000), "splats", "most; training starts with half", (100, 2_000_000)),
    _option("splats.minutes", (1.0, 3.0, 15.0), "min", "most minutes of training, 0: no limit", (0, 10_000)),
    _option("splats.steps", (2000, 10_000, 30_000), "", "most steps of training, one photo each", (1, 1_000_000)),
    _option("splats.side", (480, 640, 1200), "px", "longer side of the photos trained on", (32, 8192)),
    _option("splats.band", 1.0, "px", "rim of the silhouette that teaches nothing", (0, 32)),
    _option("splats.degree", 3, "", "degree of the spherical harmonics", (0, 3)),
    _option("splats.spread", 0.6, "", "standard deviation over the distance to the neighbours", (0.1, 3)),
    _option("splats.strategy", "mcmc", "", "how Gaussians are placed", choices=("mcmc", "classical")),
    _option("splats.outside", "empty", "", "what masks say of their outside", choices=("empty", "unknown")),
    _option("splats.poses", False, "", "refine the cameras as well, for the splats alone"),
    _option("splats.flatten", 0.0, "", "weight of turning splats into the surface of their depths", (0, 10)),
    _option("surface.method", "auto", "", "auto: photos where they agree", choices=("auto", "hull")),
    _option("surface.triangles", (25_000, 50_000, 100_000), "triangles", "fewer than this; 0: all", (0, 5_000_000)),
    _option("surface.resolution", (112, 176, 256), "voxels", "least voxels along the object's longest side", (32, 512)),
    _option("surface.finest", (112, 320, 512), "voxels", "most of them, where the photos show that much", (32, 512)),
    _option("surface.rounds", (1, 2, 2), "", "searches, each finer than the one before", (1, 2)),
    _option("surface.depth", 0.18, "diagonals", "how much deeper than the hull a hollow may lie", (0.01, 0.3)),
    _option("surface.least_island", 0.01, "", "parts below this share of the largest are removed", (0, 1)),
    _option("texture.size", (1024, 2048, 4096), "px", "side of the texture", (64, 8192)),
    _option("assumed_cameras.field_of_view", 40.0, "degrees", "of the longer side where EXIF has no focal", (5, 120)),
    _option("assumed_cameras.elevation", 0.0, "degrees", "how far from above the picture was taken", (-80, 80)),
    _option("assumed_cameras.azimuths", "", "degrees", "of all pictures, as 0,90,180; empty: only the first is placed"),
    _option("shape.method", "auto", "", "what it is made by", choices=("auto", "triposr", "depth", "silhouette")),
    _option("shape.model", "auto", "", "TripoSR's checkpoint: auto for the installed one, or a file"),
    _option("shape.resolution", (128, 256, 512), "cells", "cells along the box: 64 times a power of 2", (32, 1024)),
    _option("shape.triangles", (25_000, 50_000, 100_000), "triangles", "most triangles; 0: keep all", (0, 5_000_000)),
    _option("shape.thickness", 0.7, "", "of a relief; 1 makes a disc a ball", (0.05, 3)),
    _option("shape.combine", "visible", "", "how pictures are joined", choices=("visible", "average", "first")),
    _option("shape.views", 30, "views", "pictures of the result all around; 0: none", (0, 360)),
    _option("shape.view_side", 256, "px", "side of these pictures", (32, 2048)),
    _option("export.points", (20_000, 50_000, 100_000), "points", "coloured points of the surface", (100, 5_000_000)),
    _option("export.renders", 30, "views", "pictures on a turntable", (1, 720)),
    _option("export.render_side", (512, 720, 1080), "px", "side of these pictures and of the video", (16, 4096)),
    _option("export.turntable_frames", (60, 60, 120), "frames", "of the video, 20 a second", (1, 1800)),
    _option("export.colours", "jpeg", "", "picture in GLB and USDZ", choices=("jpeg", "png")),
)
# fmt: on
"""Every option of every stage. A test compares it with the stages' dataclasses."""


def option_named(key: str) -> Option:
    """The row of ``OPTIONS`` called ``stage.name``; ``ValueError`` lists the stage's options when there is none."""
    for option in OPTIONS:
        if option.key == key:
            return option
    near = [o.key for o in OPTIONS if o.stage == key.split(".", maxsplit=1)[0]] or sorted({o.stage for o in OPTIONS})
    raise ValueError(f"expected an option such as {', '.join(near)}, got {key!r}")


def stage_options(stage: str, preset: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Values of all options of ``stage`` under ``preset``, with ``overrides`` ({"stage.name": value}) laid over."""
    return {o.name: overrides.get(o.key, o.default(preset)) for o in OPTIONS if o.stage == stage}
