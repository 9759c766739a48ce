# SPDX-License-Identifier: GPL-3.0-or-later
"""From which sides an object was photographed, and where views are missing.

The sphere of viewing directions is cut into three bands of elevation. A direction counts as covered when a camera lies
within ``REACH`` degrees of it; runs of uncovered azimuths in a band are gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REACH = 22.0
"""A surface seen from farther off than this from both sides has lost half of its matches to foreshortening."""
STEP = 5
SPACING = 12.0
"""Degrees between neighbours that a good ring has."""
BANDS = (("lower down", -10.0, 15.0), ("at middle height", 15.0, 40.0), ("higher up", 40.0, 70.0))
"""Name, least and greatest elevation, degrees."""
LEAST_GAP = 35.0
RING_SHARE = 0.15
"""Share of the cameras that make a band of elevation a ring of its own."""


@dataclass(frozen=True)
class Gap:
    """Azimuths ``start`` to ``end`` (degrees, end may pass 360) in the band called ``where`` have no view;
    ``photos`` would fill it.
    """

    start: float
    end: float
    where: str
    photos: int


def directions(centres: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth (from the first camera, [0, 360)) and elevation (N,), degrees, of camera ``centres`` (N, 3), z up."""
    offset = centres - middle
    azimuth = np.degrees(np.arctan2(offset[:, 1], offset[:, 0]))
    elevation = np.degrees(np.arctan2(offset[:, 2], np.hypot(offset[:, 0], offset[:, 1])))
    return (azimuth - (azimuth[0] if len(azimuth) else 0.0)) % 360.0, elevation


def unit(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 3) of directions in degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], axis=-1)


def covered(azimuth: np.ndarray, elevation: np.ndarray, band: tuple[str, float, float]) -> np.ndarray:
    """Which azimuths 0, STEP, ... of the middle of ``band`` have a camera within reach, (360 / STEP,) bool."""
    steps = np.arange(0, 360, STEP, dtype=np.float64)
    asked = unit(steps, np.full(len(steps), (band[1] + band[2]) / 2))
    return (asked @ unit(azimuth, elevation).T >= np.cos(np.radians(REACH))).any(axis=1)


def around(azimuth: np.ndarray, elevation: np.ndarray) -> float:
    """Degrees of azimuth from which the object was seen at all, whatever the elevation."""
    if not len(azimuth):
        return 0.0
    near = elevation < 75  # straight from above is no side
    away = np.abs((np.arange(0, 360, 1)[:, None] - azimuth[near] + 180) % 360 - 180)
    return float((away.min(axis=1) <= REACH).sum()) if near.any() else 0.0


def gaps(azimuth: np.ndarray, elevation: np.ndarray) -> list[Gap]:
    """Where photos are missing: the band with the most cameras first, of a band the largest first.

    A band with hardly a camera of its own has no gaps; that a whole ring is missing is for the advice to say.
    """
    own = {band: int(((elevation >= band[1]) & (elevation < band[2])).sum()) for band in BANDS}
    found = []
    for band in sorted(BANDS, key=lambda b: -own[b]):
        if own[band] < max(3, RING_SHARE * len(azimuth)):
            continue
        found_here = []
        seen = covered(azimuth, elevation, band)
        if seen.all():
            continue
        for start, length in _runs(~seen):
            width = length * STEP
            if width >= LEAST_GAP - REACH:
                low, high = start * STEP - REACH / 2, start * STEP + width + REACH / 2
                photos = max(round((high - low) / SPACING) - 1, 1)
                found_here.append(Gap(low % 360, low % 360 + high - low, band[0], photos))
        found += sorted(found_here, key=lambda gap: gap.start - gap.end)
    return found


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(start, length) of runs of True on a ring."""
    if flags.all():
        return [(0, len(flags))]
    turned = int(np.flatnonzero(~flags)[0])
    ring = np.roll(flags, -turned)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ring.astype(int), [0]])))
    return [((int(a) + turned) % len(flags), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
