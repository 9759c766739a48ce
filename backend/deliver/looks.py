# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the result: stills around the object, a turning video, and one sheet to look at first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from ..images import write_image
from ..mesh.rendering import clay
from ..mesh.textured import TexturedMesh
from ..records import Camera
from ..splat_files import Splats
from ..texture.viewing import MipMap, textured_rgba
from .parcel import Parcel
from .turntable import orbit, over_backdrop, splats_rgba
from .video import write_video

RATE = 20
"""Pictures a second of the video."""

Tell = Callable[[float, str], None]
"""Called with the share done and what is being done; may raise to stop."""


def write_renders(parcel: Parcel, mesh: TexturedMesh, stills: int, frames: int, side: int, tell: Tell) -> None:
    """Write ``stills`` views of the textured mesh with alpha, ``render_000.png`` and so on, and ``turntable.mp4``.

    The video is one turn in ``frames`` pictures; either number may be 0. Where every nth picture of the video is a
    still, it is rendered once. ``side``: pixels, even where there is a video.
    """
    textures = MipMap.of(mesh.colour)
    shared = bool(stills and frames and frames % stills == 0)
    if stills and not shared:
        for index, camera in enumerate(orbit(mesh.vertices, stills, side)):
            tell(0.5 * index / stills, f"Rendering view {index + 1} of {stills}")
            _write_still(parcel, index, textured_rgba(mesh, camera, mip_map=textures))

    def pictures() -> Iterator[np.ndarray]:
        for index, camera in enumerate(orbit(mesh.vertices, frames, side)):
            tell(0.5 + 0.5 * index / frames, f"Turntable, picture {index + 1} of {frames}")
            rgba = textured_rgba(mesh, camera, mip_map=textures)
            if shared and index % (frames // stills) == 0:
                _write_still(parcel, index // (frames // stills), rgba)
            yield over_backdrop(rgba)

    if frames:
        write_video(parcel.path("turntable.mp4"), pictures(), RATE)
        parcel.add("video", "turntable.mp4", frames, "image", "pixels")


def _write_still(parcel: Parcel, index: int, rgba: np.ndarray) -> None:
    name = f"render_{index:03d}.png"
    write_image(parcel.path(name), rgba)
    parcel.add("render", name, 1, "image", "pixels")


def write_splat_renders(parcel: Parcel, mesh: TexturedMesh, splats: Splats, count: int, side: int, tell: Tell) -> None:
    """Write ``splats_render_000.png`` and so on, the splats from the same cameras."""
    for index, camera in enumerate(orbit(mesh.vertices, count, side)):
        tell(index / count, f"Rendering the splats, view {index + 1} of {count}")
        name = f"splats_render_{index:03d}.png"
        write_image(parcel.path(name), splats_rgba(splats, camera))
        parcel.add("render", name, 1, "image", "pixels")


def write_preview(path: Path, photo: np.ndarray, camera: Camera, mesh: TexturedMesh, splats: Splats | None) -> None:
    """Write a photo (H, W, 3) uint8, the textured mesh over it, the splats if there are any, and the shape alone."""
    panels = [photo, _laid_over(textured_rgba(mesh, camera), photo)]
    if splats is not None:
        panels.append(_laid_over(splats_rgba(splats, camera), photo))
    panels.append(clay(mesh.plain, camera))
    write_image(path, np.concatenate(panels, axis=1))


def _laid_over(rgba: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """A render over the darkened photo, (H, W, 3) uint8."""
    alpha = cv2.merge([rgba[..., 3]] * 3).astype(np.float32) / 255.0
    return np.round(rgba[..., :3] * alpha + (photo // 3) * (1 - alpha)).astype(np.uint8)
