# SPDX-License-Identifier: GPL-3.0-or-later
"""``rays`` in plain numpy, one ray after the other."""

from __future__ import annotations

import numpy as np


def _cells_at(points: np.ndarray, lattice: np.ndarray, radius: float) -> np.ndarray:
    index = ((points / radius + 1) * 0.5 * len(lattice)).astype(int).clip(0, len(lattice) - 1)
    return lattice[tuple(index.T)]


def _points(origins: np.ndarray, directions: np.ndarray, depth: np.ndarray, r: int) -> np.ndarray:
    return origins[r] + depth[:, None] * directions[r]


def find(
    origins: np.ndarray, directions: np.ndarray, near: np.ndarray, step: np.ndarray, rays: np.ndarray,
    begun: np.ndarray, samples: int, cells: np.ndarray, blocks: np.ndarray, radius: float, found: np.ndarray,
    counts: np.ndarray,
) -> None:  # fmt: skip
    """As ``rays.find``."""
    for a, r in enumerate(rays):
        points = _points(origins, directions, near[r] + step[r] * (np.arange(samples) + 0.5), r)
        inside = _cells_at(points, cells, radius) & _cells_at(points, blocks, radius)
        inside[: begun[r]] = False
        ks = np.nonzero(inside)[0]
        part = ks[: found.shape[1]]
        found[a, : len(part)] = part
        counts[a] = len(part)
        begun[r] = part[-1] + 1 if len(part) == found.shape[1] else samples


def place(
    origins: np.ndarray, directions: np.ndarray, near: np.ndarray, step: np.ndarray, rays: np.ndarray,
    found: np.ndarray, first: np.ndarray, points: np.ndarray,
) -> None:  # fmt: skip
    """As ``rays.place``."""
    for a, r in enumerate(rays):
        ks = found[a, : first[a + 1] - first[a]]
        points[first[a] : first[a + 1]] = _points(origins, directions, near[r] + step[r] * (ks + 0.5), r)


def absorb(
    raw: np.ndarray, bias: float, samples: int, rays: np.ndarray, first: np.ndarray, light: np.ndarray,
    colour: np.ndarray,
) -> None:  # fmt: skip
    """As ``rays.absorb``."""
    for a, r in enumerate(rays):
        part = raw[first[a] : first[a + 1]]
        alpha = 1 - np.exp(-np.exp(part[:, 0] + bias) / samples)
        before = light[r] * np.concatenate([[1.0], np.cumprod(1 - alpha)])
        colour[r] += ((before[:-1] * alpha)[:, None] / (1 + np.exp(-part[:, 1:]))).sum(axis=0)
        light[r] = before[-1]
