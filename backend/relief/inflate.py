# SPDX-License-Identifier: GPL-3.0-or-later
"""How thick a silhouette is: a soap film blown up over it, so that a disc becomes a ball and a leg a rounded leg.

The square s of half the thickness solves (1 / reach^2 - laplacian) s = 4 with s = 0 on the contour; over a disc of
radius r, far from ``reach``, that is r^2 - x^2: a ball. The contour lies between pixels where the soft mask is a half;
there the equations are those of Gibou et al. 2002 (Journal of Computational Physics 176, section 2.2), so that it has
no stairs. Outside s is continued below zero, so that the level 0 lies on the contour.

Notation: a grid of R x C cells, each ``step`` pixels of the picture wide; lengths in cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

THICKNESS = 0.7
"""What a relief is thick by default: most things are flatter, seen from where they are photographed, than round."""

_MARGIN = 3
"""Empty cells around the silhouette."""

_REACH = 0.5
"""Of the longer side: parts wider than about twice this grow no thicker."""

_LEAST_PART = 2e-4
"""Share of the silhouette's area below which a part is a speck."""

_THIN, _LONG = 1.5, 4.0
"""Cells: what is thinner would be lost, unless it is as short as the tip of a corner."""

_NEAREST = 0.05
"""Least distance, in cells, of the contour from a cell's centre: closer ones would swamp the equations."""


@dataclass(frozen=True)
class Inflated:
    """``square`` (R, C) float64 as above; the corner of the grid at pixel (``left``, ``top``), cells of ``step``."""

    square: np.ndarray
    left: float
    top: float
    step: float

    @property
    def half(self) -> np.ndarray:
        """Half the thickness (R, C) in cells, 0 outside."""
        return np.sqrt(np.maximum(self.square, 0.0))

    def pixels(self, rows: Any, columns: Any) -> np.ndarray:
        """Pixels (N, 2) of the picture at ``rows`` and ``columns`` (N,), which count from the first cell's centre."""
        return np.stack([self.left + (columns + 0.5) * self.step, self.top + (rows + 0.5) * self.step], axis=-1)

    def sampled(self, picture: np.ndarray) -> np.ndarray:
        """``picture`` (H, W, ...) of the photo's pixels at the cells' centres, (R, C, ...) float32."""
        rows, columns = np.indices(self.square.shape)
        where = self.pixels(rows, columns).astype(np.float32) - 0.5
        smooth = cv2.blur(picture.astype(np.float32), (max(1, round(self.step)),) * 2)
        return cv2.remap(smooth, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def inflate(mask: np.ndarray, side: int) -> Inflated:
    """Inflate the object of ``mask`` (H, W) uint8 on a grid whose longer side has ``side`` cells.

    Raises ``ValueError`` for a mask in which nothing is solid.
    """
    rows, columns = np.nonzero(mask > 127)
    if not len(rows):
        raise ValueError("expected a mask with an object in it, got an empty one")
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()]) + 1
    side = min(side, 2 * int((high - low).max()))  # finer cells would only show pixels
    step = float((high - low).max()) / side
    left, top = low - _MARGIN * step
    shape = tuple(int(np.ceil(n / step)) + 2 * _MARGIN for n in (high - low)[::-1])
    soft = Inflated(np.zeros(shape), left, top, step)
    level = cv2.GaussianBlur(_padded(soft, _thick_enough(mask, step)), (0, 0), 0.7).astype(np.float64)
    level -= 0.5 * level.max()  # 0.5, but for what is no larger than the blur
    return Inflated(_solve(_without_specks(level), _REACH * side), left, top, step)


def _thick_enough(mask: np.ndarray, step: float) -> np.ndarray:
    """``mask`` (H, W) uint8 with long parts that are thinner than cells made as thick: legs would fall to pieces."""
    width = 2 * int(np.ceil(_THIN * step / 2)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    thin = np.where(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc) > 127, 0, (mask > 127).astype(np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin.astype(np.uint8), connectivity=8)
    long = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) > _LONG * step
    long[0] = False
    return np.maximum(mask, 255 * cv2.dilate(long[labels].astype(np.uint8), disc))


def _padded(grid: Inflated, mask: np.ndarray) -> np.ndarray:
    """The mask in [0, 1] at the grid's cells, 0 beyond the picture's edges."""
    edge = int(np.ceil((_MARGIN + 1) * grid.step))
    wide = cv2.copyMakeBorder(mask, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0)
    shifted = Inflated(grid.square, grid.left + edge, grid.top + edge, grid.step)
    return shifted.sampled(wide) / 255.0


def _without_specks(level: np.ndarray) -> np.ndarray:
    _, labels, stats, _ = cv2.connectedComponentsWithStats((level > 0).astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    small = areas < max(2.0, _LEAST_PART * areas[1:].sum()) if len(areas) > 1 else np.zeros(len(areas), bool)
    small[0] = False
    return np.where(small[labels], -0.5, level)


def _solve(level: np.ndarray, reach: float) -> np.ndarray:
    """The square (R, C) over ``level`` > 0, continued outside."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import spsolve

    inside = level > 0
    number = np.full(level.shape, -1)
    number[inside] = np.arange(inside.sum())
    diagonal = np.full(int(inside.sum()), 1.0 / reach**2)
    links: list[tuple[np.ndarray, np.ndarray]] = []
    cuts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        here, there = number[inside], np.roll(number, -shift, axis)[inside]
        linked = there >= 0
        diagonal[here[linked]] += 1.0
        links.append((here[linked], there[linked]))
        own, other = level[inside][~linked], np.roll(level, -shift, axis)[inside][~linked]
        share = np.maximum(own / (own - other), _NEAREST)
        diagonal[here[~linked]] += 1.0 / share
        outside = np.roll(np.arange(level.size).reshape(level.shape), -shift, axis)[inside][~linked]
        cuts.append((here[~linked], outside, share))
    row, column = (np.concatenate([pair[k] for pair in links]) for k in range(2))
    count = len(diagonal)
    everything = np.arange(count)
    matrix = coo_matrix(
        (
            np.concatenate([diagonal, np.full(len(row), -1.0)]),
            (np.concatenate([everything, row]), np.concatenate([everything, column])),
        ),
        (count, count),
    ).tocsc()
    found = np.atleast_1d(spsolve(matrix, np.full(count, 4.0)))
    square = np.zeros(level.size)
    square[inside.ravel()] = found
    return _continued(square.reshape(level.shape), inside, found, cuts)


def _continued(
    square: np.ndarray, inside: np.ndarray, found: np.ndarray, cuts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Below zero outside: at the contour so that the level 0 lies where the mask has it, then ever farther down."""
    total, count = np.zeros(square.size), np.zeros(square.size)
    for here, outside, share in cuts:
        np.add.at(total, outside, -found[here] * (1 - share) / share)
        np.add.at(count, outside, 1.0)
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    beyond = -np.maximum(distance, 1.0).astype(np.float64).ravel()
    near = count > 0
    beyond[near] = np.minimum(total[near] / count[near], -1e-6)
    return np.where(inside, square, beyond.reshape(square.shape))
