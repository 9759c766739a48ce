# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the object's outlines fit the cameras? The planes through two centres that touch the object touch both outlines.

Such a pair of tangent planes exists for every pair of cameras, however far apart and whether or not they share a
keypoint (frontier points: Cipolla and Giblin 2000, "Visual motion of curves and surfaces", section 5; silhouette
coherence: Hernandez, Schmitt and Cipolla 2007). It fails where a camera is wrong, or a mask.

Notation: an angle about a baseline is that of the half-plane through it in which a ray lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..images import read_grey
from ..lens import LensCamera

_WIDEST = 2.0
"""Angle about the baseline, rad, above which an outline is nearly seen along it: its tangents say little."""
_NEAREST = 1e-6
"""Centres nearer than this share of their spread are one place."""
_MOST, _FEWEST = 80, 10


@dataclass(frozen=True)
class Outline:
    """The convex hull of a mask as ``rays`` (N, 3) of the camera's frame; ``cut`` (N,) at the picture's border."""

    rays: np.ndarray
    cut: np.ndarray


def read_outline(lens: LensCamera, path: Path) -> Outline | None:
    """The outline of the largest part of the mask ``path``; None where that is empty or the whole picture."""
    mask = (read_grey(path) > 127).astype(np.uint8)
    parts, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(parts, key=cv2.contourArea, default=None)
    if largest is None or len(largest) < 3:
        return None
    corners = cv2.convexHull(largest)[:, 0]
    height, width = mask.shape
    cut = np.any((corners <= 1) | (corners >= np.array([width, height]) - 2), axis=1)
    if cut.all():
        return None
    pixels = (corners + 0.5) * (np.array([lens.width, lens.height]) / np.array([width, height]))
    return Outline(np.column_stack([lens.undistort(pixels), np.ones(len(pixels))]), cut)


def typical_misfit(lenses: list[LensCamera], masks: dict[str, tuple[Path, float]]) -> float | None:
    """The median misfit of all pairs of up to 80 frames, spread evenly; None where fewer than ten pairs have one."""
    lenses = [lens for lens in lenses if lens.name in masks]
    lenses = lenses[:: -(-len(lenses) // _MOST) or 1]
    found = misfits(lenses, [read_outline(lens, masks[lens.name][0]) for lens in lenses])
    found = found[np.triu(np.isfinite(found), 1)]
    return float(np.median(found)) if len(found) >= _FEWEST else None


def misfits(lenses: list[LensCamera], outlines: list[Outline | None]) -> np.ndarray:
    """How far the tangent planes of each two outlines are apart, (F, F), as a share of the wider outline's angle.

    NaN where that is not known: no outline, an outline seen along the baseline, or cut off on both sides.
    """
    found = np.full((len(lenses), len(lenses)), np.nan)
    known = [i for i, outline in enumerate(outlines) if outline is not None]
    if len(known) < 2:
        return found
    rays, cut = _in_world([lenses[i] for i in known], [o for o in outlines if o is not None])
    centres = np.array([lenses[i].centre for i in known])
    for row, i in enumerate(known[:-1]):
        values = _from_one(rays[row:], cut[row:], centres[row:])
        found[i, known[row + 1 :]] = found[known[row + 1 :], i] = values
    return found


def _in_world(lenses: list[LensCamera], outlines: list[Outline]) -> tuple[np.ndarray, np.ndarray]:
    """Rays (F, N, 3) in the world and where they are cut (F, N); shorter outlines repeat their last corner."""
    longest = max(len(o.rays) for o in outlines)
    rays, cut = np.zeros((len(outlines), longest, 3)), np.zeros((len(outlines), longest), bool)
    for i, (lens, outline) in enumerate(zip(lenses, outlines, strict=True)):
        index = np.minimum(np.arange(longest), len(outline.rays) - 1)
        rays[i] = (outline.rays @ lens.cam_from_world[:3, :3])[index]
        cut[i] = outline.cut[index]
    return rays, cut


def _from_one(rays: np.ndarray, cut: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The misfits (F - 1,) between the first of ``rays`` (F, N, 3) and each of the rest."""
    baseline = centres[1:] - centres[0]
    length = np.linalg.norm(baseline, axis=1, keepdims=True)
    axis = baseline / np.maximum(length, 1e-300)
    middle = rays[0].mean(axis=0)
    across = middle - (axis @ middle)[:, None] * axis
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
    up = np.cross(axis, across)
    mine = np.arctan2(up @ rays[0].T, across @ rays[0].T)
    theirs = np.arctan2(np.einsum("fc,fnc->fn", up, rays[1:]), np.einsum("fc,fnc->fn", across, rays[1:]))
    spans = np.stack([np.ptp(mine, axis=1), np.ptp(theirs, axis=1)])
    with np.errstate(invalid="ignore"):
        apart = np.fmax(
            _between(mine, theirs, cut[0], cut[1:], 1.0), _between(mine, theirs, cut[0], cut[1:], -1.0)
        ) / np.maximum(spans.max(axis=0), 1e-12)
    near = length[:, 0] < _NEAREST * np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()
    return np.where(near | (spans.max(axis=0) > _WIDEST), np.nan, apart)


def _between(mine: np.ndarray, theirs: np.ndarray, cut: np.ndarray, cuts: np.ndarray, sign: float) -> np.ndarray:
    """How far the extreme angles (F,) are apart on one side; NaN where one of them lies where an outline is cut."""
    a, b = np.argmax(sign * mine, axis=1), np.argmax(sign * theirs, axis=1)
    rows = np.arange(len(mine))
    return np.where(cut[a] | cuts[rows, b], np.nan, np.abs(mine[rows, a] - theirs[rows, b]))
