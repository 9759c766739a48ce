# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours for what no photo saw, and for the space between charts."""

from __future__ import annotations

import cv2
import numpy as np

from .texels import Texels

_MOST_KNOWN = 200_000
"""Seen texels among which neighbours are sought; more would cost time and show no difference."""

_NEIGHBOURS = 12


def complete(texels: Texels, colours: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Give unseen texels the mean of the seen ones nearest in space, nearer ones more; grey where none was seen.

    ``colours`` (N, 3) uint8, ``seen`` (N,) bool; returns (N, 3) uint8. Neighbours are sought in space and not in the
    texture, where what touches on the surface may lie far apart.
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
