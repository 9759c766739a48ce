# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras: given, or estimated by structure from motion; then undistorted images in the world all later stages share.

Owns: which way the cameras come about, what is reported. ``backend/sfm`` holds the steps, one a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..camera_files import read_cameras
from ..lens import Scene
from ..records import Cameras, Frame, Frames, Masks
from ..sfm.alignment import align
from ..sfm.delivery import pinhole_cameras, reprojection_error, write_images, write_points
from ..sfm.given import match_given
from ..sfm.silhouettes import load_silhouettes
from ..stage import Context

NAME = "cameras"
VERSION = 1
INPUTS = ("frames", "masks")
OUTPUTS = ("cameras.json", "images", "points.ply", "sparse")
SPEC = ("cameras", "hold_out", "deterministic", "seed")
FEWEST = 3
"""Least frames with a camera that make a scan."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``where`` keypoints are looked for; ``features`` a frame, at most; ``feature_side`` px, longer side for them."""

    where: str = "auto"
    features: int = 8192
    feature_side: int = 1600


def run(context: Context) -> None:
    """Write the cameras of all frames that can be placed."""
    frames = Frames.load(context.folder("frames")).frames
    masks = _mask_files(context, frames)
    scene, unregistered = _given(context, frames)
    _check_count(context, scene, len(frames))
    context.progress(0.85, "Finding the object and its ground")
    silhouettes = load_silhouettes(scene.cameras, masks)
    alignment = align(scene, silhouettes, given=bool(context.spec.cameras), seed=context.spec.seed)
    by_name = {f.name: f for f in frames}
    cameras = pinhole_cameras(scene, alignment.world_from_source, by_name, context.spec.hold_out)

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
    ).save(context.output)
    _report(context, len(frames), len(cameras), unregistered, error)
    context.facts.details |= {
        "up_from": alignment.up_from,
        "box_from": alignment.box_from,
        "ground_from": alignment.ground_from,
        "points": len(scene.points),
    }


def _mask_files(context: Context, frames: list[Frame]) -> dict[str, tuple[Path, float]]:
    """Mask and confidence of each frame: from the masks' stage where it came before, else the photos' alpha."""
    if context.has("masks"):
        folder = context.folder("masks")
        return {m.name: (folder / m.image, m.confidence) for m in Masks.load(folder).masks}
    return {f.name: (context.folder("frames") / f.alpha, 1.0) for f in frames if f.alpha}


def _given(context: Context, frames: list[Frame]) -> tuple[Scene, list[dict[str, str]]]:
    """Read and match the cameras of ``spec.cameras``."""
    context.facts.method = "given"
    context.progress(0.0, "Reading the cameras")
    hint = (
        "Give a COLMAP model, a transforms.json or a cameras_gt.json, or leave the cameras out to have them estimated."
    )
    try:
        scene = read_cameras(Path(str(context.spec.cameras)))
    except (ValueError, OSError) as e:
        raise context.error("cameras_unreadable", f"The camera file cannot be used: {e}.", hint) from e
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
    return matched, unregistered


def _check_count(context: Context, scene: Scene, frames: int) -> None:
    """Raise ``cameras_too_few`` where there are not enough cameras to go on."""
    if len(scene.cameras) < FEWEST:
        raise context.error(
            "cameras_too_few",
            f"Only {len(scene.cameras)} of {frames} frames could be placed.",
            "Photos must overlap by more than half: walk around the object in steps of 10 to 15 degrees.",
        )


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
