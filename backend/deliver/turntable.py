# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras around an object that keep all of it in view, and the splats as they see it.

Notation: cameras as ``records.Camera``; pictures (H, W, 4) uint8 sRGB, straight alpha.
"""

from __future__ import annotations

import numpy as np

from ...kernels.splatting.render import render_coloured
from ..mesh.rendering import looking_at
from ..records import Camera
from ..splat_files import Splats
from ..splat_files.activations import opacity_from_logit

_ELEVATION = 18.0
"""Degrees above the horizon: the object's top is seen, and it stands."""

_DISTANCE = 2.2
"""In diagonals: the perspective of a photo taken by hand."""

_FILLED = 0.9
"""Share of the picture's side that the object may take in its widest view."""

_MOST_POINTS = 20_000
_BACKDROP_TOP, _BACKDROP_BOTTOM = 236.0, 196.0
"""Grey behind a video, which has no alpha; light above, so that dark and bright objects stand out."""


def orbit(vertices: np.ndarray, count: int, side: int) -> list[Camera]:
    """``count`` cameras of ``side`` pixels on one turn around ``vertices`` (N, 3), world, all of one lens.

    The first looks along +y, at the object's front. The object is as large as fits into every view.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    middle, diagonal = (low + high) / 2, max(float(np.linalg.norm(high - low)), 1e-9)
    cameras = [
        looking_at(middle, -90.0 + 360.0 * k / count, _ELEVATION, _DISTANCE * diagonal, side) for k in range(count)
    ]
    shown = vertices[:: max(1, len(vertices) // _MOST_POINTS)]
    pixels = np.concatenate([camera.project(shown)[0] for camera in cameras]) - side / 2
    # The object's middle in the picture is that of its extent over all views, so that it does not bob.
    raised = (pixels[:, 1].min() + pixels[:, 1].max()) / 2
    reach = max(float(np.abs(pixels[:, 0]).max()), float(np.abs(pixels[:, 1] - raised).max()), 1e-9)
    zoom = _FILLED * side / 2 / reach
    for camera in cameras:
        camera.K[0, 0] *= zoom
        camera.K[1, 1] *= zoom
        camera.K[1, 2] -= zoom * raised
    return cameras


def splats_rgba(splats: Splats, camera: Camera) -> np.ndarray:
    """``splats`` as ``camera`` sees them."""
    seen, _ = render_coloured(
        splats.means, splats.quats, np.exp(splats.scales), opacity_from_logit(splats.opacities), splats.sh,
        splats.degree, camera.cam_from_world.astype(np.float32), camera.K.astype(np.float32), camera.width,
        camera.height,
    )  # fmt: skip
    alpha = seen.image[..., 3:]
    # The rasteriser gives colours times alpha; a file holds them straight.
    straight = seen.image[..., :3] / np.maximum(alpha, 1e-6)
    return np.round(255 * np.clip(np.concatenate([straight, alpha], axis=2), 0, 1)).astype(np.uint8)


def over_backdrop(rgba: np.ndarray) -> np.ndarray:
    """``rgba`` (H, W, 4) over a grey that darkens downwards: (H, W, 3) uint8."""
    share = np.linspace(0.0, 1.0, rgba.shape[0], dtype=np.float32)[:, None, None]
    grey = _BACKDROP_TOP + (_BACKDROP_BOTTOM - _BACKDROP_TOP) * share
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    return np.round(rgba[..., :3] * alpha + grey * (1 - alpha)).astype(np.uint8)
