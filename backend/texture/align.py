# SPDX-License-Identifier: GPL-3.0-or-later
"""Round by round: paint the surface, look at it through the photos' cameras, move it to where it matches them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..mesh.rendering import depth_and_face
from ..mesh.textured import TexturedMesh
from ..mesh.triangles import Mesh, area, vertex_normals
from . import fill
from .colour import gains_of, paint
from .flow import flow_to_photo
from .outline import reach_of, rim_of
from .photos import Look, Source, cropped, look
from .settle import moves, observe
from .texels import texels_of
from .unwrap import Unwrapped
from .viewing import MipMap, textured_rgba

_ROUNDS = 5
"""Measured on the sample end to end, held-out photos inside the true masks: 25.4 dB after three rounds without carrying
on, 25.7 after seven, 25.85 after fifteen; 25.8 after six with it, and the distance from the true surface 0.43, 0.39,
0.37 and 0.38 mm."""

_CARRIES_ON = 0.45
"""Share of the last round's move that is made again: what many triangles must do together takes many rounds (Polyak's
heavy ball, 1964). A round that it makes worse is made again without (O'Donoghue and Candes 2015)."""

_LONGEST = 800
"""Pixels of the object's longer side that are compared: more see no more of the surface, and cost time."""

_MOST_PHOTOS = 32
"""Photos compared at most, evenly taken from all: bounds time, and memory to 250 MB."""

LEAST_PHOTOS = 3
"""Two photos agree on any depth along a line; a third says which."""

_TEXELS_A_PIXEL = 2.5
_SIDES = (128, 1024)
"""Least and most texels a side of the texture that is compared."""

_FARTHEST = 0.03
"""Most that a vertex may move in all, in diagonals: what is farther off is no small error, and not for a flow."""

_BETTER = 0.997
"""What a round must leave of the mean squared difference for another to be worth its time."""

Tell = Callable[[float, str], None]
"""Called with the share done and what is being done; may raise to stop."""


@dataclass(frozen=True)
class Aligned:
    """The moved ``mesh``; ``rounds`` that were kept; ``moved``: mean distance, ``before`` and ``after``: root of the
    mean squared difference between photos and the painted surface, 8-bit colours.
    """

    mesh: Mesh
    rounds: int
    moved: float
    before: float
    after: float


@dataclass(frozen=True)
class _View:
    """A photo's ``look`` at the mesh, ``face`` (H, W) int32 that it sees, and ``reach`` (H, W) of its mask."""

    look: Look
    face: np.ndarray
    reach: np.ndarray

    @staticmethod
    def of(source: Source, mesh: Mesh) -> _View:
        _, mask = source.read()
        return _View(look(source, mesh, doubt_steps=False), np.zeros((0, 0), np.int32), reach_of(mask)).of_moved(mesh)

    def of_moved(self, mesh: Mesh) -> _View:
        depth, face = depth_and_face(mesh, self.look.camera)
        return replace(self, look=replace(self.look, depth=depth), face=face)


def align(mesh: Mesh, unwrapped: Unwrapped, sources: list[Source], tolerance: float, tell: Tell) -> Aligned:
    """Move the vertices of ``mesh`` along their normals until its texture is the same in all photos.

    A round that makes the painted surface less like the photos is taken back, and is the last. ``tolerance``: how far
    behind the mesh's depth is still seen. Raises ``ValueError`` for fewer than ``LEAST_PHOTOS`` sources.
    """
    if len(sources) < LEAST_PHOTOS:
        raise ValueError(f"expected at least {LEAST_PHOTOS} photos to align, got {len(sources)}")
    tell(0.0, "Comparing the photos on the surface")
    chosen = sources[:: -(-len(sources) // _MOST_PHOTOS)]
    views = [_View.of(cropped(s, mesh, _LONGEST), mesh) for s in chosen]
    factors = gains_of(mesh, [v.look for v in views], tolerance)
    side = _side(mesh, unwrapped, views)
    limit = _FARTHEST * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    best, onwards = mesh, np.zeros((1, 3))
    current, step, carrying, errors = mesh, np.zeros((1, 3)), False, list[float]()
    for number in range(_ROUNDS + 1):
        shift, error = _compared(
            current, unwrapped, views, factors, side, tolerance,
            lambda share: tell((number + share) / (_ROUNDS + 1), "Comparing the photos on the surface"),  # noqa: B023
        )  # fmt: skip
        if not errors or error < errors[-1]:
            best, onwards, step = current, shift, shift + _CARRIES_ON * step
            errors.append(error)
            if len(errors) > 1 and error > _BETTER * errors[-2]:
                break
        elif carrying:
            step = onwards
        else:
            break
        carrying = step is not onwards and len(errors) > 1
        if number < _ROUNDS:
            current = _moved(mesh, best, step, limit)
            views = [view.of_moved(current) for view in views]
    distance = float(np.linalg.norm(best.vertices - mesh.vertices, axis=1).mean())
    return Aligned(best, len(errors) - 1, distance, float(np.sqrt(errors[0])), float(np.sqrt(errors[-1])))


def _compared(
    mesh: Mesh, unwrapped: Unwrapped, views: list[_View], factors: np.ndarray, side: int, tolerance: float,
    tell: Callable[[float], None],
) -> tuple[np.ndarray, float]:  # fmt: skip
    """Where each vertex goes, (N, 3), and the mean squared difference from the photos as it is."""
    normals = vertex_normals(mesh.vertices, mesh.faces)
    painted = _painted(mesh, normals, unwrapped, views, factors, side, tolerance)
    textures = MipMap.of(painted.colour)
    seen, off = [], []
    for index, (view, gain) in enumerate(zip(views, factors, strict=True)):
        tell(0.1 + 0.8 * index / len(views))
        photo = view.look
        flow = flow_to_photo(textured_rgba(painted, photo.camera, 1, textures), photo.levels[0], photo.trust, gain)
        rim = rim_of(mesh.faces, view.face, view.reach, len(normals))
        seen.append(observe(mesh, normals, photo.camera, photo.depth, flow, rim, tolerance))
        off.append(flow.off)
    return normals * moves(mesh.faces, normals, seen)[:, None], float(np.mean(off))


def _painted(
    mesh: Mesh, normals: np.ndarray, unwrapped: Unwrapped, views: list[_View], factors: np.ndarray, side: int,
    tolerance: float,
) -> TexturedMesh:  # fmt: skip
    """``mesh`` with its colours alone."""
    directions, vertices = normals[unwrapped.source].astype(np.float32), mesh.vertices[unwrapped.source]
    texels = texels_of(vertices, directions, unwrapped.faces, unwrapped.uvs, side)
    colours, seen = paint(texels, [v.look for v in views], factors, tolerance)
    colour = fill.spread_outwards(texels.picture(colours), texels.picture(seen[:, None])[..., 0])
    nothing = np.zeros((1, 1, 3), np.uint8)
    return TexturedMesh(
        vertices, unwrapped.faces, directions, unwrapped.uvs, colour, nothing, nothing, nothing[..., 0]
    )  # fmt: skip


def _side(mesh: Mesh, unwrapped: Unwrapped, views: list[_View]) -> int:
    """Texels a side at which the photos' pixels are somewhat larger than a texel."""
    middle = mesh.vertices.mean(axis=0)
    scale = np.median([v.look.camera.K[0, 0] / np.linalg.norm(v.look.camera.centre - middle) for v in views])
    texels = _TEXELS_A_PIXEL * area(mesh.vertices, mesh.faces) * scale**2 / max(unwrapped.used, 0.05)
    return int(np.clip(np.sqrt(texels), *_SIDES))


def _moved(first: Mesh, mesh: Mesh, shift: np.ndarray, limit: float) -> Mesh:
    """``mesh`` moved by ``shift`` (N, 3), no vertex farther than ``limit`` from where it was at ``first``."""
    total = mesh.vertices + shift - first.vertices
    length = np.linalg.norm(total, axis=1, keepdims=True)
    total *= np.minimum(1.0, limit / np.maximum(length, 1e-30))
    return Mesh(first.vertices + total, mesh.faces, mesh.colours)


def carried(mesh: Mesh, moved: Mesh, points: np.ndarray) -> np.ndarray:
    """``points`` (K, 3) near ``mesh`` moved as it was moved near them; ``moved`` has the same vertices in order."""
    from scipy.spatial import cKDTree

    count = min(4, len(mesh.vertices))
    distance, nearest = cKDTree(mesh.vertices).query(points, k=count, workers=-1)
    distance, nearest = distance.reshape(-1, count), nearest.reshape(-1, count)
    weight = 1.0 / np.maximum(distance, 1e-9)
    weight /= weight.sum(axis=1, keepdims=True)
    return points + np.einsum("nk,nkc->nc", weight, (moved.vertices - mesh.vertices)[nearest])
