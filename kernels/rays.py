# SPDX-License-Identifier: GPL-3.0-or-later
"""Rays through a field of which it is known where it is empty: which samples to ask for, and what they add.

Notation: R rays; ``origins`` and ``directions`` (R, 3) float32. Sample k of ray r is at depth ``near[r] + step[r] *
(k + 0.5)``, k < n. ``cells`` (G, G, G) bool over the box [-radius, radius]^3, x, y, z: where the field is not empty;
``blocks`` (H, H, H) bool the same more coarsely, true wherever a cell in it is. ``rays`` (A,) int32 are those under
way. A round asks for at most M samples a ray, so that few are asked behind the one at which the ray ends.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial


@serial
def _cell(x: float, y: float, z: float, scale: float, side: int) -> tuple[int, int, int]:
    """The cell of a lattice of ``side`` cells; ``scale`` is cells a unit of length. Points outside are moved in."""
    half = np.float32(0.5 * side)
    last = side - 1
    i, j, k = int(x * scale + half), int(y * scale + half), int(z * scale + half)
    return min(max(i, 0), last), min(max(j, 0), last), min(max(k, 0), last)


@parallel
def find(
    origins: np.ndarray, directions: np.ndarray, near: np.ndarray, step: np.ndarray, rays: np.ndarray,
    begun: np.ndarray, samples: int, cells: np.ndarray, blocks: np.ndarray, radius: float, found: np.ndarray,
    counts: np.ndarray,
) -> None:  # fmt: skip
    """The next samples of ``rays`` that lie in cells: ``found`` (A, M) int16, the first ``counts`` (A,) int32 of a row.

    ``begun`` (R,) int32, the first sample not looked at yet, is moved on: to n where nothing is left.
    """
    most, side, coarse = found.shape[1], cells.shape[0], blocks.shape[0]
    fine_scale, coarse_scale = np.float32(0.5 * side / radius), np.float32(0.5 * coarse / radius)
    for a in numba.prange(rays.shape[0]):
        r = rays[a]
        k, count = begun[r], 0
        while k < samples and count < most:
            depth = near[r] + step[r] * (np.float32(k) + np.float32(0.5))
            x = origins[r, 0] + depth * directions[r, 0]
            y = origins[r, 1] + depth * directions[r, 1]
            z = origins[r, 2] + depth * directions[r, 2]
            if blocks[_cell(x, y, z, coarse_scale, coarse)] and cells[_cell(x, y, z, fine_scale, side)]:
                found[a, count] = k
                count += 1
            k += 1
        begun[r] = k
        counts[a] = count


@parallel
def place(
    origins: np.ndarray, directions: np.ndarray, near: np.ndarray, step: np.ndarray, rays: np.ndarray,
    found: np.ndarray, first: np.ndarray, points: np.ndarray,
) -> None:  # fmt: skip
    """Where the found samples lie: those of ray a are ``points`` (N, 3) float32 from ``first[a]`` to ``first[a + 1]``.

    ``first`` (A + 1,) int64 are the sums of ``counts``.
    """
    for a in numba.prange(rays.shape[0]):
        r = rays[a]
        for j in range(first[a + 1] - first[a]):
            depth = near[r] + step[r] * (np.float32(found[a, j]) + np.float32(0.5))
            for c in range(3):
                points[first[a] + j, c] = origins[r, c] + depth * directions[r, c]


@parallel
def absorb(
    raw: np.ndarray, bias: float, samples: int, rays: np.ndarray, first: np.ndarray, light: np.ndarray,
    colour: np.ndarray,
) -> None:  # fmt: skip
    """Add what ``raw`` (N, 4) float32 say of the samples to ``colour`` (R, 3), and let them take of ``light`` (R,).

    ``raw``: density before its activation, exp(d + ``bias``), and colours before theirs, the sigmoid. The step in alpha
    = 1 - exp(-density / n) is in units of the ray's own interval.
    """
    share = np.float32(1.0 / samples)
    for a in numba.prange(rays.shape[0]):
        r = rays[a]
        left = light[r]
        for s in range(first[a], first[a + 1]):
            behind = left * math.exp(-share * math.exp(raw[s, 0] + np.float32(bias)))
            for c in range(3):
                colour[r, c] += (left - behind) / (np.float32(1.0) + math.exp(-raw[s, 1 + c]))
            left = behind
        light[r] = left
