# SPDX-License-Identifier: GPL-3.0-or-later
"""The textured mesh as a camera sees it: the texture as it is, without light."""

from __future__ import annotations

import cv2
import numpy as np

from ..mesh.rendering import attributes_seen
from ..mesh.textured import TexturedMesh
from ..records import Camera

_MOST_MINIFIED = 8


def textured_view(mesh: TexturedMesh, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8, black beside the mesh, and where the mesh is (H, W) bool.

    A texture finer than the picture is first reduced as a mip map would be, by the size of a pixel in the middle of
    what is seen.
    """
    uv, covered = attributes_seen(mesh.plain, camera, mesh.uvs)
    picture = _reduced(mesh.colour, uv, covered)
    height, width = picture.shape[:2]
    x = np.where(covered, uv[..., 0] * width - 0.5, -1).astype(np.float32)
    y = np.where(covered, uv[..., 1] * height - 0.5, -1).astype(np.float32)
    seen = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.where(covered[..., None], seen, 0).astype(np.uint8), covered


def _reduced(texture: np.ndarray, uv: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """``texture`` halved until one of its texels is about as large as a pixel."""
    inside = covered[:, 1:] & covered[:, :-1]
    if not inside.any():
        return texture
    step = np.linalg.norm(np.diff(uv, axis=1)[inside], axis=1)
    texels = float(np.median(step)) * len(texture)
    factor = min(2 ** int(np.floor(np.log2(max(texels, 1.0)))), _MOST_MINIFIED)
    if factor == 1:
        return texture
    return cv2.resize(texture, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
