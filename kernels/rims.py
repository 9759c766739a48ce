# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be known of a small part of a mask before its rim can be cleaned: depths, and who is whose neighbour.

All of it is bounded in reach, so that a part with an apron around it gives what the whole picture would. Inside their
bounds distances are exact: steps along columns first, then every offset along rows is tried (as Felzenszwalb and
Huttenlocher 2012, with the lower envelope replaced by what runs in vectors, which for few offsets is quicker).

Notation: planes are (rows, columns); plane (2, ``reach``) is the part's first pixel, the margin around it holds no
pixel. Depth: squared distance to the nearest pixel outside, or minus that to the nearest inside, between pixel centres.
Steps to pixels of a kind are counted along the column, upwards or either way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import serial

OPAQUE, CLEAR = 250, 5
"""Alphas above and below which soft masks mean all and nothing; their last levels are rounding."""

INSIDE = 127
"""A mask's greatest value outside the object."""

CELL = 32
"""Side, pixels, of the cells of which bounds are known."""

COLUMNS = 256
"""Width, pixels, of a part with its apron: whole vectors, and planes that half fill a usual second cache of 1 MB."""

NOWHERE = -32768
"""Depth where there is no pixel."""

ALPHA, INNER, OUTER, UP, LEAST, SURE, SURE_UP, SURE_LEAST, CLEARED, CLEAR_UP, CLEAR_LEAST, PLANES = range(12)
"""Planes of ``Work.planes``: the matte; pixels inside and outside; steps to them; *sure* pixels, which show the object
alone, and steps to them; *cleared* ones, which show the background alone, and steps to them."""


class Rules(NamedTuple):
    """How to cut: ``feather`` and ``rim`` as ``cutouts.cut_out`` takes them, and what follows from them, in pixels."""

    feather: float
    rim: float
    reach: int
    """Nearest sure and cleared pixels are looked for so far away."""
    bound: int
    """Depths are known so far."""
    apron: int
    """A part needs so much of the picture around it."""
    offsets: np.ndarray
    falloff: np.ndarray
    unseen: bool
    """Whether what is transparent hides no background: there is no mixture to solve."""


class Work(NamedTuple):
    """A thread's memory; P is ``PLANES``, C is ``COLUMNS`` and what nearest pixels are looked for beyond it."""

    planes: np.ndarray
    """(P, rows, C) uint8"""
    depth: np.ndarray
    """(rows, C) int16"""
    near: np.ndarray
    """(2, COLUMNS) uint16"""
    memo: np.ndarray
    """(rows, C) uint32: colours around sure pixels, once they are known; their alpha then is 255"""


@serial
def new_work(tall: int, rules: Rules) -> Work:
    """Memory for parts of up to ``tall`` rows and ``COLUMNS`` less two aprons columns."""
    rows, columns = tall + 2 * rules.apron + 4, COLUMNS + rules.reach + rules.offsets.size
    planes, depth = np.zeros((PLANES, rows, columns), np.uint8), np.zeros((rows, columns), np.int16)
    for kind in (SURE_UP, SURE_LEAST, CLEAR_UP, CLEAR_LEAST):
        planes[kind] = np.uint8(rules.reach + 1)
    planes[LEAST] = np.uint8(rules.bound)
    depth[:] = np.int16(NOWHERE)
    return Work(planes, depth, np.zeros((2, COLUMNS), np.uint16), np.zeros((rows, columns), np.uint32))


@serial
def cell_bounds(mask: np.ndarray, row: int, lowest: np.ndarray, highest: np.ndarray) -> None:
    """Least and greatest value of each cell in the ``row``-th row of cells, into ``lowest`` and ``highest``."""
    low, high = np.full(mask.shape[1], 255, np.uint8), np.zeros(mask.shape[1], np.uint8)
    for y in range(row * CELL, min((row + 1) * CELL, mask.shape[0])):
        line = mask[y]
        for x in range(line.size):
            low[x] = min(low[x], line[x])
            high[x] = max(high[x], line[x])
    for cell in range(lowest.size):
        least, most = np.uint8(255), np.uint8(0)
        for x in range(cell * CELL, min((cell + 1) * CELL, mask.shape[1])):
            least, most = min(least, low[x]), max(most, high[x])
        lowest[cell], highest[cell] = least, most


@serial
def survey(mask: np.ndarray, top: int, left: int, bottom: int, right: int, rules: Rules, work: Work) -> tuple[int, int]:
    """Fill ``work`` for a part of ``mask`` and its apron; returns the picture's row and column of plane (0, 0)."""
    y0, y1 = max(top - rules.apron, 0), min(bottom + rules.apron, mask.shape[0])
    x0, x1 = max(left - rules.apron, 0), min(right + rules.apron, mask.shape[1])
    rows, first, planes, depth = y1 - y0 + 4, rules.reach, work.planes, work.depth
    work.memo[:rows] = np.uint32(0)
    for y in range(rows):
        if 2 <= y < rows - 2:
            _read(mask[y0 + y - 2, x0:x1], y, first, planes)
        else:
            for plane in (ALPHA, INNER, OUTER, SURE, CLEARED):
                planes[plane, y] = np.uint8(0)
            depth[y] = np.int16(NOWHERE)
    _depths(rows, rules, work)
    deep = math.ceil((rules.rim + 0.5) * (rules.rim + 0.5))
    for y in range(2, rows - 2):
        if rules.feather > 0:
            _feather(depth[y, first : first + x1 - x0], rules.feather, planes[ALPHA, y, first : first + x1 - x0])
    for y in range(2, rows - 2):
        _mark(planes[ALPHA, y], depth[y - 1], depth[y], depth[y + 1], deep, first, planes[SURE, y], planes[CLEARED, y])
    _steps(planes[SURE], rows, first, rules.reach + 1, planes[SURE_UP], planes[SURE_LEAST])
    _steps(planes[CLEARED], rows, first, rules.reach + 1, planes[CLEAR_UP], planes[CLEAR_LEAST])
    return y0 - 2, x0 - rules.reach


@serial
def _read(line: np.ndarray, y: int, first: int, planes: np.ndarray) -> None:
    """Copy a row of the mask into the planes' row ``y``."""
    end = first + COLUMNS
    alpha, inner, outer = planes[ALPHA, y, first:end], planes[INNER, y, first:end], planes[OUTER, y, first:end]
    for x in range(line.size):
        alpha[x] = line[x]
    for x in range(line.size, COLUMNS):
        alpha[x] = np.uint8(0)
    for x in range(COLUMNS):
        inner[x] = np.uint8(alpha[x] > INSIDE)
        outer[x] = np.uint8((alpha[x] <= INSIDE) & (x < line.size))


@serial
def _steps(member: np.ndarray, rows: int, first: int, cap: int, up: np.ndarray, least: np.ndarray) -> None:
    """Steps to the nearest pixel of ``member``, at most ``cap``: upwards into ``up``, either way into ``least``."""
    one, zero, most = np.uint8(1), np.uint8(0), np.uint8(cap)
    up[0] = most
    for y in range(1, rows):
        before, now, here = up[y - 1, first:], up[y, first:], member[y, first:]
        for x in range(COLUMNS):
            step = min(np.uint8(before[x] + one), most)
            now[x] = zero if here[x] else step
    least[rows - 1] = most
    for y in range(rows - 2, -1, -1):
        before, now, here = least[y + 1, first:], least[y, first:], up[y, first:]
        for x in range(COLUMNS):
            now[x] = min(here[x], np.uint8(before[x] + one), most)


@serial
def _depths(rows: int, rules: Rules, work: Work) -> None:
    """Depths, exact where nearer to the edge than ``rules.bound`` and no less beyond."""
    planes, first, end = work.planes, rules.reach, rules.reach + COLUMNS
    to_inner, to_outer = work.near[0], work.near[1]
    for kind in (OUTER, INNER):
        _steps(planes[kind], rows, first, rules.bound, planes[UP], planes[LEAST])
        for y in range(2, rows - 2):
            line, outer = work.depth[y, first:end], planes[OUTER, y, first:end]
            inner = planes[INNER, y, first:end]
            if kind == OUTER:
                _squared(planes[LEAST, y], first, rules.bound, to_outer)
                for x in range(COLUMNS):
                    line[x] = np.int16(to_outer[x]) if inner[x] else np.int16(NOWHERE)
            else:
                _squared(planes[LEAST, y], first, rules.bound, to_inner)
                for x in range(COLUMNS):
                    line[x] = np.int16(-np.int16(to_inner[x])) if outer[x] else line[x]


@serial
def _squared(least: np.ndarray, first: int, bound: int, out: np.ndarray) -> None:
    """Squared distances of a row, at most those of ``bound``, from its steps ``least``; column ``first`` is out[0]."""
    for x in range(COLUMNS):
        out[x] = np.uint16(bound * bound)
    for offset in range(-bound, bound + 1):
        shifted, square = least[first + offset :], np.uint16(offset * offset)
        for x in range(COLUMNS):
            step = np.uint16(shifted[x])
            out[x] = min(out[x], np.uint16(np.uint16(step * step) + square))


@serial
def _feather(depth: np.ndarray, width: float, alpha: np.ndarray) -> None:
    """Alpha that rises linearly over ``width`` pixels across the edge."""
    slope = np.float32(255 / width)
    for x in range(depth.size):
        away = np.float32(math.sqrt(np.float32(abs(np.int32(depth[x]))))) - np.float32(0.5)
        level = (away if depth[x] > 0 else -away) * slope + np.float32(128)
        alpha[x] = np.uint8(np.int32(min(max(level, np.float32(0)), np.float32(255))))


@serial
def _mark(
    alpha: np.ndarray, above: np.ndarray, own: np.ndarray, below: np.ndarray, deep: int, first: int,
    sure: np.ndarray, cleared: np.ndarray,
) -> None:  # fmt: skip
    """Mark in a row what shows the object alone, into ``sure``, and what the background alone, into ``cleared``.

    ``above``, ``own``, ``below``: depths. Sure is what is opaque and ``deep``, or no neighbour is deeper (a part too
    thin for that).
    """
    a, b, c = above[first - 1 :], own[first - 1 :], below[first - 1 :]
    shares, is_sure, is_clear, least = alpha[first:], sure[first:], cleared[first:], np.int16(deep)
    for x in range(COLUMNS):
        deepest = max(a[x], a[x + 1], a[x + 2], b[x], b[x + 2], c[x], c[x + 1], c[x + 2])
        depth = b[x + 1]
        is_sure[x] = np.uint8((shares[x] >= OPAQUE) & ((depth >= least) | (deepest <= depth)))
        is_clear[x] = np.uint8((shares[x] <= CLEAR) & (depth <= -least) & (depth > NOWHERE))
