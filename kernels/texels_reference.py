# SPDX-License-Identifier: GPL-3.0-or-later
"""``texels`` in plain numpy."""

from __future__ import annotations

import numpy as np

from .texels import LEAST_COSINE


def gather(
    points: np.ndarray, normals: np.ndarray, projection: np.ndarray, centre: np.ndarray, levels: np.ndarray,
    trust: np.ndarray, depth: np.ndarray, tolerance: float, scale: float, gain: np.ndarray, powers: np.ndarray,
    expected: np.ndarray, spread: float, sums: np.ndarray, weights: np.ndarray,
) -> None:  # fmt: skip
    """As ``texels.gather``."""
    height, width = depth.shape
    homogeneous = points.astype(np.float64) @ projection[:, :3].T + projection[:, 3]
    z = homogeneous[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = homogeneous[:, 0] / z - 0.5, homogeneous[:, 1] / z - 0.5
    inside = (z > 0) & (x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)
    column, row = (np.where(inside, v, 0).astype(int) for v in (x, y))
    corners = [(row + r, column + c) for r in (0, 1) for c in (0, 1)]
    hidden = np.max([depth[corner] for corner in corners], axis=0) < z - tolerance
    sight = centre - points.astype(np.float64)
    distance = np.linalg.norm(sight, axis=1)
    cosine = (sight * normals).sum(axis=1) / distance
    seen = inside & ~hidden & (cosine >= LEAST_COSINE)

    a, b = x - column, y - row
    shares = [(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b]

    def sample(image: np.ndarray) -> np.ndarray:
        return sum(image[corner].T * share for corner, share in zip(corners, shares, strict=True)).T

    weight = np.where(seen, cosine * np.minimum(scale / distance, 1.0) * sample(trust), 0.0)
    used = weight > 0
    fine, middle, broad = (gain * sample(level) for level in levels)
    agreement = np.ones(len(points))
    if spread > 0:
        agreement = 1 / (1 + ((broad - expected) ** 2).sum(axis=1) / spread**2)
    for band, values in enumerate((fine - middle, middle - broad, broad)):
        say = agreement[used] * weight[used] ** powers[band]
        weights[used, band] += say
        sums[used, band] += say[:, None] * values[used]
