# SPDX-License-Identifier: GPL-3.0-or-later
"""The textures of a mesh as the bytes of picture files, encoded once for all formats that hold them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .. import png
from ..mesh.textured import TexturedMesh

_QUALITY = 92
"""Of colours as JPEG, at full resolution of colour: a photo's texture loses nothing that is seen."""


@dataclass(frozen=True)
class Picture:
    """One encoded picture; ``suffix`` is ``.png`` or ``.jpg``."""

    data: bytes
    suffix: str

    @property
    def mime(self) -> str:
        """Its media type."""
        return "image/png" if self.suffix == ".png" else "image/jpeg"


@dataclass(frozen=True)
class Pictures:
    """Base colour; occlusion, roughness and metalness in red, green and blue; the normal map, where there is one."""

    colour: Picture
    surface: Picture
    normal: Picture | None


def pictures_of(mesh: TexturedMesh, colours: str) -> Pictures:
    """Encode the textures of ``mesh``; ``colours`` is "jpeg" or "png". The others stay exact: they are no pictures."""
    colour = jpeg(mesh.colour) if colours == "jpeg" else Picture(png.encode(mesh.colour), ".png")
    # A normal map of one texel says what the vertices' normals say already.
    normal = Picture(png.encode(mesh.normal), ".png") if mesh.normal.shape[0] > 1 else None
    return Pictures(colour, Picture(png.encode(mesh.surface), ".png"), normal)


def jpeg(image: np.ndarray) -> Picture:
    """``image`` (H, W, 3) uint8 sRGB as a JPEG with colours at full resolution."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    return Picture(cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)[1].tobytes(), ".jpg")
