# SPDX-License-Identifier: GPL-3.0-or-later
"""Points as PLY, z up: those of the surface with a normal and a radius each, and those of structure from motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..images import read_grey
from ..mesh.placing import spread
from ..mesh.triangles import Mesh, area
from ..ply import read_ply, table, write_ply
from ..records import Camera, Masks

_ON_OBJECT = 0.9
"""Share of the masks that must show a sparse point inside for it to count as the object's."""

_OVERLAP = 0.75
"""Radius of a point over the root of the area it stands for: discs of this size just cover the surface."""


def read_points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions (N, 3) float64 and colours (N, 3) uint8 of a PLY of sparse points."""
    rows, _ = read_ply(path)
    positions = np.stack([rows["x"], rows["y"], rows["z"]], axis=1).astype(np.float64)
    return positions, np.stack([rows["red"], rows["green"], rows["blue"]], axis=1)


def write_sparse(path: Path, positions: np.ndarray, colours: np.ndarray, unit: str) -> None:
    """Write positions (N, 3), in the delivered unit, with their colours (N, 3) uint8."""
    write_ply(path, table(_columns(positions) | _tints(colours)), comment=f"z up, unit {unit}")


def write_cloud(
    path: Path, mesh: Mesh, more: tuple[np.ndarray, np.ndarray], count: int, seed: int, factor: float, unit: str
) -> int:
    """Write about ``count`` points spread evenly over ``mesh``, coloured by it, and ``more`` positions with colours.

    All come in the world and are written times ``factor``; returns how many there are.
    """
    points, normals, face, weights = spread(mesh, count, np.random.default_rng(seed))
    tints = np.einsum("nk,nkc->nc", weights, mesh.colours[mesh.faces[face]].astype(np.float64))
    positions, colours = more
    everything = np.concatenate([points, positions])
    columns = _columns(everything * factor)
    columns |= _columns(np.concatenate([normals, np.zeros((len(positions), 3))]), ("nx", "ny", "nz"))
    columns |= _tints(np.concatenate([np.round(tints), colours]).astype(np.uint8))
    radius = _OVERLAP * float(np.sqrt(area(mesh.vertices, mesh.faces) / max(len(points), 1)))
    columns["radius"] = np.full(len(everything), radius * factor, np.float32)
    write_ply(path, table(columns), comment=f"z up, unit {unit}")
    return len(everything)


def on_object(points: np.ndarray, mesh: Mesh, cameras: list[Camera], masks_folder: Path) -> np.ndarray:
    """Which of ``points`` (N, 3) lie in the mesh's box and inside nearly all masks that have them in view."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    slack = 0.01 * float(np.linalg.norm(high - low))
    inside = ((points > low - slack) & (points < high + slack)).all(axis=1)
    masks = Masks.load(masks_folder).named()
    votes, views = np.zeros(len(points)), np.zeros(len(points))
    for camera in cameras:
        if camera.name not in masks:
            continue
        mask = read_grey(masks_folder / masks[camera.name].image) > 127
        pixels, depth = camera.project(points)
        in_view = (depth > 0) & (pixels >= 0).all(axis=1)
        in_view &= (pixels[:, 0] < camera.width) & (pixels[:, 1] < camera.height)
        column, row = pixels[in_view].astype(int).T
        votes[in_view] += mask[row, column]
        views[in_view] += 1
    return inside & (views > 0) & (votes >= _ON_OBJECT * views)


def _columns(points: np.ndarray, names: tuple[str, str, str] = ("x", "y", "z")) -> dict[str, np.ndarray]:
    """Columns of a PLY from (N, 3)."""
    return dict(zip(names, points.astype(np.float32).T, strict=True))


def _tints(colours: np.ndarray) -> dict[str, np.ndarray]:
    """Colour columns of a PLY from (N, 3) uint8."""
    return dict(zip(("red", "green", "blue"), colours.T, strict=True))
