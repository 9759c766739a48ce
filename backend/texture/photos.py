# SPDX-License-Identifier: GPL-3.0-or-later
"""One photo made ready to be sampled: its levels of detail, where it is to be believed, what hides from it.

The blurred levels are blurred within the mask only, so that no background bleeds over the rim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ..images import read_grey, read_rgb
from ..mesh.rendering import depth_and_face
from ..mesh.triangles import Mesh
from ..records import Camera

_BLURS = (0.003, 0.012)
"""Standard deviations of the blurred levels, over the photo's longer side: 5 and 19 pixels of 1600."""

_RIM = 0.004
"""Depth of the mask's rim that is not believed, over the longer side: masks and surfaces are never quite exact."""

_STEP = 0.012
"""Jump of depth between neighbouring pixels, in the mesh's diagonals, beyond which one part stands before another."""

_LEAST = 0.02
"""What is left of a photo's say beside such a step: enough where no other photo sees the place."""

_AROUND = 0.03
"""What is kept of a photo around the object, over the object's longer side in it."""


@dataclass(frozen=True)
class Source:
    """A photo on disk, its camera and mask; ``sharpness`` in (0, 1] is how much it counts beside the others.

    ``held``: photo and mask in memory instead. ``full``: the longer side of the whole photo, in this camera's pixels,
    where the camera sees a part of it only.
    """

    camera: Camera
    photo: Path
    mask: Path
    sharpness: float = 1.0
    held: tuple[np.ndarray, np.ndarray] | None = None
    full: float = 0.0

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """The photo (H, W, 3) uint8 and its mask (H, W) uint8."""
        return self.held or (read_rgb(self.photo), read_grey(self.mask))


@dataclass(frozen=True)
class Look:
    """``levels`` (3, H, W, 3) uint8, ``trust`` (H, W) float32 in [0, 1], ``depth`` (H, W) float32 of the surface."""

    camera: Camera
    levels: np.ndarray
    trust: np.ndarray
    depth: np.ndarray

    @property
    def projection(self) -> np.ndarray:
        """(3, 4) float64, world to homogeneous pixels."""
        return np.ascontiguousarray(self.camera.K @ self.camera.cam_from_world[:3], np.float64)


def look(source: Source, mesh: Mesh, doubt_steps: bool = True) -> Look:
    """Read a photo and its mask around ``mesh``, and see where it hides itself.

    ``doubt_steps``: beside a step of depth the photo counts little, since the part in front would show as a line on the
    part behind wherever the mesh is a pixel off.
    """
    part = cropped(source, mesh)
    photo, mask = part.read()
    depth, _ = depth_and_face(mesh, part.camera)
    trust = trust_of(mask, part.full) * np.float32(source.sharpness)
    if doubt_steps:
        step = _STEP * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
        trust *= beside_steps(depth, step, max(1.5, _RIM * (part.full or max(mask.shape))))
    return Look(part.camera, levels_of(photo, mask, part.full), trust, depth)


def cropped(source: Source, mesh: Mesh, longest: float = np.inf) -> Source:
    """The part of a photo around ``mesh``, in memory, reduced until the object's longer side has ``longest`` pixels."""
    photo, mask = source.read()
    camera = source.camera
    left, top, right, bottom = _window(camera, mesh)
    factor = min(1.0, longest / max(right - left, bottom - top))
    width, height = max(1, round(factor * (right - left))), max(1, round(factor * (bottom - top)))
    zoom = np.diag([width / (right - left), height / (bottom - top), 1.0])
    shifted = camera.K - np.array([[0, 0, left], [0, 0, top], [0, 0, 0]])
    photo, mask = photo[top:bottom, left:right], mask[top:bottom, left:right]
    if factor < 1:
        photo, mask = (cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in (photo, mask))
    full = factor * (source.full or max(camera.width, camera.height))
    return replace(
        source, held=(np.ascontiguousarray(photo), np.ascontiguousarray(mask)), full=full,
        camera=replace(camera, width=width, height=height, K=zoom @ shifted),
    )  # fmt: skip


def _window(camera: Camera, mesh: Mesh) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of ``mesh`` in the photo with a margin; all of the photo where it cannot be told."""
    pixels, depth = camera.project(mesh.vertices)
    if not (depth > 0).all():
        return 0, 0, camera.width, camera.height
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    margin = _AROUND * float((high - low).max()) + 2
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + margin), (camera.width, camera.height)).astype(int)
    if right - left < 2 or bottom - top < 2:
        return 0, 0, camera.width, camera.height
    return int(left), int(top), int(right), int(bottom)


def levels_of(photo: np.ndarray, mask: np.ndarray, full: float = 0.0) -> np.ndarray:
    """The photo (H, W, 3) uint8 and two blurred ones, (3, H, W, 3) uint8; blurred inside ``mask`` (H, W) uint8.

    ``full``: the longer side of the whole photo, where this is a part.
    """
    weight = mask.astype(np.float32) / 255.0
    inside = photo.astype(np.float32) * weight[..., None]
    levels = [photo]
    for share in _BLURS:
        sigma = share * (full or max(photo.shape[:2]))
        total = _blurred(weight, sigma)
        mean = _blurred(inside, sigma) / np.maximum(total, 1e-3)[..., None]
        levels.append(np.where(total[..., None] > 1e-2, np.clip(mean + 0.5, 0, 255), photo).astype(np.uint8))
    return np.ascontiguousarray(np.stack(levels))


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian as three boxes (Wells 1986): its time does not grow with sigma."""
    side = 2 * round(sigma * np.sqrt(12 / 3 + 1 / sigma**2) / 2 - 0.5) + 1 if sigma > 0.5 else 1
    for _ in range(3):
        image = cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)
    return image


def trust_of(mask: np.ndarray, full: float = 0.0) -> np.ndarray:
    """(H, W) float32: 0 outside ``mask`` and on its rim, rising to 1 inside; ``full`` as for ``levels_of``."""
    rim = max(1.5, _RIM * (full or max(mask.shape)))
    distance = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    return np.clip((distance - max(1.0, rim / 2)) / rim, 0.0, 1.0).astype(np.float32)


def beside_steps(depth: np.ndarray, step: float, width: float) -> np.ndarray:
    """(H, W) float32: ``_LEAST`` where ``depth`` (H, W), inf beside the mesh, jumps by more than ``step``, rising to 1
    at ``width`` pixels from there.
    """
    on_mesh, kernel = np.isfinite(depth), np.ones((3, 3), np.uint8)
    near = cv2.erode(np.where(on_mesh, depth, np.float32(1e30)).astype(np.float32), kernel)
    far = cv2.dilate(np.where(on_mesh, depth, np.float32(-1e30)).astype(np.float32), kernel)
    jumps = on_mesh & (far - near > step)
    if not jumps.any():
        return np.ones(depth.shape, np.float32)
    away = cv2.distanceTransform((~jumps).astype(np.uint8), cv2.DIST_L2, 5)
    return np.clip(away / width, _LEAST, 1.0).astype(np.float32)


Tell = Callable[[str], None]
"""Called with a frame's name before it is looked at; may raise to stop."""
