# SPDX-License-Identifier: GPL-3.0-or-later
"""The final masks, in the pixels of the undistorted images: warped, and made to agree over all views.

Masks that the user gave and alpha channels are believed: they are warped and nothing else. All others are cut anew in a
few rounds, each frame against what all other frames say together (``segment/agreement.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..images import read_grey, read_rgb, write_image
from ..records import Camera, Cameras, Mask, Masks
from ..segment.agreement import agree
from ..segment.carry import Carried
from ..segment.many import side_by_side
from ..segment.matte import soften
from ..segment.settle import enlarge
from ..stage import Context

NAME = "masks_refined"
VERSION = 3
INPUTS = ("frames", "masks", "cameras")
OUTPUTS = ("masks.json",)
SPEC = ()

_TRUSTED = ("given", "alpha")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Rows of ``protocol.OPTIONS``."""

    side: int = 640
    """Pixels of the longer side at which masks are cut, 128 to 4096."""
    smoothness: float = 2.0
    """Price of a pixel of contour against the evidence of a pixel, 0.1 to 20."""
    rounds: int = 3
    """Times the masks are made to agree, 0 to 10; 0 only warps them."""
    voxels: int = 128
    """Voxels along the longest edge of the common hull, 32 to 512."""
    soft_px: float = 1.5
    """Half the width of the band at the rim, pixels, that gets a soft edge, 0 to 32; wider for hair, 0 for none."""


def run(context: Context) -> None:
    """Write a mask for every registered frame, and ``masks.json``."""
    cameras = Cameras.load(context.folder("cameras"))
    before = Masks.load(context.folder("masks"))
    known = before.named()
    usable = [camera for camera in cameras.cameras if camera.name in known]
    warped = _warped(context, usable, known)
    alone = context.spec.recipe == "single_picture"  # assumed cameras can contradict nothing
    trusted = before.method in _TRUSTED or context.options.rounds == 0 or alone
    if not trusted and len(usable) > 1:
        warped = _agreed(context, usable, known, warped, cameras.box)
    masks: list[Mask] = []

    def write(i: int) -> Mask:
        mask, confidence, method = warped[i]
        name = usable[i].name
        if before.method not in _TRUSTED and method not in _TRUSTED:
            mask = soften(read_rgb(context.folder("cameras") / usable[i].image), mask, context.options.soft_px)
        write_image(context.output / f"{name}.png", mask)
        area = round(float((mask > 127).mean()), 6)
        return Mask(name=name, image=f"{name}.png", confidence=round(confidence, 4), method=method, area=area)

    for mask in side_by_side(write, range(len(usable))):
        context.progress(0.95 + 0.05 * len(masks) / len(usable), "Writing masks")
        masks.append(mask)
    if not any(mask.area > 0 for mask in masks):
        raise context.error(
            "mask_empty",
            "After making the masks agree nothing is left of the object.",
            "Mark it on two or more frames.",
        )
    method = before.method if trusted else f"{before.method}, agreed over {len(usable)} views"
    Masks(masks=masks, method=method, guessed=before.guessed).save(context.output)
    context.facts.method = method
    believed = [mask.confidence for mask in masks if mask.confidence > 0]
    context.facts.metrics["mask_confidence_mean"] = round(float(np.mean(believed)), 4)


def _warped(context: Context, cameras: list[Camera], known: dict[str, Mask]) -> list[tuple[np.ndarray, float, str]]:
    """Masks (height, width) uint8 in the undistorted images' pixels, with confidence and method."""

    def warp(camera: Camera) -> tuple[np.ndarray, float, str]:
        mask = known[camera.name]
        image = read_grey(context.folder("masks") / mask.image)
        return undistort(image, camera), mask.confidence, mask.method

    results: list[tuple[np.ndarray, float, str]] = []
    for result in side_by_side(warp, cameras):
        context.progress(0.1 * len(results) / len(cameras), "Undistorting masks")
        results.append(result)
    return results


def undistort(mask: np.ndarray, camera: Camera) -> np.ndarray:
    """Bring ``mask`` (h, w) uint8 of the stored frame to ``camera``'s undistorted picture, (height, width) uint8.

    Records have pixel centres at half integers, OpenCV's maps at integers: both matrices are shifted by half a pixel.
    """
    size = (camera.width, camera.height)
    if not camera.distortion:
        return mask if mask.shape == size[::-1] else cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    shift = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])
    K = shift @ np.asarray(camera.distortion["K"], np.float64)
    model = np.asarray(camera.distortion["model"], np.float64)
    maps = cv2.initUndistortRectifyMap(K, model, np.eye(3), shift @ camera.K, size, cv2.CV_32FC1)
    return cv2.remap(mask, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _agreed(
    context: Context,
    cameras: list[Camera],
    known: dict[str, Mask],
    warped: list[tuple[np.ndarray, float, str]],
    box: np.ndarray,
) -> list[tuple[np.ndarray, float, str]]:
    """Make the masks agree at working size and bring them to the images' size."""
    options = context.options

    def read(i: int) -> tuple[np.ndarray, Carried]:
        image = read_rgb(context.folder("cameras") / cameras[i].image)
        scale = min(1.0, options.side / max(image.shape[:2]))
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        mask = cv2.resize(warped[i][0], size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
        return small, Carried(mask=mask, confidence=warped[i][1], method=warped[i][2])

    pairs: list[tuple[np.ndarray, Carried]] = []
    for pair in side_by_side(read, range(len(cameras))):
        context.progress(0.1 + 0.1 * len(pairs) / len(cameras), "Reading undistorted images")
        pairs.append(pair)
    agreed = agree(
        [image for image, _ in pairs],
        cameras,
        [mask for _, mask in pairs],
        box,
        smoothness=options.smoothness,
        rounds=options.rounds,
        voxels=options.voxels,
        progress=lambda share: context.progress(0.2 + 0.65 * share, "Making masks agree over all views"),
    )

    def finish(i: int) -> tuple[np.ndarray, float, str]:
        image = read_rgb(context.folder("cameras") / cameras[i].image)
        return enlarge(agreed[i].mask, image, options.smoothness), agreed[i].confidence, agreed[i].method

    results: list[tuple[np.ndarray, float, str]] = []
    for result in side_by_side(finish, range(len(cameras))):
        context.progress(0.85 + 0.1 * len(results) / len(cameras), "Bringing masks to full size")
        results.append(result)
    return results
