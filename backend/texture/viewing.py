# SPDX-License-Identifier: GPL-3.0-or-later
"""The textured mesh as a camera sees it: the texture as it is, without light.

Notation: a picture is rasterised ``samples`` times as large each way and averaged down. The texture is a mip map of
colours averaged two by two (Williams 1983); a triangle reads the level at which a texel is as large as a sample, by
the ratio of its areas in the texture and on the screen, which needs no derivative across the seams of the charts.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..mesh.rendering import attributes_of_faces, colours_seen, depth_and_face
from ..mesh.textured import TexturedMesh
from ..mesh.triangles import Mesh
from ..records import Camera

_SAMPLES = 2
_LEAST_LEVEL = 8
"""Side of the smallest mip level, texels: below it charts of all places run into one another."""

_ROW = 1024

_SEEN = 0.5
"""Share of a pixel's samples on the mesh above which the pixel is the mesh's."""


@dataclass(frozen=True)
class MipMap:
    """A texture and its halvings, (T, T, 3), (T / 2, T / 2, 3), ... uint8."""

    levels: list[np.ndarray]

    @staticmethod
    def of(texture: np.ndarray) -> MipMap:
        """Halve ``texture`` (T, T, 3) uint8 until it is small."""
        levels = [texture]
        while min(levels[-1].shape[:2]) >= 2 * _LEAST_LEVEL:
            height, width = levels[-1].shape[:2]
            levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        return MipMap(levels)

    def at(self, uv: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Colours (K, 3) float32 at ``uv`` (K, 2), trilinear; ``level`` (K,) counts halvings and may be broken."""
        level = np.clip(level, 0.0, len(self.levels) - 1.0)
        lower = np.minimum(np.floor(level).astype(np.int32), max(len(self.levels) - 2, 0))
        share = (level - lower).astype(np.float32)
        out = np.zeros((len(uv), 3), np.float32)
        for index, texture in enumerate(self.levels):
            for chosen, weight in ((lower == index, 1 - share), (lower == index - 1, share)):
                rows = np.nonzero(chosen & (weight > 0))[0]
                out[rows] += weight[rows, None] * _bilinear(texture, uv[rows])
        return out


def _bilinear(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Colours (K, 3) uint8 at ``uv`` (K, 2)."""
    height, width = texture.shape[:2]
    # OpenCV samples pictures of limited sides only, so the list is folded into rows.
    rows = -(-len(uv) // _ROW)
    places = np.zeros((rows * _ROW, 2), np.float32)
    places[: len(uv)] = uv * np.array([width, height], np.float32) - np.float32(0.5)
    if not rows:
        return np.zeros((0, 3), np.uint8)
    x, y = (np.ascontiguousarray(places[:, k].reshape(rows, _ROW)) for k in range(2))
    seen = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return seen.reshape(-1, 3)[: len(uv)]


def textured_view(
    mesh: TexturedMesh, camera: Camera, samples: int = _SAMPLES, mip_map: MipMap | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8, black beside the mesh, and where the mesh covers half a pixel or more (H, W) bool.

    A pixel that the mesh covers in part has the colour of that part. ``mip_map``: the texture's, made once for many
    views.
    """
    rgba = textured_rgba(mesh, camera, samples, mip_map)
    return rgba[..., :3].copy(), rgba[..., 3] >= round(255 * _SEEN)


def textured_rgba(
    mesh: TexturedMesh, camera: Camera, samples: int = _SAMPLES, mip_map: MipMap | None = None
) -> np.ndarray:
    """(H, W, 4) uint8 sRGB with straight alpha: the share of a pixel's ``samples`` squared that fall on the mesh."""
    fine = enlarged(camera, samples)
    _, face = depth_and_face(mesh.plain, fine)
    uv = attributes_of_faces(mesh.plain, fine, mesh.uvs, face)
    textures = mip_map or MipMap.of(mesh.colour)
    per_face = _levels(mesh, fine, len(mesh.colour))
    on_mesh = face >= 0
    covered = on_mesh.astype(np.float32)
    colours = np.zeros((*face.shape, 3), np.float32)
    colours[on_mesh] = textures.at(uv[on_mesh], per_face[face[on_mesh]])
    size = (camera.width, camera.height)
    share = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(colours, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)[..., None]
    out = np.zeros((camera.height, camera.width, 4), np.uint8)
    out[..., :3] = np.clip(np.round(mean), 0, 255)
    out[..., 3] = np.round(share * 255)
    return out


def coloured_view(mesh: Mesh, camera: Camera, samples: int = _SAMPLES) -> np.ndarray:
    """The colours of ``mesh``'s vertices as ``textured_view`` draws a texture: (H, W, 3) uint8, black beside it."""
    colours, covered = colours_seen(mesh, enlarged(camera, samples))
    size = (camera.width, camera.height)
    share = cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(colours.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.clip(np.round(mean / np.maximum(share, 1e-6)[..., None]), 0, 255).astype(np.uint8)


def _levels(mesh: TexturedMesh, camera: Camera, size: int) -> np.ndarray:
    """(M,) halvings of the texture of ``size`` texels at which each face's texels are as large as pixels."""
    pixels, _ = camera.project(mesh.vertices)
    texels = _areas(mesh.uvs.astype(np.float64), mesh.faces) * size * size
    return 0.5 * np.log2(np.maximum(texels, 1e-12) / np.maximum(_areas(pixels, mesh.faces), 1e-9))


def _areas(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Areas (M,) of triangles in the plane, ``points`` (N, 2)."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    p, q = b - a, c - a
    return np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / 2


def enlarged(camera: Camera, factor: int) -> Camera:
    """The same camera with ``factor`` times as many pixels each way."""
    return Camera(
        name=camera.name, image="", width=camera.width * factor, height=camera.height * factor,
        K=np.diag([factor, factor, 1.0]) @ camera.K, cam_from_world=camera.cam_from_world,
    )  # fmt: skip
