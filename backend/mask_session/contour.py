# SPDX-License-Identifier: GPL-3.0-or-later
"""A mask's outlines as polygons, for drawing."""

from __future__ import annotations

import cv2
import numpy as np

MOST_POINTS = 4000
_TOLERANCE = 0.6
"""Pixels by which a polygon may leave the outline."""


def outlines(mask: np.ndarray, scale: tuple[float, float]) -> list[list[list[float]]]:
    """Closed polygons [[x, y], ...] round the object and its holes in ``mask`` (h, w) uint8, threshold 127.

    In source pixels; ``scale`` is mask pixels per source pixel, (x, y). Together at most ``MOST_POINTS`` points, the
    longest outlines first.
    """
    found, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    polygons: list[list[list[float]]] = []
    count = 0
    for contour in sorted(found, key=len, reverse=True):
        points = cv2.approxPolyDP(contour, _TOLERANCE, True)[:, 0].astype(np.float64)
        count += len(points)
        if count > MOST_POINTS:
            break
        if len(points) > 2:
            # OpenCV's pixel centres are integers, ours half integers.
            polygons.append(np.round((points + 0.5) / scale, 2).tolist())
    return polygons
