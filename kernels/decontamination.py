# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the background's colour out of the rim of a cutout.

A pixel on the edge shows a mixture I = a F + (1 - a) B of the object F and the background B (Porter and Duff 1984).
Cut out with alpha a and colour I it carries B along: a halo. Here F is found from three witnesses: the object's colour
close by inside (always there, but smooth), the mixture solved for F with the background's colour close by outside
(keeps detail, but divides by a), and I itself (right where the pixel holds no background).

Notation: ``image`` (H, 3 W) uint8 sRGB, a row holding red, green, blue, red, ...; *sure* pixels show the object alone,
*cleared* ones the background alone; planes as in ``rims.py``, (y, x) of a plane is (y + top, x + left) in the picture.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import serial
from .rims import ALPHA, CLEAR_LEAST, CLEAR_UP, CLEARED, SURE, SURE_LEAST, SURE_UP, Rules, Work

BLEED = 16
"""Pixels by which colour reaches beyond the edge: reducing a cutout to a sixteenth touches no more."""

WINDOW = 2
"""Reach, pixels, of the mean around the nearest sure pixel: enough to calm noise, too little to blur a pattern."""

NOBODY = -1
"""Stands for "no pixel within reach"."""


def offset_table(reach: int) -> np.ndarray:
    """For the offsets from -``reach`` on: their squares times 256 plus their index, uint32; whole vectors of 16."""
    count = (2 * reach + 16) // 16 * 16
    squares = np.arange(-reach, count - reach, dtype=np.int64) ** 2
    squares[2 * reach + 1 :] = 65535
    return (squares * 256 + np.arange(count)).astype(np.uint32)


def falloff_table(reach: int) -> np.ndarray:
    """Weights (2 reach + 1, 2 WINDOW + 1) float64: [d + reach, w + WINDOW] of a pixel w beyond one that is d away.

    exp(-(d w + w^2 / 2)): of rows times of columns it is exp(-half of what the squared distance exceeds d^2 by).
    """
    away, beyond = np.arange(-reach, reach + 1)[:, None], np.arange(-WINDOW, WINDOW + 1)
    return np.exp(-(away * beyond + beyond**2 / 2.0))


@serial
def clean_row(
    image: np.ndarray, y: int, x0: int, top: int, left: int, rules: Rules, work: Work, out: np.ndarray
) -> None:
    """Give the object's colour to the rim's pixels, and those beyond, in plane row ``y`` from column ``x0`` on.

    ``out`` (N,) uint32: packed straight pixels, with the picture's colours, which stay where the object is deep, and
    where there is no sure pixel near.
    """
    reach, offsets, falloff, memo = rules.reach, rules.offsets, rules.falloff, work.memo
    deep = math.ceil((rules.rim + 0.5) * (rules.rim + 0.5))
    # Taken out of the loop: a view of an array costs more than what is done with it here.
    sure, up, least = work.planes[SURE], work.planes[SURE_UP], work.planes[SURE_LEAST]
    cleared, clear_up, clear_least = work.planes[CLEARED], work.planes[CLEAR_UP], work.planes[CLEAR_LEAST]
    alpha, depth, is_sure, pixels = work.planes[ALPHA, y], work.depth[y], sure[y], image[y + top]
    first, last = _span(least[y], x0, out.size, reach)
    for x in range(x0 + first, x0 + last):
        if is_sure[x] or depth[x] >= deep or (alpha[x] > 0 and rules.rim == 0):
            continue
        inner = nearest(up, least, y, x, reach, offsets)
        if inner == NOBODY:
            continue
        if alpha[x] == 0:
            # Many pixels beyond the edge have the same nearest one: its colours are kept.
            row, column = inner // memo.shape[1], inner % memo.shape[1]
            if memo[row, column] == 0:
                inside = mean_near(image, sure, inner, row, column, top, left, falloff)
                memo[row, column] = _packed(inside) | np.uint32(0xFF000000)
            out[x - x0] = memo[row, column] & np.uint32(0x00FFFFFF)
            continue
        colour = mean_near(image, sure, inner, y, x, top, left, falloff)
        at, share = 3 * (x + left), alpha[x] / 255.0
        pixel = float(pixels[at]), float(pixels[at + 1]), float(pixels[at + 2])
        outer = NOBODY if rules.unseen else nearest(clear_up, clear_least, y, x, reach, offsets)
        if rules.unseen:
            colour = blend(pixel, colour, share * share)
        elif outer != NOBODY:
            colour = clean(pixel, share, colour, mean_near(image, cleared, outer, y, x, top, left, falloff))
        out[x - x0] = _packed(colour) | np.uint32(np.uint32(alpha[x]) << np.uint32(24))


@serial
def _span(least: np.ndarray, x0: int, count: int, reach: int) -> tuple[int, int]:
    """Columns from ``x0`` on, first and behind the last of ``count``, that may have a sure pixel within ``reach``."""
    first, last = -reach, count + reach
    while first < last and least[x0 + first] > reach:
        first += 1
    while last > first and least[x0 + last - 1] > reach:
        last -= 1
    return (0, 0) if first == last else (max(first - reach, 0), min(last + reach, count))


@serial
def nearest(up: np.ndarray, least: np.ndarray, y: int, x: int, reach: int, across: np.ndarray) -> int:
    """Pixel of a kind nearest to (y, x), as y * columns + x of the planes, or ``NOBODY`` within ``reach`` pixels.

    ``across`` (N,) uint32 holds, for the offsets from -``reach`` on, their squares times 256 plus their index. Of
    several pixels the leftmost is taken, and of two in one column the upper.
    """
    row = least[y, x - reach : x - reach + across.shape[0]]
    best = np.uint32(0xFFFFFFFF)
    for k in range(across.shape[0]):
        step = np.uint32(row[k])
        best = min(best, np.uint32(np.uint32(np.uint32(step * step) << np.uint32(8)) + across[k]))
    if np.int64(best >> np.uint32(8)) > reach * reach:
        return NOBODY
    column = x - reach + np.int64(best & np.uint32(255))
    steps = np.int64(least[y, column])
    at = y - steps if up[y, column] == least[y, column] else y + steps
    return at * least.shape[1] + column


@serial
def mean_near(
    image: np.ndarray,
    kind: np.ndarray,
    at: int,
    y: int,
    x: int,
    top: int,
    left: int,
    falloff: np.ndarray,
) -> tuple[float, float, float]:
    """Mean colour of the pixels of ``kind`` around the one ``at``, those closer to (y, x) counting more.

    ``falloff[d + reach, w + WINDOW]`` is the weight exp(-(d w + w^2 / 2)) of a pixel w beyond one d away, so that a
    product of two of them is exp(-half of what its squared distance exceeds the nearest one's by).
    """
    columns = kind.shape[1]
    row, column = at // columns, at % columns
    down, right = falloff[row - y + falloff.shape[0] // 2], falloff[column - x + falloff.shape[0] // 2]
    red = green = blue = weights = 0.0
    for v in range(-WINDOW, WINDOW + 1):
        # Rows beyond the picture have no members; their line is never read.
        line, member = image[min(max(row + v + top, 0), image.shape[0] - 1)], kind[row + v]
        for u in range(-WINDOW, WINDOW + 1):
            if member[column + u]:
                at = 3 * (column + u + left)
                weight = down[v + WINDOW] * right[u + WINDOW]
                weights += weight
                red += weight * line[at]
                green += weight * line[at + 1]
                blue += weight * line[at + 2]
    return red / weights, green / weights, blue / weights


@serial
def clean(
    pixel: tuple[float, float, float],
    share: float,
    inside: tuple[float, float, float],
    outside: tuple[float, float, float],
) -> tuple[float, float, float]:
    """The object's colour in a ``pixel`` that holds ``share`` > 0 of it.

    A mixture lies ``share`` of the way from the background's colour to the object's. A pixel that lies much nearer the
    background is background under a mask that reaches too far: its own colour is trusted the less.
    """
    near = math.sqrt(_squared(pixel, outside))
    far = math.sqrt(_squared(pixel, inside))
    trust = share * share
    if near + far >= 1.0:
        trust *= min(max((near / (near + far) / share - 0.3) / 0.5, 0.0), 1.0)
    red = _mixed(pixel[0], share, trust, inside[0], outside[0])
    green = _mixed(pixel[1], share, trust, inside[1], outside[1])
    return red, green, _mixed(pixel[2], share, trust, inside[2], outside[2])


@serial
def blend(a: tuple[float, float, float], b: tuple[float, float, float], share: float) -> tuple[float, float, float]:
    """Mix ``share`` of colour ``a`` with what is left of ``b``."""
    rest = 1.0 - share
    return share * a[0] + rest * b[0], share * a[1] + rest * b[1], share * a[2] + rest * b[2]


@serial
def _mixed(level: float, share: float, trust: float, inside: float, outside: float) -> float:
    """The mixture solved for the object as far as it is to be trusted, else the object's colour close by."""
    solved = min(max((level - (1.0 - share) * outside) / share, 0.0), 255.0)
    return trust * solved + (1.0 - trust) * inside


@serial
def _packed(colour: tuple[float, float, float]) -> np.uint32:
    """Round and pack a colour, transparent."""
    red, green, blue = np.int32(colour[0] + 0.5), np.int32(colour[1] + 0.5), np.int32(colour[2] + 0.5)
    return np.uint32(red | (green << 8) | (blue << 16))


@serial
def _squared(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    red, green, blue = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return red * red + green * green + blue * blue
