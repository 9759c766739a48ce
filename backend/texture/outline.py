# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a mask's outline lies outside the surface's own, seen from one camera, vertex by vertex.

What faces no camera, or has little pattern, shows little that could be compared, but is on the outline of some photos.
Masks are believed as far as they agree with one another on where the surface is (``agreement``).

Notation: pictures (H, W); a gap is in pixels, positive where the mask reaches farther than the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FARTHEST = 4.0
"""Pixels beyond which a gap is the mask's own fault, or that of something in front, and says nothing."""

_BESIDE = 2
"""Pixels of the picture's border within which an outline may be the picture's own end."""

_APART = 0.5
"""Pixels by which masks disagree, as a standard deviation, when they are believed half."""


@dataclass(frozen=True)
class Rim:
    """``gap`` (N,) float32 at the vertices that are ``on`` (N,) bool the outline."""

    gap: np.ndarray
    on: np.ndarray


def reach_of(mask: np.ndarray) -> np.ndarray:
    """(H, W) float32: how far outside each pixel the outline of ``mask`` (H, W) uint8 lies, in pixels, at most one
    more than ``FARTHEST``; negative beyond the mask, 0 on its outermost pixels.
    """
    inside = (mask > 127).astype(np.uint8)
    most = FARTHEST + 1
    if inside.all() or not inside.any():
        return np.full(mask.shape, most if inside.any() else -most, np.float32)
    deep = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - 1
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return np.clip(np.where(inside > 0, deep, -away), -most, most).astype(np.float32)


def rim_of(faces: np.ndarray, face: np.ndarray, reach: np.ndarray, count: int) -> Rim:
    """The gaps at the vertices of the faces on the outline of ``face`` (H, W), which is -1 where no mesh is.

    ``faces`` (M, 3) are those of ``count`` vertices; ``reach`` is ``reach_of`` the mask.
    """
    on_mesh = (face >= 0).astype(np.uint8)
    edge = (on_mesh > 0) & (cv2.erode(on_mesh, np.ones((3, 3), np.uint8), borderValue=1) == 0)
    edge[:_BESIDE], edge[-_BESIDE:], edge[:, :_BESIDE], edge[:, -_BESIDE:] = False, False, False, False
    edge &= np.abs(reach) <= FARTHEST
    corners = faces[face[edge]].ravel()
    number = np.bincount(corners, minlength=count)
    total = np.bincount(corners, np.repeat(reach[edge], 3), minlength=count)
    return Rim((total / np.maximum(number, 1)).astype(np.float32), number > 0)


def agreement(rims: list[Rim]) -> float:
    """How far masks are to be believed, in [0, 1]: by the spread of the gaps that several of them leave at a vertex.

    A surface that lies wrong is wrong for all of them alike, and lessens nothing.
    """
    number = np.sum([rim.on for rim in rims], axis=0)
    total = np.sum([rim.gap * rim.on for rim in rims], axis=0)
    squares = np.sum([rim.gap.astype(np.float64) ** 2 * rim.on for rim in rims], axis=0)
    several = number >= 2
    if not several.any():
        return 0.0
    spread = squares[several] - total[several] ** 2 / number[several]
    return float(1.0 / (1.0 + spread.sum() / (number[several] - 1).sum() / _APART**2))
