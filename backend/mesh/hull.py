# SPDX-License-Identifier: GPL-3.0-or-later
"""The visual hull of the masks as a closed mesh: views, grid, field, islands, marching cubes.

Notation: world of ``cameras.json``; a grid has voxel centres ``origin + step * (i, j, k)``; its field is float32,
positive inside, in world units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...kernels import carving
from ..records import Camera
from .cleaning import sewn
from .triangles import Mesh, volume

SMOOTHING = 0.7
"""Standard deviation in voxels of the blur of the field: removes marching cubes' steps, rounds less than a voxel."""

_BAND = 4.0
"""The field is cut off this many voxels from the surface before it is blurred, so that far values cannot leak in."""


@dataclass
class Views:
    """Silhouettes as the carving kernel takes them (see ``kernels/carving.py``), and how they are to be believed."""

    projections: np.ndarray
    distances: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    focals: np.ndarray
    weights: np.ndarray
    margin: float
    budget: float
    least_seen: float

    def arguments(self) -> tuple:
        """What every carving kernel takes after its points or its grid."""
        return (
            self.projections, self.distances, self.starts, self.sizes, self.focals, self.weights,
            self.margin, self.budget, self.least_seen,
        )  # fmt: skip


@dataclass
class Grid:
    """A regular grid: ``origin`` (3,) the first voxel's centre, ``step`` its edge, ``shape`` three counts."""

    origin: np.ndarray
    step: float
    shape: tuple[int, int, int]

    @staticmethod
    def over(box: np.ndarray, step: float) -> Grid:
        """The grid of edge ``step`` that covers ``box`` (2, 3) and one voxel more on each side."""
        shape = np.ceil((box[1] - box[0]) / step).astype(int) + 3
        origin = box.mean(axis=0) - step * (shape - 1) / 2
        return Grid(origin, step, (int(shape[0]), int(shape[1]), int(shape[2])))


def views_of(
    cameras: list[Camera],
    distances: list[np.ndarray],
    factors: list[int],
    weights: np.ndarray,
    margin: float,
    doubt: float,
    least_seen: float,
) -> Views:
    """Pack signed distances (full-size pixels, reduced by ``factors``) with their cameras.

    ``doubt`` is the share of all weight that may be overruled at a point, ``least_seen`` the share that must see it.
    """
    projections, focals = [], []
    for camera, factor in zip(cameras, factors, strict=True):
        scale = np.diag([1 / factor, 1 / factor, 1.0])
        projections.append(scale @ camera.K @ camera.cam_from_world[:3])
        focals.append(np.sqrt(abs(camera.K[0, 0] * camera.K[1, 1])))  # of the full size: so are the distances
    sizes = np.array([d.shape for d in distances], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))[:-1]])
    total = float(weights.sum())
    return Views(
        np.ascontiguousarray(projections, np.float64),
        np.concatenate([d.ravel() for d in distances]).astype(np.float32),
        starts, sizes, np.array(focals), np.asarray(weights, np.float64), margin, doubt * total, least_seen * total,
    )  # fmt: skip


def field_of(grid: Grid, views: Views, tell: Callable[[float], None]) -> np.ndarray:
    """The field on ``grid``; ``tell(share done)`` is called between slabs and may raise to stop."""
    out = np.zeros(grid.shape, np.float32)
    slabs = (grid.shape[0] + carving.BLOCK - 1) // carving.BLOCK
    for slab in range(slabs):
        tell(slab / slabs)
        carving.carve_grid(grid.origin, grid.step, *views.arguments(), slab, slab + 1, out)
    return out


def cut_beyond(field: np.ndarray, grid: Grid, planes: np.ndarray) -> None:
    """Close the field at ``planes`` (P, 4) in place: what lies beyond one, at n x > d, goes.

    One of them is the ground: what lies under the support is not seen by any camera.
    """
    for plane in planes:
        counts = zip(plane, grid.origin, grid.shape, strict=False)
        axes = [n * (o + grid.step * np.arange(count)) for n, o, count in counts]
        along = axes[0][:, None, None] + axes[1][None, :, None] + axes[2]
        np.minimum(field, (plane[3] - along).astype(np.float32), out=field)


def touched_sides(field: np.ndarray) -> list[str]:
    """Sides of the grid at which the inside is cut off."""
    faces = {
        "-x": field[0], "+x": field[-1], "-y": field[:, 0], "+y": field[:, -1], "-z": field[:, :, 0],
        "+z": field[:, :, -1],
    }  # fmt: skip
    return [name for name, values in faces.items() if (values > 0).any()]


def keep_object(field: np.ndarray, least_share: float) -> tuple[np.ndarray, int]:
    """The inside as (X, Y, Z) bool without islands below ``least_share`` of the largest and without inner cavities.

    Returns it with the number of islands removed. No camera sees into a cavity, so that one is never evidence.
    """
    from scipy import ndimage

    labels, count = ndimage.label(field > 0)
    if count == 0:
        return np.zeros(field.shape, bool), 0
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes >= least_share * sizes.max()
    kept[0] = False
    return ndimage.binary_fill_holes(kept[labels]), int(count - kept.sum())


def occupied_box(inside: np.ndarray, grid: Grid) -> np.ndarray:
    """Box (2, 3), world, of the voxels ``inside``."""
    index = [np.nonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))[0] for axis in range(3)]
    low, high = np.array([i[0] for i in index]), np.array([i[-1] for i in index])
    return np.stack([grid.origin + grid.step * low, grid.origin + grid.step * high])


def mesh_of(field: np.ndarray, inside: np.ndarray, grid: Grid) -> Mesh:
    """The closed surface of ``inside`` at sub-voxel position, by marching cubes (Lewiner 2003) on the blurred field."""
    from scipy import ndimage
    from skimage import measure

    reach = np.float32(_BAND * grid.step)
    signed = np.clip(field, -reach, reach)
    signed[inside & (signed <= 0)] = reach  # cavities filled
    signed[~inside & (signed > 0)] = -reach * 0.25  # islands removed
    signed = ndimage.gaussian_filter(signed, SMOOTHING, mode="nearest")
    padded = np.pad(signed, 1, constant_values=-reach)
    # A value of exactly zero puts a vertex on a corner and makes triangles without area.
    tiny = np.float32(1e-4 * grid.step)
    padded[np.abs(padded) < tiny] = -tiny
    vertices, faces, _, _ = measure.marching_cubes(padded, 0.0, allow_degenerate=False)
    vertices = grid.origin + grid.step * (vertices.astype(np.float64) - 1.0)
    faces = np.ascontiguousarray(faces, np.int32)
    if volume(vertices, faces) < 0:
        faces = np.ascontiguousarray(faces[:, ::-1])
    return sewn(Mesh(vertices, faces))
