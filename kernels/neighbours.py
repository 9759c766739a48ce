# SPDX-License-Identifier: GPL-3.0-or-later
"""Nearest neighbours of points among themselves, and an even subset of them, on a regular grid.

Notation: ``points`` (N, 3) float64. A point's cell is the integer part of ``(point - origin) / step``, counted in
``shape`` (3,) cells; ``order`` (N,) lists the points cell by cell, those of cell c from ``starts[c]`` to
``starts[c + 1]``.
"""

from __future__ import annotations

import numba
import numpy as np

from ._jit import parallel, serial

_CELLS_PER_POINT = 4
"""Cells of the grid a point: points on a surface fill few of them, about five each."""


def nearest(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` nearest other points of each: indices (N, count) int32 and distances (N, count) float64.

    Sorted by distance; -1 and inf where there are not so many others.
    """
    points = np.ascontiguousarray(points, np.float64)
    index = np.full((len(points), count), -1, np.int32)
    distance = np.full((len(points), count), np.inf)
    if len(points) > 1 and count:
        origin, step, shape = grid_over(points, _CELLS_PER_POINT * len(points))
        order, starts = by_cell(points, origin, step, shape)
        search(points, origin, step, shape, order, starts, index, distance)
    return index, distance


def even_subset(points: np.ndarray, radius: float) -> np.ndarray:
    """Which points (N,) bool stay when each, in turn, is dropped if it lies nearer than ``radius`` to a kept one.

    In random order this is dart throwing: the kept points are even, with no two nearer than ``radius`` (Cook 1986).
    """
    points = np.ascontiguousarray(points, np.float64)
    kept = np.zeros(len(points), np.bool_)
    if not len(points) or radius <= 0:
        kept[:] = True
        return kept
    origin, step, shape = grid_over(points, 8 * len(points) + 64)
    step = max(step, radius)
    shape = np.floor((points.max(axis=0) - origin) / step).astype(np.int64) + 1
    thin(points, origin, step, shape, radius, kept)
    return kept


def grid_over(points: np.ndarray, cells: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Origin, edge and shape of a grid over ``points`` with at most ``cells`` cells."""
    origin = points.min(axis=0)
    extent = np.maximum(points.max(axis=0) - origin, 1e-12)
    step = float(extent.max()) / max(int(cells ** (1 / 3)), 1)
    while True:
        # Flat sets leave most of a cube's cells unused: refine until the count is reached.
        finer = np.floor(extent / (step / 1.3)).astype(np.int64) + 1
        if finer.prod() > cells or step < extent.max() * 1e-6:
            break
        step /= 1.3
    shape = np.floor(extent / step).astype(np.int64) + 1
    return origin, step, shape


def by_cell(points: np.ndarray, origin: np.ndarray, step: float, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points listed cell by cell: ``order`` (N,) int64 and ``starts`` (cells + 1,) int64."""
    cell = np.minimum(np.floor((points - origin) / step).astype(np.int64), shape - 1)
    flat = (cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2]
    order = np.argsort(flat, kind="stable")
    starts = np.zeros(int(shape.prod()) + 1, np.int64)
    np.cumsum(np.bincount(flat, minlength=int(shape.prod())), out=starts[1:])
    return order, starts


@serial
def _cell_of(value: float, origin: float, step: float, count: int) -> int:
    """Cell along one axis."""
    return min(max(int((value - origin) / step), 0), count - 1)


@serial
def _insert(index: np.ndarray, distance: np.ndarray, other: int, squared: float) -> None:
    """Put a candidate into one point's sorted lists; of equal distances the lower index comes first."""
    k = index.shape[0] - 1
    if squared > distance[k] or (squared == distance[k] and 0 <= index[k] < other):
        return
    while k > 0 and (distance[k - 1] > squared or (distance[k - 1] == squared and index[k - 1] > other)):
        distance[k], index[k] = distance[k - 1], index[k - 1]
        k -= 1
    distance[k], index[k] = squared, other


@serial
def _search_one(
    n: int,
    points: np.ndarray,
    origin: np.ndarray,
    step: float,
    shape: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    index: np.ndarray,
    distance: np.ndarray,
) -> None:
    """The neighbours of point ``n``. Apart from its caller because it compiles faster so."""
    nx, ny, nz = shape[0], shape[1], shape[2]
    last = index.shape[1] - 1
    x, y, z = points[n, 0], points[n, 1], points[n, 2]
    cx = _cell_of(x, origin[0], step, nx)
    cy = _cell_of(y, origin[1], step, ny)
    cz = _cell_of(z, origin[2], step, nz)
    for ring in range(max(nx, ny, nz)):
        for i in range(max(cx - ring, 0), min(cx + ring, nx - 1) + 1):
            for j in range(max(cy - ring, 0), min(cy + ring, ny - 1) + 1):
                # Inside the ring's shell only its two lids are new.
                stride = 1 if abs(i - cx) == ring or abs(j - cy) == ring else max(2 * ring, 1)
                for k in range(cz - ring, cz + ring + 1, stride):
                    if k < 0 or k >= nz:
                        continue
                    cell = (i * ny + j) * nz + k
                    for s in range(starts[cell], starts[cell + 1]):
                        other = order[s]
                        if other != n:
                            dx, dy, dz = points[other, 0] - x, points[other, 1] - y, points[other, 2] - z
                            _insert(index[n], distance[n], other, dx * dx + dy * dy + dz * dz)
        # What has not been visited lies at least `ring` cells away.
        if distance[n, last] <= (ring * step) ** 2:
            break
    for k in range(last + 1):
        distance[n, k] = np.sqrt(distance[n, k])


@parallel
def search(
    points: np.ndarray,
    origin: np.ndarray,
    step: float,
    shape: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    index: np.ndarray,
    distance: np.ndarray,
) -> None:
    """Fill ``index`` (N, k) int32 and ``distance`` (N, k) float64, given as -1 and inf, ring of cells by ring."""
    for n in numba.prange(points.shape[0]):
        _search_one(n, points, origin, step, shape, order, starts, index, distance)


@serial
def thin(
    points: np.ndarray, origin: np.ndarray, step: float, shape: np.ndarray, radius: float, kept: np.ndarray
) -> None:
    """Mark in ``kept`` (N,) bool the points with no earlier kept one nearer than ``radius``; ``step`` >= radius."""
    nx, ny, nz = shape[0], shape[1], shape[2]
    head = np.full(nx * ny * nz, -1, np.int64)
    following = np.full(points.shape[0], -1, np.int64)
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        cx = _cell_of(x, origin[0], step, nx)
        cy = _cell_of(y, origin[1], step, ny)
        cz = _cell_of(z, origin[2], step, nz)
        free = True
        for i in range(max(cx - 1, 0), min(cx + 1, nx - 1) + 1):
            for j in range(max(cy - 1, 0), min(cy + 1, ny - 1) + 1):
                for k in range(max(cz - 1, 0), min(cz + 1, nz - 1) + 1):
                    other = head[(i * ny + j) * nz + k]
                    while other >= 0 and free:
                        dx, dy, dz = points[other, 0] - x, points[other, 1] - y, points[other, 2] - z
                        free = dx * dx + dy * dy + dz * dz >= radius * radius
                        other = following[other]
        if free:
            cell = (cx * ny + cy) * nz + cz
            following[n], head[cell] = head[cell], n
            kept[n] = True
