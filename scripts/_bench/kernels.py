# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of the image kernels on one seeded picture, beside their numpy twins and what OpenCV does for the same task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from turnaround.kernels import (
    compositing,
    compositing_reference,
    cutouts,
    mattes,
    morphology,
    morphology_reference,
    resize,
)

REPEATS = 7
RADIUS = 6.0
FEATHER = 3.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kernel: seconds of the kernel, its twin and the library (None: there is none), and of moving its bytes."""

    name: str
    kernel: float
    floor: float
    twin: float | None = None
    library: float | None = None
    library_name: str = ""


def best(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Least seconds of ``repeats`` calls after one that is not counted (it compiles)."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def bandwidth(size: tuple[int, int]) -> float:
    """Bytes a second of a plain copy of an RGBA picture, reading and writing counted."""
    source = np.ones((size[1], size[0], 4), np.uint8)
    target = np.zeros_like(source)
    return 2 * source.nbytes / best(lambda: np.copyto(target, source))


def rows(size: tuple[int, int]) -> Iterator[Row]:
    """One row a kernel, on a noisy picture with a round soft object in its middle."""
    width, height = size
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x - width / 2, y - height / 2)
    alpha = np.clip((height / 3 - radius) * 128 + 128, 0, 255).astype(np.uint8)
    rgba = np.dstack([rng.integers(0, 256, (height, width, 3), np.uint8), alpha])
    image, below = np.ascontiguousarray(rgba[..., :3]), rng.integers(0, 256, (height, width, 4), np.uint8)
    mask = np.where(alpha > 127, np.uint8(255), np.uint8(0))
    speed = bandwidth(size)
    yield from _composites(rgba, below, speed)
    yield from _masks(mask, speed)
    small = np.zeros((height // 2, width // 2, 4), np.uint8)
    yield Row(
        name="resize_rgba to a half",
        kernel=best(lambda: resize.resize_rgba(rgba, small)),
        floor=(rgba.nbytes + small.nbytes) / speed,
        library=best(lambda: cv2.resize(rgba, (width // 2, height // 2), interpolation=cv2.INTER_AREA)),
        library_name="cv2.resize INTER_AREA (blind to alpha)",
    )
    out = np.zeros_like(rgba)
    yield Row(
        name="cut_out",
        kernel=best(lambda: cutouts.cut_out(image, alpha, out)),
        floor=(image.nbytes + alpha.nbytes + out.nbytes) / speed,
    )


def _composites(rgba: np.ndarray, below: np.ndarray, speed: float) -> Iterator[Row]:
    out, straight = np.zeros_like(below), np.zeros_like(rgba)
    share = rgba[..., 3:].astype(np.float32) / 255

    def blend() -> np.ndarray:
        return (rgba[..., :3] * share + below[..., :3] * (1 - share)).astype(np.uint8)

    yield Row(
        name="composite_over_image",
        kernel=best(lambda: compositing.composite_over_image(rgba, below, out)),
        floor=(rgba.nbytes + below.nbytes + out.nbytes) / speed,
        twin=best(lambda: compositing_reference.composite_over_image(rgba, below), 2),
        library=best(blend, 2),
        library_name="numpy, float32",
    )
    yield Row(
        name="premultiply",
        kernel=best(lambda: compositing.premultiply(rgba, straight)),
        floor=2 * rgba.nbytes / speed,
        twin=best(lambda: compositing_reference.premultiply(rgba), 2),
        library=best(lambda: cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA)),
        library_name="cv2.cvtColor RGBA2mRGBA",
    )


def _masks(mask: np.ndarray, speed: float) -> Iterator[Row]:
    out, distance = np.zeros_like(mask), np.zeros(mask.shape, np.float32)
    side = int(RADIUS)
    dy, dx = np.mgrid[-side : side + 1, -side : side + 1]
    disc = (dx**2 + dy**2 <= RADIUS**2).astype(np.uint8)
    yield Row(
        name=f"dilate by {RADIUS:.0f}",
        kernel=best(lambda: morphology.dilate(mask, RADIUS, out)),
        floor=2 * mask.nbytes / speed,
        twin=best(lambda: morphology_reference.dilate(mask, RADIUS), 1),
        library=best(lambda: cv2.dilate(mask, disc)),
        library_name="cv2.dilate with a disc",
    )

    def both() -> np.ndarray:
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return inside - cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)

    yield Row(
        name="signed_distance",
        kernel=best(lambda: mattes.signed_distance(mask, distance)),
        floor=(mask.nbytes + distance.nbytes) / speed,
        library=best(both, 3),
        library_name="cv2.distanceTransform twice",
    )
    yield Row(
        name=f"feather by {FEATHER:.0f}",
        kernel=best(lambda: mattes.feather(mask, FEATHER, 0.0, out)),
        floor=2 * mask.nbytes / speed,
        library=best(lambda: cv2.GaussianBlur(mask, (0, 0), FEATHER)),
        library_name="cv2.GaussianBlur (no exact edge)",
    )
