# SPDX-License-Identifier: GPL-3.0-or-later
"""A surface out of a scene's density: marching cubes where it crosses a level, colours asked at the vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .field import Field
from .grid import Lattice, near_level

LEVEL = 25.0
"""Density of the surface, as the network was published with."""

_ON_FACE = 1.0 - 1e-6
"""Beyond this share of its half side a point lies on a face of the box: nothing is there, so that bodies are closed."""


@dataclass(frozen=True)
class ColouredMesh:
    """``vertices`` (V, 3) float32, model's box, z up; ``faces`` (F, 3) int32, counter-clockwise from outside;
    ``colours`` (V, 3) float32 sRGB in [0, 1].
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray


def mesh(field: Field, side: int, level: float = LEVEL) -> ColouredMesh:
    """The surface on a lattice of ``side`` cells, closed where it reaches the box.

    Raises ``ValueError`` where the density crosses the level nowhere.
    """
    device = field.planes.device
    face, outside = np.float32(field.radius * _ON_FACE), np.float32(np.log(level) - 1.0)

    def ask(points: np.ndarray) -> np.ndarray:
        # The logarithm is closer to linear across a cell than the density is, so vertices lie better.
        logs = (field.raw(torch.from_numpy(points).to(device))[:, 0] + field.density_bias).cpu().numpy()
        return np.where(np.abs(points).max(axis=1, initial=0) > face, np.minimum(logs, outside), logs)

    lattice = near_level(ask, field.radius, side, float(np.log(level)))
    if lattice.cells.size and _all_of_the_box(lattice):
        raise ValueError(
            f"expected a field with a surface, got one that is denser than {level:.3g} wherever it is asked"
        )
    vertices, faces = surface(lattice, field.radius, float(np.log(level)))
    colours = field.colour(torch.from_numpy(vertices).to(device)).cpu().numpy()
    return ColouredMesh(vertices, faces, colours)


def _all_of_the_box(lattice: Lattice) -> bool:
    """Whether the level is crossed at the box's faces alone, and at all of them."""
    last = lattice.side - 1
    at_face = ((lattice.cells == 0) | (lattice.cells == last)).any(axis=1)
    return bool(at_face.all()) and len(lattice.cells) >= 6 * last**2


def surface(lattice: Lattice, radius: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float32 in the box and faces (F, 3) int32 of the level (Lewiner et al. 2003, by scikit-image).

    Raises ``ValueError`` where no cell is crossed.
    """
    from skimage.measure import marching_cubes

    if not len(lattice.cells):
        raise ValueError(f"expected a field that crosses {level:.3g}, got one that lies wholly on one side of it")
    first, last = lattice.cells.min(axis=0), lattice.cells.max(axis=0) + 2
    values = lattice.values[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    mask = np.zeros(values.shape, bool)
    mask[tuple((lattice.cells - first + 1).T)] = True  # scikit-image names a cell by its highest corner
    # "ascent": for what is larger inside, its faces then turn counter-clockwise seen from outside.
    vertices, faces, _, _ = marching_cubes(values, level, mask=mask, gradient_direction="ascent")
    vertices += first
    return ((vertices * (2.0 / lattice.side) - 1.0) * radius).astype(np.float32), faces.astype(np.int32)
