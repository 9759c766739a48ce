# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts packed densely into a square: each is turned several ways and put where its bitmap fits, largest first.

Where a bitmap fits is read off its correlation with what is occupied, all places at once by a Fourier transform; of the
places that are free, the one nearest to a corner is taken. The square is filled to a share that is lowered until
everything fits.

Notation: the grid has ``CELLS`` cells a side; charts are (N, 2) points in texels of any unit, with triangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CELLS = 512
"""A cell is the gap between charts: 4 texels of a 2048 texture, enough for two mip levels."""

_FULLEST, _LEAST, _STEP = 0.74, 0.30, 0.01
"""Shares of the square that charts may take: tried from the fullest down, in larger steps the more charts there are."""

_MANY = 60
"""Charts for which a step is taken at its full fineness."""

_TURNS = ((24, 8), (96, 4))
"""The largest 24 charts are tried in 8 directions, the next 72 in 4, all others in 2."""

_OVERSAMPLED = 4


@dataclass
class Chart:
    """``vertices`` (K,) indices; ``points`` (K, 2) float64; ``triangles`` (M, 3) into ``points``; ``area``."""

    vertices: np.ndarray
    points: np.ndarray
    triangles: np.ndarray
    area: float


def charts_of(points: np.ndarray, faces: np.ndarray) -> list[Chart]:
    """Connected parts of a flattened mesh, (N, 2) and (M, 3), largest first; parts without area included."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.roll(faces, 1, axis=1)
    joined = coo_matrix((np.ones(faces.size), (faces.ravel(), ends.ravel())), (len(points), len(points)))
    count, label = connected_components(joined, directed=False)
    a, b = points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
    area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    place = np.zeros(len(points), np.int64)
    charts = []
    for part in range(count):
        inside, own = np.nonzero(label == part)[0], label[faces[:, 0]] == part
        place[inside] = np.arange(len(inside))
        charts.append(Chart(inside, points[inside], place[faces[own]], float(area[own].sum())))
    return sorted(charts, key=lambda chart: -chart.area)


def pack(points: np.ndarray, faces: np.ndarray) -> np.ndarray | None:
    """New places (N, 2) float64 in [0, 1] of a flattened mesh's vertices, charts turned, moved and scaled alike.

    None where the charts fit at none of the shares tried.
    """
    charts = charts_of(points, faces)
    total = sum(chart.area for chart in charts)
    if total <= 0:
        return None
    step = _STEP * max(1.0, len(charts) / _MANY)
    for fill in np.arange(_FULLEST, _LEAST, -min(step, 0.04)):
        placed = _packed(charts, CELLS * np.sqrt(fill / total), len(points))
        if placed is not None:
            return placed / CELLS
    return None


def _packed(charts: list[Chart], scale: float, count: int) -> np.ndarray | None:
    """Places (count, 2) in cells, or None as soon as a chart fits nowhere."""
    occupied = np.zeros((CELLS, CELLS), np.float32)
    out = np.zeros((count, 2))
    for rank, chart in enumerate(charts):
        best = _best_place(chart, scale, _turns(rank), occupied)
        if best is None:
            return None
        row, column, bitmap, points = best
        occupied[row : row + bitmap.shape[0], column : column + bitmap.shape[1]] += bitmap
        out[chart.vertices] = points + np.array([column, row])
    return out


def _turns(rank: int) -> np.ndarray:
    """Angles in which the chart of this rank is tried."""
    for below, number in _TURNS:
        if rank < below:
            return np.arange(number) * (2 * np.pi / number)
    return np.array([0.0, np.pi / 2])


def _best_place(
    chart: Chart, scale: float, angles: np.ndarray, occupied: np.ndarray
) -> tuple[int, int, np.ndarray, np.ndarray] | None:
    """Row, column, bitmap and points of the turn and place whose middle is nearest to the corner."""
    from scipy import fft

    spectrum = fft.rfft2(occupied)
    best, nearest = None, np.inf
    for angle in angles:
        cosine, sine = np.cos(angle), np.sin(angle)
        bitmap, points = _drawn(chart, scale * chart.points @ np.array([[cosine, sine], [-sine, cosine]]))
        height, width = bitmap.shape
        if max(height, width) > CELLS:
            continue
        overlap = fft.irfft2(spectrum * np.conj(fft.rfft2(bitmap, occupied.shape)), occupied.shape)
        rows, columns = np.nonzero(overlap[: CELLS - height + 1, : CELLS - width + 1] < 0.5)
        if not len(rows):
            continue
        far = (rows + height / 2) ** 2 + (columns + width / 2) ** 2
        first = int(far.argmin())
        if far[first] < nearest:
            best, nearest = (int(rows[first]), int(columns[first]), bitmap, points), far[first]
    return best


def _drawn(chart: Chart, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells (h, w) float32 that the chart touches, and its points moved into them, half a cell from the border."""
    points = points - points.min(axis=0) + 0.5
    width, height = np.ceil(points.max(axis=0) + 0.5).astype(int)
    fine = np.zeros((height * _OVERSAMPLED, width * _OVERSAMPLED), np.uint8)
    corners = np.round(points * _OVERSAMPLED).astype(np.int32)
    for triangle in chart.triangles:
        cv2.fillConvexPoly(fine, corners[triangle], 1)
    cells = fine.reshape(height, _OVERSAMPLED, width, _OVERSAMPLED).max(axis=(1, 3))
    return cells.astype(np.float32), points
