# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras: given, or estimated by structure from motion; then undistorted images in the world all later stages share.

Owns: which way the cameras come about, what is reported. ``backend/sfm`` holds the steps, one a file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..camera_files import read_cameras
from ..geometry import scale_of
from ..lens import Scene
from ..records import Cameras, Frame, Frames, Masks
from ..report import NAME as REPORT
from ..report import artefact, write_report
from ..sfm.alignment import Alignment, align
from ..sfm.delivery import pinhole_cameras, reprojection_error, write_images, write_points
from ..sfm.estimate import Estimator, Settings
from ..sfm.features import FeatureSettings
from ..sfm.given import match_given
from ..sfm.gravity import scale_by_gps
from ..sfm.ladder import RUNGS, Estimate, climb
from ..sfm.marker import marker_scale
from ..sfm.outlines import typical_misfit
from ..sfm.silhouettes import load_silhouettes
from ..sfm.triangulation import triangulate
from ..stage import Context

NAME = "cameras"
VERSION = 6
INPUTS = ("frames", "masks")
OUTPUTS = ("cameras.json", "images", "points.ply", "sparse", "capture_report.html")
SPEC = ("cameras", "deterministic", "seed")
FEWEST = 3
"""Least frames with a camera that make a scan."""
LEAST_SHARE = 0.2
"""Fewer frames than this share say more about chance than about the object."""
_MISFIT = 0.1
"""Outlines that fit the cameras this badly, as the median pair of frames, are not of these cameras; right ones are at
0.001 with exact masks, and at 0.01 with rough ones."""
_GIVEN_FEATURES, _GIVEN_SIDE = 3000, 1000
"""Keypoints for cameras that are known only have to find the ground and the object."""
_GIVEN_HINT = "Give a COLMAP model, a transforms.json or a cameras_gt.json, or leave it out to have cameras estimated."
_OVERLAP_HINT = (
    "Neighbouring photos must overlap by two thirds: walk around the object in steps of 10 to 15 degrees, and leave "
    "textured surroundings in the picture."
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """``where`` keypoints are looked for: auto, whole or mask."""

    where: str = "auto"
    features: int = 4096  # at most, a frame; 500 to 65536
    feature_side: int = 1600  # px, longer side on which keypoints are found
    marker: float = 0.0  # m, edge of a printed marker that shows the scale; 0 to 10, 0: none
    triangulate: bool = True  # sparse points for given cameras that have none


def run(context: Context) -> None:
    """Write the cameras of all frames that can be placed."""
    frames = Frames.load(context.folder("frames")).frames
    masks = _mask_files(context, frames)
    with tempfile.TemporaryDirectory(dir=context.output, prefix=".work") as work:
        source = _given if context.spec.cameras else _estimated
        scene, unregistered = source(context, frames, masks, Path(work))
    context.progress(0.85, "Finding the object and its ground")
    silhouettes = load_silhouettes(scene.cameras, masks)
    _check_outlines(context, scene, masks)
    by_name = {f.name: f for f in frames}
    gravity = {f.name: f.gravity for f in frames if f.gravity}
    alignment = align(scene, silhouettes, bool(context.spec.cameras), context.spec.seed, gravity)
    cameras = pinhole_cameras(scene, alignment.world_from_source, by_name)

    def progress(fraction: float) -> None:
        context.progress(0.87 + 0.12 * fraction, "Undistorting the frames")

    write_images(cameras, by_name, context.folder("frames"), context.output, progress)
    write_points(scene, alignment.world_from_source, cameras, context.output)
    error = reprojection_error(scene)
    Cameras(
        cameras=cameras,
        unregistered=unregistered,
        world_from_sfm=alignment.world_from_source,
        box=alignment.box,
        up_from=alignment.up_from,
        given=bool(context.spec.cameras),
        reprojection_error_px=error,
        metres_per_unit=_metres_per_unit(context, scene, by_name, alignment),
    ).save(context.output)
    _report(context, len(frames), len(cameras), unregistered, error)
    (context.workspace.root / REPORT).unlink(missing_ok=True)  # of an earlier run that failed
    context.facts.details |= {
        "up_from": alignment.up_from,
        "box_from": alignment.box_from,
        "ground_from": alignment.ground_from,
        "points": len(scene.points),
        "capture_report": write_report(
            context.folder("frames"), context.output, Path(context.spec.capture).resolve().name
        ),
        "artefacts": [artefact(context.workspace.folder(NAME).name)],
    }


def _metres_per_unit(context: Context, scene: Scene, by_name: dict[str, Frame], alignment: Alignment) -> float | None:
    """Metres in a unit of the world, from a marker of known size or from GPS; None where both are missing."""
    if not context.options.marker:
        by_gps = scale_by_gps(scene, {name: frame.gps for name, frame in by_name.items() if frame.gps})
        if by_gps is None:
            return None
        context.facts.details["gps"] = asdict(by_gps)
        return by_gps.metres_per_unit / scale_of(alignment.world_from_source)
    folder = context.folder("frames")
    pictures = {name: folder / frame.image for name, frame in by_name.items()}
    found = marker_scale(
        scene, pictures, context.options.marker, lambda f: context.progress(0.99, "Looking for the marker")
    )
    if found is None:
        context.warn(
            "marker_missing",
            "No marker was found in three frames or more, so that the scale is not known.",
            "Lay a printed ArUco marker flat beside the object, with its white margin, large enough to fill a "
            "twentieth of the photo, or give the object's length.",
        )
        return None
    context.facts.details["marker"] = asdict(found)
    return found.metres_per_unit / scale_of(alignment.world_from_source)


def _check_outlines(context: Context, scene: Scene, masks: dict[str, tuple[Path, float]]) -> None:
    """Note how well the masks' outlines fit the cameras, and say so where they do not at all."""
    misfit = typical_misfit(scene.cameras, masks)
    if misfit is None:
        return
    context.facts.metrics["outline_misfit_percent"] = 100 * misfit
    if misfit > _MISFIT:
        given = bool(context.spec.cameras)
        context.warn(
            "outlines_contradict",
            f"The outlines of the object in different frames contradict the cameras, by {misfit:.0%} of its width.",
            "Either the masks show something else in some frames, or the camera file is of other photos or in other "
            "axes than it says."
            if given
            else "The masks probably show something else in some frames: look at them, and prompt where they do.",
        )


def _mask_files(context: Context, frames: list[Frame]) -> dict[str, tuple[Path, float]]:
    """Mask and confidence of each frame: from the masks' stage where it came before, else the photos' alpha."""
    if context.has("masks"):
        folder = context.folder("masks")
        return {m.name: (folder / m.image, m.confidence) for m in Masks.load(folder).masks}
    return {f.name: (context.folder("frames") / f.alpha, 1.0) for f in frames if f.alpha}


def _threads(context: Context) -> int:
    """Threads for pycolmap: one where the last digit counts, as sums in another order end in another; else all but one
    of more than two cores, which is left to Blender.
    """
    if context.spec.deterministic:
        return 1
    cores = os.cpu_count() or 1
    return cores if cores <= 2 else cores - 1


def _given(
    context: Context, frames: list[Frame], masks: dict[str, tuple[Path, float]], work: Path
) -> tuple[Scene, list[dict[str, str]]]:
    """Read and match the cameras of ``spec.cameras``; find sparse points for them where the file has none."""
    context.facts.method = "given"
    context.progress(0.0, "Reading the cameras")
    try:
        scene = read_cameras(Path(str(context.spec.cameras)))
    except (ValueError, OSError) as e:
        raise context.error("cameras_unreadable", f"The camera file cannot be used: {e}.", _GIVEN_HINT) from e
    names = [c.name for c in scene.cameras]
    matched, unregistered = match_given(scene, frames)
    if len(matched.cameras) < FEWEST:
        reason = unregistered[0]["reason"] if unregistered else "fewer cameras than a scan needs"
        raise context.error(
            "cameras_unmatched",
            f"Only {len(matched.cameras)} of {len(frames)} frames have one of the {len(names)} cameras given "
            f"({reason}; frames such as {frames[0].name}, cameras such as {names[0] if names else 'none'}).",
            "Cameras are matched by file name without its suffix, for photos of the same shape: give the camera file "
            "of this capture.",
        )
    if len(matched.points) or not context.options.triangulate:
        return matched, unregistered
    features = FeatureSettings(
        most=min(context.options.features, _GIVEN_FEATURES),
        side=min(context.options.feature_side, _GIVEN_SIDE),
        threads=_threads(context),
    )

    def progress(fraction: float, message: str) -> None:
        context.progress(0.8 * fraction, message)

    images = context.folder("frames") / "images"
    return triangulate(matched, frames, images, work, features, progress, context.spec.seed), unregistered


def _estimated(
    context: Context, frames: list[Frame], masks: dict[str, tuple[Path, float]], work: Path
) -> tuple[Scene, list[dict[str, str]]]:
    """Structure from motion. Raises ``cameras_failed`` or ``cameras_too_few``."""
    options = context.options
    settings = Settings(
        where=options.where,
        features=options.features,
        side=options.feature_side,
        threads=_threads(context),
        seed=context.spec.seed,
        device=context.device,
    )

    def progress(fraction: float, message: str) -> None:
        context.progress(0.85 * fraction, message)

    found = climb(Estimator(frames, context.folder("frames") / "images", masks, work, settings, progress))
    context.facts.method = found.method
    context.facts.details |= {
        "models": 1 + len(found.others),
        "keypoints_median": float(np.median(list(found.keypoints.values()))),
        "ladder": [asdict(attempt) for attempt in found.attempts],
    }
    registered = {c.name for c in found.scene.cameras}
    unregistered = [{"name": f.name, "reason": _why_not(f.name, found)} for f in frames if f.name not in registered]
    if len(registered) < max(FEWEST, LEAST_SHARE * len(frames)):
        _report_failure(context, unregistered, work)
    if not registered:
        raise context.error("cameras_failed", *_why_none(found, len(frames)))
    if len(registered) < max(FEWEST, LEAST_SHARE * len(frames)):
        raise context.error(
            "cameras_too_few",
            f"Only {len(registered)} of {len(frames)} frames could be placed in one scene.",
            _OVERLAP_HINT,
        )
    _say_what_ran(context, found, len(frames))
    return found.scene, unregistered


def _report_failure(context: Context, unregistered: list[dict[str, str]], work: Path) -> None:
    """Leave a report beside ``job.json``, as this stage's folder goes with its failure: what the frames are like, and
    why none is used.
    """
    folder = work / "report"
    folder.mkdir()
    Cameras(unregistered=unregistered).save(folder)
    write_report(context.folder("frames"), folder, Path(context.spec.capture).resolve().name)
    shutil.copyfile(folder / REPORT, context.workspace.root / REPORT)


def _say_what_ran(context: Context, found: Estimate, frames: int) -> None:
    """Say which rung's cameras these are, where it was not the first, and what became of the rungs below it."""
    if not found.method.startswith(RUNGS[0].name) or "relaxed" in found.method:
        below = [a for a in found.attempts if a.method != found.method]
        first = below[0] if below else found.attempts[0]
        context.fallback(
            found.method,
            first.method,
            f"that placed {first.placed} of {frames} frames" + (f", and {first.doubt}." if first.doubt else "."),
            _OVERLAP_HINT,
        )
    groups = [group for group in found.others if len(group) >= FEWEST]
    if groups:
        names = "; ".join(f"{len(group)} from {min(group)} to {max(group)}" for group in groups[:5])
        context.warn(
            "cameras_parts",
            f"The capture falls into {1 + len(groups)} parts that have nothing in common. The largest is used, with "
            f"{len(found.scene.cameras)} frames; left out are {names}.",
            "Photos of another object belong into a capture of their own; photos of the same one need views between.",
        )


def _why_none(found: Estimate, frames: int) -> tuple[str, str]:
    """Message and hint for a capture of which no camera could be placed."""
    if found.motion is not None and found.motion.nothing_moves:
        return (
            f"The {frames} frames show no camera motion: they are all but the same picture.",
            "Move the camera around the object, or turn the object, between the photos.",
        )
    keypoints = int(np.median(list(found.keypoints.values())))
    if keypoints < 200:
        return (
            f"None of {frames} frames could be placed: there is too little texture in them ({keypoints} keypoints).",
            "Put the object on a patterned cloth or a newspaper, and take sharp, well lit photos.",
        )
    return f"None of {frames} frames could be placed: too little in them is the same.", _OVERLAP_HINT


def _why_not(name: str, found: Estimate) -> str:
    """Why one frame has no camera, as far as can be told."""
    if found.keypoints[name] < 100:
        return f"too little texture: {found.keypoints[name]} keypoints"
    part = next((group for group in found.others if name in group), None)
    if part is not None:
        return f"it belongs to another part of the capture, of {len(part)} frames"
    if name in found.misplaced:
        return "it only matches a side of the object that looks like the one in it"
    return "too few matches with the other frames"


def _report(
    context: Context, used: int, registered: int, unregistered: list[dict[str, str]], error: float | None
) -> None:
    """Fill in the facts, and name the frames that were left out."""
    context.facts.metrics |= {
        "frames_used": used,
        "frames_registered": registered,
        "registered_share": registered / used,
    }
    if error is not None:
        context.facts.metrics["reprojection_error_px"] = error
    if unregistered:
        names = ", ".join(u["name"] for u in unregistered[:10]) + (" and more" if len(unregistered) > 10 else "")
        context.warn(
            "frames_unregistered",
            f"{len(unregistered)} of {used} frames have no camera and are not used: {names}.",
            "Add photos between these views and the others, or leave them out."
            if not context.spec.cameras
            else "Check that the camera file belongs to this capture.",
        )
