# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the background's colour out of the rim of a cutout.

A pixel on the edge shows a mixture I = a F + (1 - a) B of the object F and the background B (Porter and Duff 1984).
Cut out with alpha a and colour I it carries B along: a halo. Here F is found from three witnesses: the object's colour
close by inside (always there, but smooth), the mixture solved for F with the background's colour close by outside
(keeps detail, but divides by a), and I itself (right where the pixel holds no background).

Notation: ``image`` (H, W, 3) uint8 sRGB, ``alpha`` (H, W) uint8 straight, depth: signed distance to the edge, pixels,
positive inside. A pixel is *sure* when it is opaque and at least ``rim`` deep, or the deepest of a part too thin for
that.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._jit import parallel, serial
from .mattes import BANDS, nearest_inside, signed_distance

OPAQUE, CLEAR = 250, 5
"""Alphas above and below which soft masks mean all and nothing; their last levels are rounding."""

WINDOW = 2


"""Reach, pixels, of the mean around the nearest sure pixel: enough to calm noise, too little to blur a pattern."""

BLEED = 16.0
"""Pixels by which colour reaches beyond the edge: reducing a cutout to a sixteenth touches no more."""


@parallel
def decontaminate(image: np.ndarray, alpha: np.ndarray, rim: float, out: np.ndarray) -> None:
    """Colours of the object alone, into ``out`` (H, W, 3) uint8, another array than ``image``.

    Pixels deeper than ``rim`` stay as they are. Transparent pixels up to ``BLEED`` from the object take its colour, so
    that the cutout may be resampled; those farther off are black. Without a sure pixel the image is copied.
    """
    height, width = alpha.shape
    depth = np.zeros((height, width), np.float32)
    signed_distance(alpha, depth)
    sure = np.zeros((height, width), np.uint8)
    clear = np.zeros((height, width), np.uint8)
    inner = np.zeros((height, width), np.int32)
    outer = np.zeros((height, width), np.int32)
    for y in numba.prange(height):
        for x in range(width):
            sure[y, x] = 255 if _is_sure(alpha, depth, rim, y, x) else 0
            clear[y, x] = 255 if alpha[y, x] <= CLEAR and depth[y, x] <= -rim else 0
    nearest_inside(sure, inner)
    nearest_inside(clear, outer)
    for band in numba.prange(BANDS):
        near = np.zeros((2, 3))
        for y in range(band * height // BANDS, (band + 1) * height // BANDS):
            for x in range(width):
                if depth[y, x] >= rim or sure[y, x] or inner[y, x] < 0:
                    for c in range(3):
                        out[y, x, c] = image[y, x, c]
                    continue
                if depth[y, x] < -BLEED and alpha[y, x] == 0:
                    out[y, x, 0] = out[y, x, 1] = out[y, x, 2] = 0
                    continue
                _near(image, sure, inner[y, x], y, x, near[0])
                share = alpha[y, x] / 255.0 if outer[y, x] >= 0 else 0.0
                if share > 0.0:
                    _near(image, clear, outer[y, x], y, x, near[1])
                _clean(image, y, x, share, near[0], near[1], out)


@serial
def _is_sure(alpha: np.ndarray, depth: np.ndarray, rim: float, y: int, x: int) -> bool:
    """Whether the pixel shows the object alone, as far as can be told."""
    if alpha[y, x] < OPAQUE:
        return False
    if depth[y, x] >= rim:
        return True
    for row in range(max(y - 1, 0), min(y + 2, alpha.shape[0])):
        for column in range(max(x - 1, 0), min(x + 2, alpha.shape[1])):
            if depth[row, column] > depth[y, x]:
                return False
    return True


@serial
def _near(image: np.ndarray, kind: np.ndarray, index: int, y: int, x: int, mean: np.ndarray) -> None:
    """Mean colour of the pixels of ``kind`` around the one at ``index``, those closer to (x, y) counting more."""
    height, width = kind.shape
    row, column = index // width, index % width
    least = (row - y) * (row - y) + (column - x) * (column - x)
    weights = 0.0
    mean[:] = 0.0
    for v in range(max(row - WINDOW, 0), min(row + WINDOW + 1, height)):
        for u in range(max(column - WINDOW, 0), min(column + WINDOW + 1, width)):
            if kind[v, u]:
                farther = (v - y) * (v - y) + (u - x) * (u - x) - least
                weight = math.exp(-0.5 * farther)
                weights += weight
                for c in range(3):
                    mean[c] += weight * image[v, u, c]
    for c in range(3):
        mean[c] /= weights


@serial
def _trust(pixel: np.ndarray, share: float, inside: np.ndarray, outside: np.ndarray) -> float:
    """How far the pixel's own colour is to be believed, 0 to 1.

    A mixture with ``share`` of the object lies that part of the way from the background's colour to the object's. One
    that lies much nearer the background than its share says is background under a mask that reaches too far.
    """
    to_inside = to_outside = 0.0
    for c in range(3):
        to_inside += (pixel[c] - inside[c]) * (pixel[c] - inside[c])
        to_outside += (pixel[c] - outside[c]) * (pixel[c] - outside[c])
    near, far = math.sqrt(to_outside), math.sqrt(to_inside)
    if near + far < 1.0:
        return share * share
    place = near / (near + far)
    return share * share * min(max((place / share - 0.3) / 0.5, 0.0), 1.0)


@serial
def _clean(
    image: np.ndarray, y: int, x: int, share: float, inside: np.ndarray, outside: np.ndarray, out: np.ndarray
) -> None:
    """Write the object's colour of one rim pixel from the colours close by ``inside`` and ``outside``, (3,) float."""
    trust = _trust(image[y, x], share, inside, outside) if share > 0.0 else 0.0
    for c in range(3):
        solved = inside[c]
        if trust > 0.0:
            solved = min(max((image[y, x, c] - (1.0 - share) * outside[c]) / share, 0.0), 255.0)
        out[y, x, c] = np.uint8(trust * solved + (1.0 - trust) * inside[c] + 0.5)
