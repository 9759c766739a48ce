# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh with texture coordinates and textures, and the folder it is kept in.

Notation: vertices (N, 3) float64 and normals (N, 3) float32 in one frame and unit, doubled where charts part; faces
(M, 3) int32; ``uvs`` (N, 2) float32 as glTF has them: (0, 0) is the top left corner of the picture, v runs down.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..images import read_grey, read_rgb, write_image
from .triangles import Mesh

ARRAYS, COLOUR, NORMAL, SURFACE, SEEN = "mesh.npz", "colour.png", "normal.png", "surface.png", "seen.png"


@dataclass
class TexturedMesh:
    """A surface as a renderer wants it; textures are square and of one size T unless they are said to be smaller.

    ``colour`` (T, T, 3) uint8 sRGB. ``normal`` (T', T', 3) uint8: the dense surface's normals in the tangent frame,
    0..255 for -1..1, y along -v (glTF, OpenGL). ``surface`` (T', T', 3) uint8 as glTF packs it: ambient occlusion,
    roughness, metalness. ``seen`` (T, T) uint8: 255 where a photo saw the texel, 0 where its colour was made up.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    uvs: np.ndarray
    colour: np.ndarray
    normal: np.ndarray
    surface: np.ndarray
    seen: np.ndarray

    @property
    def plain(self) -> Mesh:
        """The surface without its textures."""
        return Mesh(self.vertices, self.faces)

    def scaled(self, factor: float) -> TexturedMesh:
        """The same in a unit that is 1 / ``factor`` as long."""
        return TexturedMesh(**{**vars(self), "vertices": self.vertices * factor})

    def save(self, folder: Path) -> None:
        """Write ``mesh.npz`` and the four pictures into ``folder``."""
        np.savez(folder / ARRAYS, vertices=self.vertices, faces=self.faces, normals=self.normals, uvs=self.uvs)
        for name, picture in ((COLOUR, self.colour), (NORMAL, self.normal), (SURFACE, self.surface), (SEEN, self.seen)):
            write_image(folder / name, picture)

    @staticmethod
    def load(folder: Path) -> TexturedMesh:
        """Read what ``save`` wrote."""
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            parts = {name: arrays[name] for name in ("vertices", "faces", "normals", "uvs")}
        pictures = {"colour": COLOUR, "normal": NORMAL, "surface": SURFACE}
        return TexturedMesh(
            **parts, **{k: read_rgb(folder / v) for k, v in pictures.items()}, seen=read_grey(folder / SEEN)
        )
