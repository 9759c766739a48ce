# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours for what no photo saw, and for the space between charts."""

from __future__ import annotations

import cv2
import numpy as np

from ..mesh.triangles import Mesh
from .texels import Texels

_MOST_KNOWN = 200_000
"""Seen texels among which neighbours are sought; more would cost time and show no difference."""

_NEIGHBOURS = 12

_FADES = 0.05
"""How far, in diagonals, what seen texels tell of the mesh's own colours holds beyond them."""


def complete(texels: Texels, colours: np.ndarray, seen: np.ndarray, mesh: Mesh | None = None) -> np.ndarray:
    """Give unseen texels the mean of the seen ones nearest in space, nearer ones more; grey where none was seen.

    ``colours`` (N, 3) uint8, ``seen`` (N,) bool; returns (N, 3) uint8. Neighbours are sought in space and not in the
    texture, where what touches on the surface may lie far apart. ``mesh`` is for ``complete_from_mesh`` alone.
    """
    from scipy.spatial import cKDTree

    filled = colours.copy()
    if not seen.any():
        filled[:] = 128
        return filled
    if seen.all():
        return filled
    known = np.nonzero(seen)[0]
    known = known[:: max(1, len(known) // _MOST_KNOWN)]
    count = min(_NEIGHBOURS, len(known))
    distance, nearest = cKDTree(texels.points[known]).query(texels.points[~seen], k=count, workers=-1)
    distance, nearest = distance.reshape(-1, count), nearest.reshape(-1, count)
    weight = 1.0 / np.maximum(distance, 1e-9)
    mean = np.einsum("nk,nkc->nc", weight, colours[known][nearest].astype(np.float64)) / weight.sum(axis=1)[:, None]
    filled[~seen] = np.round(mean).astype(np.uint8)
    return filled


def complete_from_mesh(texels: Texels, colours: np.ndarray, seen: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Give unseen texels the colours of ``mesh`` there, brought to those of the seen ones where they meet.

    As ``complete``. What the mesh's colours are off by at the nearest seen texels is added, and fades within
    ``_FADES`` of the mesh's diagonal: no seam, and no tint all over the far side.
    """
    from scipy.spatial import cKDTree

    near, nearest = cKDTree(mesh.vertices).query(texels.points, k=min(3, len(mesh.vertices)), workers=-1)
    near, nearest = near.reshape(len(texels), -1), nearest.reshape(len(texels), -1)
    weight = 1.0 / np.maximum(near, 1e-9)
    weight /= weight.sum(axis=1, keepdims=True)
    own = np.einsum("nk,nkc->nc", weight, mesh.colours[nearest].astype(np.float64))
    filled = colours.copy()
    if not seen.any():
        filled[:] = np.round(own).astype(np.uint8)
        return filled
    known = np.nonzero(seen)[0]
    known = known[:: max(1, len(known) // _MOST_KNOWN)]
    count = min(_NEIGHBOURS, len(known))
    distance, around = cKDTree(texels.points[known]).query(texels.points[~seen], k=count, workers=-1)
    distance, around = distance.reshape(-1, count), around.reshape(-1, count)
    off = (colours[known].astype(np.float64) - own[known])[around].mean(axis=1)
    reach = _FADES * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    fading = np.exp(-((distance[:, 0] / reach) ** 2))[:, None]
    filled[~seen] = np.clip(np.round(own[~seen] + fading * off), 0, 255).astype(np.uint8)
    return filled


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
