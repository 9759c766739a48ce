# SPDX-License-Identifier: GPL-3.0-or-later
"""One photo made ready to be sampled: its levels of detail, where it is to be believed, what hides from it.

The blurred levels are blurred within the mask only, so that no background bleeds over the rim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Source:
    """A photo on disk: its camera, picture, mask, and ``gain`` (3,) that makes it as bright as the others."""

    camera: Camera
    photo: Path
    mask: Path
    sharpness: float = 1.0


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


def look(source: Source, mesh: Mesh) -> Look:
    """Read a photo and its mask, and see where ``mesh`` hides itself."""
    photo, mask = read_rgb(source.photo), read_grey(source.mask)
    depth, _ = depth_and_face(mesh, source.camera)
    return Look(source.camera, levels_of(photo, mask), trust_of(mask) * np.float32(source.sharpness), depth)


def levels_of(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo (H, W, 3) uint8 and two blurred ones, (3, H, W, 3) uint8; blurred inside ``mask`` (H, W) uint8."""
    weight = mask.astype(np.float32) / 255.0
    inside = photo.astype(np.float32) * weight[..., None]
    levels = [photo]
    for share in _BLURS:
        sigma = share * max(photo.shape[:2])
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


def trust_of(mask: np.ndarray) -> np.ndarray:
    """(H, W) float32: 0 outside ``mask`` and on its rim, rising to 1 inside."""
    rim = max(1.5, _RIM * max(mask.shape))
    distance = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    return np.clip((distance - max(1.0, rim / 2)) / rim, 0.0, 1.0).astype(np.float32)


Tell = Callable[[str], None]
"""Called with a frame's name before it is looked at; may raise to stop."""
