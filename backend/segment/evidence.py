# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pixel's colour and its difference from the backdrop say together.

The two are no independent witnesses: on a white patch of the ground both speak of white. So their joint distributions,
on the object and beside it, are learnt from the frames themselves, and the log of their ratio is the evidence. A white
pixel that differs from the ground at its place is then judged by the white pixels that did so elsewhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from .colour import LIMIT

_COLOURS, _DIFFERENCES = 13, 12
"""Bins of the colours' log-likelihood ratio in [-LIMIT, LIMIT], and of the logarithm of 1 + the difference."""

_LARGEST = 2.2
"""log(1 + difference) at the last bin: eight standard deviations."""

_RELIEFS, _LOWEST, _RANGE = 11, -0.4, 1.1
"""Bins of the relief (``parallax.py``), the least one's value and the range they cover."""


def difference_bins(unlike: np.ndarray) -> np.ndarray:
    """Bin of each difference (h, w) float32, uint8; 0 where it is unknown (NaN)."""
    known = ~np.isnan(unlike)
    scaled = np.log1p(np.where(known, unlike, 0)) * (_DIFFERENCES / _LARGEST)
    return np.where(known, 1 + np.minimum(scaled, _DIFFERENCES - 1).astype(np.uint8), 0).astype(np.uint8)


def count(ratios: np.ndarray, bins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Joint histogram (_COLOURS, _DIFFERENCES + 1) of colour ``ratios`` and difference ``bins``, all (h, w)."""
    index = _colour_bins(ratios) * (_DIFFERENCES + 1) + bins
    size = _COLOURS * (_DIFFERENCES + 1)
    return np.bincount(index.ravel(), weights.ravel().astype(np.float64), minlength=size).reshape(_COLOURS, -1)


def joint_table(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Log-likelihood ratio for each joint bin, float32 in [-LIMIT, LIMIT], from the counts of both sides.

    Compared within pixels of known and of unknown difference apart: that the ground under an object is unknown says
    where the object stands, which the hull says better.
    """
    table = np.zeros(inside.shape, np.float32)
    for columns in (slice(0, 1), slice(1, None)):
        densities = []
        for counts in (inside, outside):
            part = cv2.GaussianBlur(counts[:, columns], (0, 0), 0.7, borderType=cv2.BORDER_REPLICATE)
            densities.append((part + 1e-9) / (part.sum() + 1e-9 * part.size) + 0.02 / part.size)
        table[:, columns] = np.log(densities[0] / densities[1])
    return np.clip(table, -LIMIT, LIMIT)


def judge(table: np.ndarray, ratios: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Evidence (h, w) float32 for the object, given ``table`` (see ``joint_table``)."""
    return table[_colour_bins(ratios), bins]


def _colour_bins(ratios: np.ndarray) -> np.ndarray:
    """Bin of each log-likelihood ratio, int64."""
    return np.clip((ratios + LIMIT) * (_COLOURS / (2 * LIMIT)), 0, _COLOURS - 1).astype(np.int64)


def relief_bins(relief: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bin of each relief (h, w) float32, uint8 at ``size`` (width, height); 0 where it is unknown (NaN)."""
    known = ~np.isnan(relief)
    filled = np.where(known, relief, 0).astype(np.float32)
    scaled = (cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR) - _LOWEST) * ((_RELIEFS - 1) / _RANGE)
    there = cv2.resize(known.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return np.where(there, 1 + np.clip(scaled, 0, _RELIEFS - 1), 0).astype(np.uint8)


def count_geometry(reliefs: np.ndarray, bins: np.ndarray, sides: tuple[np.ndarray, ...]) -> np.ndarray:
    """Joint histograms (sides, _RELIEFS + 1, _DIFFERENCES + 1) of ``reliefs`` and difference ``bins`` (h, w) uint8.

    ``sides``: weights (h, w) of the pixels of each side. Only where the relief is known.
    """
    index = reliefs.astype(np.int64) * (_DIFFERENCES + 1) + bins
    size = (_RELIEFS + 1) * (_DIFFERENCES + 1)
    counts = [np.bincount(index.ravel(), (side * (reliefs > 0)).ravel().astype(np.float64), size) for side in sides]
    return np.array(counts).reshape(len(sides), _RELIEFS + 1, -1)


def geometry_table(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Log-likelihood ratio for each bin of relief and difference, float32 in [-LIMIT, LIMIT]; 0 for unknown reliefs.

    Where the difference is unknown, reliefs count as they do where it is known: unknown is the ground that masks
    claim, so that its own statistics would only say so.
    """
    table = np.zeros(inside.shape, np.float32)
    known = [counts[1:, 1:] for counts in (inside, outside)]
    alone = [counts.sum(1, keepdims=True) for counts in known]
    if min(float(counts.sum()) for counts in alone) <= 0:
        alone = [counts[1:, :1] for counts in (inside, outside)]
    for columns, pair in ((slice(0, 1), alone), (slice(1, None), known)):
        densities = []
        for counts in pair:
            part = cv2.GaussianBlur(np.ascontiguousarray(counts), (0, 0), 0.7, borderType=cv2.BORDER_REPLICATE).reshape(
                counts.shape
            )
            densities.append((part + 1e-9) / (part.sum() + 1e-9 * part.size) + 0.03 / part.size)
        table[1:, columns] = np.log(densities[0] / densities[1])
    return np.clip(table, -LIMIT, LIMIT)
