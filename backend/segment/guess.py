# SPDX-License-Identifier: GPL-3.0-or-later
"""A guess at the object when nobody marked it: what lies in the box that all cameras look at, unlike what lies around.

The box (from ``cameras.json``) is projected into every frame. Colours inside its inscribed ellipsoid against colours
outside the box, shared by all frames, start GrabCut's loop; what surrounds the box is seen in many frames, so that
what the box holds besides the object (the table) soon counts as background.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ..records import Camera
from . import colour
from .carry import Carried, Colours, cut_frame
from .many import side_by_side
from .project import project_to_frame
from .shape import keep_parts

_ROUNDS = 3
_DOUBT = 0.6
"""Factor on the confidence of a guess: even a clean cut may be of another object than the one meant."""


def guess(
    images: list[np.ndarray],
    cameras: list[Camera | None],
    sizes: list[tuple[int, int]],
    box: np.ndarray,
    smoothness: float,
    progress: Callable[[float], None],
) -> list[Carried]:
    """Masks at the size of ``images`` (h, w, 3) uint8; ``cameras`` of the frames, None where a frame has none.

    ``sizes``: (width, height) of the stored frames, in whose pixels the cameras project; ``box`` (2, 3) world.
    """
    areas = [
        regions(image.shape[:2], camera, size, box) for image, camera, size in zip(images, cameras, sizes, strict=True)
    ]
    indices = [colour.colour_indices(image) for image in images]
    masks = [core for core, _ in areas]
    outsides = [np.float32(1) - wide for _, wide in areas]
    results: list[Carried] = []
    for step in range(_ROUNDS):
        colours = Colours()
        for i, camera in enumerate(cameras):
            if camera is not None:
                _learn(colours, indices[i], masks[i], outsides[i])
        ratios = colours.ratios()

        def recut(i: int, ratios: np.ndarray = ratios) -> Carried:
            core = areas[i][0]
            return cut_frame(images[i], indices[i], ratios, core, np.full_like(core, 0.4), smoothness)

        results = []
        for result in side_by_side(recut, range(len(images))):
            progress((step + len(results) / len(images)) / _ROUNDS)
            result.mask = keep_parts(result.mask, areas[len(results)][0] > 0.5, 0.05)
            results.append(result)
        masks = [result.mask for result in results]
        outsides = [np.float32(1) - mask for mask in masks]
    for result, camera in zip(results, cameras, strict=True):
        result.confidence *= _DOUBT if camera is not None else 0.1
        result.method = "guess"
    return results


def _learn(colours: Colours, indices: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> None:
    """Add one frame's colours ``inside`` and ``outside`` (h, w), which need not fill the frame."""
    for target, weights in zip(colours.learnt, (inside, outside), strict=True):
        target += colour.histogram(indices, weights) / max(float(weights.sum()), 1.0)


def regions(
    shape: tuple[int, int], camera: Camera | None, size: tuple[int, int], box: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Core (the ellipsoid in the box) and surroundings (the box) of the object in a frame, (h, w) float32 0 or 1."""
    height, width = shape
    if camera is None:
        core = np.zeros(shape, np.uint8)
        cv2.ellipse(core, (width // 2, height // 2), (width // 5, height // 5), 0, 0, 360, 1, -1)
        return core.astype(np.float32), np.ones(shape, np.float32)
    middle, half = box.mean(0), (box[1] - box[0]) / 2
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], np.float64)
    angles = np.linspace(0, np.pi, 9)[:, None], np.linspace(0, 2 * np.pi, 17)[None]
    sine, cosine = np.sin(angles[0]), np.cos(angles[0])
    sphere = np.stack(
        [sine * np.cos(angles[1]), sine * np.sin(angles[1]), cosine + 0 * angles[1]],
        -1,
    ).reshape(-1, 3)
    scale = np.array([width / size[0], height / size[1]])
    drawn = []
    for outline in (sphere, corners):
        pixels, front = project_to_frame(camera, middle + outline * half)
        region = np.zeros(shape, np.uint8)
        if front.all():
            hull = cv2.convexHull(np.clip(pixels * scale - 0.5, -1e5, 1e5).round().astype(np.int32))
            cv2.fillConvexPoly(region, hull, 1)
        drawn.append(region.astype(np.float32))
    return drawn[0], drawn[1]
