# SPDX-License-Identifier: GPL-3.0-or-later
"""The object's masks beside the cameras that took them, small enough to ask many times: is this point the object?

Notation: ``Scene`` and ``LensCamera`` are in the world of their source; masks are (h, w) uint8, 255 object, in the
pixels of the distorted photos reduced by a factor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ..geometry import nearest_point_to_lines
from ..images import read_grey
from ..lens import LensCamera

_LONG_SIDE = 360
_LEAST_CONFIDENCE = 0.3
_MOST_VIEWS = 40


@dataclass
class Silhouettes:
    """Masks (h, w) bool, one a camera, and how much each is to be believed, (S,)."""

    lenses: list[LensCamera] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    weights: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.masks)

    def share_inside(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For ``points`` (N, 3): weighted share of the views that see them inside the mask (N,), and the share of all
        weight that those views have (N,). A point outside every picture has share 0 and weight 0.
        """
        inside, seen = np.zeros(len(points)), np.zeros(len(points))
        for lens, mask, weight in zip(self.lenses, self.masks, self.weights, strict=True):
            pixels, depth = lens.project(points)
            with np.errstate(invalid="ignore"):
                x = np.floor(pixels[:, 0] * (mask.shape[1] / lens.width))
                y = np.floor(pixels[:, 1] * (mask.shape[0] / lens.height))
                visible = (depth > 0) & (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
            hit = np.flatnonzero(visible)
            seen[hit] += weight
            inside[hit] += weight * mask[y[hit].astype(np.intp), x[hit].astype(np.intp)]
        total = float(self.weights.sum()) or 1.0
        return inside / np.maximum(seen, 1e-12), seen / total

    def centre_and_radius(self) -> tuple[np.ndarray, float]:
        """A ball that holds the object: where the rays through the masks' centroids meet (3,), and its radius."""
        rays, extents = [], []
        for lens, mask in zip(self.lenses, self.masks, strict=True):
            y, x = np.nonzero(mask)
            scale = lens.width / mask.shape[1]
            middle = np.array([[x.mean() + 0.5, y.mean() + 0.5]]) * scale
            rays.append(np.append(lens.undistort(middle)[0], 1.0) @ lens.cam_from_world[:3, :3])
            extents.append(scale * max(np.ptp(x) + 1, np.ptp(y) + 1) / lens.K[0, 0])
        centres = np.array([lens.centre for lens in self.lenses])
        centre = nearest_point_to_lines(centres, np.array(rays))
        sizes = np.linalg.norm(centres - centre, axis=1) * np.array(extents)
        return centre, float(np.percentile(sizes, 75))


def load_silhouettes(lenses: list[LensCamera], files: dict[str, tuple[Path, float]]) -> Silhouettes:
    """Read the masks of ``lenses``; ``files`` maps a frame's name to its mask's path and confidence.

    Empty masks are left out, and so are hardly believed ones as long as three others remain. Of many views, 40 spread
    evenly over the names are enough to bound the object.
    """
    lenses = [lens for lens in lenses if lens.name in files]
    lenses = lenses[:: -(-len(lenses) // _MOST_VIEWS) or 1]
    kept: list[tuple[LensCamera, np.ndarray, float]] = []
    for lens in lenses:
        path, confidence = files[lens.name]
        image = read_grey(path)
        factor = min(1.0, _LONG_SIDE / max(image.shape))
        size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        mask = cv2.resize(image, size, interpolation=cv2.INTER_AREA) > 127
        if mask.any() and not mask.all():
            kept.append((lens, mask, max(float(confidence), 1e-3)))
    believed = [k for k in kept if k[2] >= _LEAST_CONFIDENCE]
    kept = believed if len(believed) >= 3 else kept
    return Silhouettes([k[0] for k in kept], [k[1] for k in kept], np.array([k[2] for k in kept]))
