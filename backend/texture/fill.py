# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours for what no photo saw, and for the space between charts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..mesh.triangles import Mesh
from .texels import Texels

_MOST_KNOWN = 100_000
"""Seen texels among which neighbours are sought; more would cost time and show no difference."""

_NEIGHBOURS = 12

_CELL = 4
"""Unseen texels are filled in cells of 4 x 4 and smoothly between: what is made up has no fine detail, and neighbours
are sought for a sixteenth of the places."""

_FADES = 0.05
"""How far, in diagonals, what seen texels tell of the mesh's own colours holds beyond them."""


def complete(texels: Texels, colours: np.ndarray, seen: np.ndarray, mesh: Mesh | None = None) -> np.ndarray:
    """Give unseen texels the mean of the seen ones nearest in space, nearer ones more; grey where none was seen.

    ``colours`` (N, 3) uint8, ``seen`` (N,) bool; returns (N, 3) uint8. Neighbours are sought in space and not in the
    texture, where what touches on the surface may lie far apart. ``mesh`` is for ``complete_from_mesh`` alone.
    """
    filled = colours.copy()
    if not seen.any():
        filled[:] = 128
        return filled
    if seen.all():
        return filled
    known = _some(seen)
    cells = _Cells.of(texels, ~seen)
    distance, nearest = _near(texels.points[known], cells.points, _NEIGHBOURS)
    filled[~seen] = _bytes(cells.spread(_weighted(distance, colours[known][nearest])))
    return filled


def complete_from_mesh(texels: Texels, colours: np.ndarray, seen: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Give unseen texels the colours of ``mesh`` there, brought to those of the seen ones where they meet.

    As ``complete``. What the mesh's colours are off by at the nearest seen texels is added, and fades within
    ``_FADES`` of the mesh's diagonal: no seam, and no tint all over the far side.
    """
    filled = colours.copy()
    if seen.all():
        return filled
    filled[~seen] = _bytes(_own(mesh, texels.points[~seen]))
    if not seen.any():
        return filled
    known = _some(seen)
    cells = _Cells.of(texels, ~seen)
    distance, around = _near(texels.points[known], cells.points, _NEIGHBOURS)
    off = (colours[known].astype(np.float64) - _own(mesh, texels.points[known]))[around].mean(axis=1)
    reach = _FADES * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    fading = np.exp(-((distance[:, 0] / reach) ** 2))[:, None]
    filled[~seen] = _bytes(filled[~seen] + cells.spread(fading * off))
    return filled


@dataclass(frozen=True)
class _Cells:
    """Texels gathered in cells of the texture: ``points`` (C, 3) float64 of the cells; ``rows``, ``columns`` (K,) of
    the texels; ``places`` (C, 2) int64: row and column of each cell; ``side`` cells.
    """

    points: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    side: int

    @staticmethod
    def of(texels: Texels, chosen: np.ndarray) -> _Cells:
        """Gather the ``chosen`` (N,) bool of ``texels``."""
        rows, columns = texels.rows[chosen], texels.columns[chosen]
        side = -(-texels.size // _CELL)
        index, first = np.unique((rows // _CELL).astype(np.int64) * side + columns // _CELL, return_index=True)
        # A cell may hold texels of two charts, whose mean lies on neither: one of its texels stands for it.
        points = texels.points[chosen][first].astype(np.float64)
        return _Cells(points, rows, columns, np.stack([index // side, index % side], axis=1), side)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """``values`` (C, K) of the cells at the texels, bilinear between cells."""
        picture = np.zeros((self.side, self.side, values.shape[1]), np.float32)
        held = np.zeros((self.side, self.side), bool)
        picture[self.places[:, 0], self.places[:, 1]] = values
        held[self.places[:, 0], self.places[:, 1]] = True
        picture = spread_outwards(picture, held)
        large = cv2.resize(picture, (self.side * _CELL,) * 2, interpolation=cv2.INTER_LINEAR)
        return large.reshape(self.side * _CELL, self.side * _CELL, -1)[self.rows, self.columns].astype(np.float64)


def _some(seen: np.ndarray) -> np.ndarray:
    known = np.nonzero(seen)[0]
    return known[:: max(1, len(known) // _MOST_KNOWN)]


def _near(known: np.ndarray, points: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices (K, n) of the nearest of ``known`` to each of ``points`` (K, 3)."""
    from scipy.spatial import cKDTree

    count = min(most, len(known))
    distance, nearest = cKDTree(known).query(points, k=count, workers=-1)
    return distance.reshape(-1, count), nearest.reshape(-1, count)


def _weighted(distance: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Means (K, C) of ``values`` (K, n, C), nearer ones more."""
    weight = 1.0 / np.maximum(distance, 1e-9)
    return np.einsum("nk,nkc->nc", weight, values.astype(np.float64)) / weight.sum(axis=1)[:, None]


def _own(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """The colours (K, 3) float64 of ``mesh`` at ``points`` (K, 3)."""
    distance, nearest = _near(mesh.vertices, points, 3)
    return _weighted(distance, mesh.colours[nearest])


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.clip(np.round(colours), 0, 255).astype(np.uint8)


def spread_outwards(picture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Give each texel outside ``covered`` (T, T) bool the value of its nearest covered one, so that no mip level
    and no bilinear sample at a chart's edge sees anything foreign. ``picture`` (T, T, C); all of it if none is covered.
    """
    if covered.all() or not covered.any():
        return picture
    outside = (~covered).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    values = np.zeros((int(labels.max()) + 1, picture.shape[2]), picture.dtype)
    values[labels[covered]] = picture[covered]
    return values[labels]
