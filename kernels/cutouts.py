# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a cutout in one pass over memory: matte, clean rim, composite or straight RGBA, crop and resize, all in 8 bit.

The picture is worked on in tiles that stay in a core's cache from the first step to the last. Most tiles need next to
nothing: all inside they are packed, all outside they are not even read. Only tiles on the rim know distances and
neighbours (``rims.py``) and are cleaned (``decontamination.py``). The result is that of the separate steps over the
whole picture (``cutouts_reference.py``).

Notation: ``rgb`` (H, W, 3) and ``mask`` (H, W) uint8, sRGB as stored; boxes are half open, (x0, y0, x1, y1), pixels.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from . import pixels
from ._jit import parallel, serial
from .compositing import packed, packed_colour
from .decontamination import BLEED, clean_row, falloff_table, offset_table
from .resize import resize_packed
from .rims import CELL, COLUMNS, INSIDE, Rules, Work, cell_bounds, new_work, survey

TALL = 96
"""Height of a tile, pixels."""

LONGEST = 1024
"""Width, pixels, up to which tiles of one kind are worked on together."""

EMPTY, WHOLE, RIM = 0, 1, 2
"""Kinds of tiles: nothing of the object near it, nothing but the object near it, and all others."""


def cut_out(
    rgb: np.ndarray,
    mask: np.ndarray,
    out: np.ndarray,
    box: tuple[int, int, int, int] | None = None,
    feather: float = 0.0,
    rim: float = 2.0,
    colour: np.ndarray | None = None,
    unseen: bool = False,
) -> None:
    """Cut the object under ``mask`` out of ``rgb``, into ``out`` (h, w, 4) uint8, all contiguous.

    ``box`` is the part that ``out`` shows, resized by area to its size; without it the whole picture. With ``feather``
    alpha rises linearly over that many pixels across the mask's edge, without it the mask is the matte. The background
    is taken out of the colours up to ``rim`` pixels deep (0: of none); transparent pixels take its colour about
    ``BLEED`` pixels far and are black beyond. ``colour`` (3,) uint8: the cutout is put over it, opaque; None:
    straight alpha. ``unseen``: the picture came with its matte, and what lies under transparent pixels is no background
    that shines through the rim. Raises ``ValueError`` where shapes or box do not fit.
    """
    height, width = mask.shape
    x0, y0, x1, y1 = box or (0, 0, width, height)
    if rgb.shape != (height, width, 3) or not (0 <= x0 <= x1 <= width and 0 <= y0 <= y1 <= height):
        raise ValueError(f"expected a picture, its mask and a box inside, got {rgb.shape}, {mask.shape}, {box}")
    if x0 == x1 or y0 == y1 or out.size == 0:
        out[...] = 0
        return
    depth = max(rim, feather / 2)
    reach = BLEED + math.ceil(depth) + 1
    over = packed_colour(colour) if colour is not None else np.uint32(0)
    _cut_out(
        rgb.reshape(height, 3 * width), mask, np.array([x0, y0, x1, y1], np.int64), float(feather), float(rim),
        reach, math.ceil(depth + 0.5), offset_table(reach), falloff_table(reach), unseen,
        over, 4 * numba.get_num_threads(), packed(out),
    )  # fmt: skip


@parallel
def _cut_out(
    rgb: np.ndarray, mask: np.ndarray, box: np.ndarray, feather: float, rim: float, reach: int, bound: int,
    offsets: np.ndarray, falloff: np.ndarray, unseen: bool, over: np.uint32, parts: int, out: np.ndarray,
) -> None:  # fmt: skip
    height, width = box[3] - box[1], box[2] - box[0]
    step_y, step_x = height / out.shape[0], width / out.shape[1]
    resized = out.shape[0] != height or out.shape[1] != width
    apron = reach + 3 + bound
    lowest = np.zeros(((mask.shape[0] + CELL - 1) // CELL, (mask.shape[1] + CELL - 1) // CELL), np.uint8)
    highest = np.zeros_like(lowest)
    for row in numba.prange(lowest.shape[0]):
        cell_bounds(mask, row, lowest[row], highest[row])
    tall, wide = max(int(TALL / step_y), 1), max(int((COLUMNS - 2 * apron - 2) / step_x), 1)
    group = max(LONGEST // max(int(wide * step_x), 1), 1)
    across = (out.shape[1] + wide * group - 1) // (wide * group)
    blocks = across * ((out.shape[0] + tall - 1) // tall)
    rows, columns = math.ceil(tall * step_y) + 2, math.ceil(wide * step_x) + 2
    for part in numba.prange(parts):
        rules = Rules(feather, rim, reach, bound, apron, offsets, falloff, unseen)
        work = new_work(rows, rules)
        cut = np.zeros((rows, LONGEST + columns), np.uint32)
        for block in range(part, blocks, parts):
            top, first = block // across * tall, block % across * wide * group
            bottom, end = min(top + tall, out.shape[0]), min(first + wide * group, out.shape[1])
            left = first
            while left < end:
                right = min(left + wide, end)
                kind = _kind(lowest, highest, _place(box, top, left, bottom, right, out), apron, mask)
                while kind != RIM and right < end:
                    further = min(right + wide, end)
                    if _kind(lowest, highest, _place(box, top, right, bottom, further, out), apron, mask) != kind:
                        break
                    right = further
                place = _place(box, top, left, bottom, right, out)
                if kind == EMPTY:
                    _clear(out, top, bottom, left, right)
                elif resized:
                    _cut_part(rgb, mask, kind, place, rules, work, 0, 0, cut)
                    y0, x0 = place[0] - box[1], place[1] - box[0]
                    resize_packed(cut, y0, x0, height, width, top, bottom, left, right, out)
                else:
                    _cut_part(rgb, mask, kind, place, rules, work, top, left, out)
                if over:
                    _put_over(out, top, bottom, left, right, over)
                left = right


@serial
def _place(box: np.ndarray, top: int, left: int, bottom: int, right: int, out: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, bottom and right in the picture of what a part of ``out`` shows."""
    step_y, step_x = (box[3] - box[1]) / out.shape[0], (box[2] - box[0]) / out.shape[1]
    y1, x1 = box[1] + math.ceil(bottom * step_y), box[0] + math.ceil(right * step_x)
    return box[1] + int(top * step_y), box[0] + int(left * step_x), min(y1, box[3]), min(x1, box[2])


@serial
def _kind(
    lowest: np.ndarray, highest: np.ndarray, place: tuple[int, int, int, int], apron: int, mask: np.ndarray
) -> int:
    """Kind of the tile at ``place`` by the bounds of the cells that it and its apron touch."""
    least, most = 255, 0
    below, beyond = min(place[2] + apron, mask.shape[0]), min(place[3] + apron, mask.shape[1])
    for row in range(max(place[0] - apron, 0) // CELL, (below + CELL - 1) // CELL):
        for column in range(max(place[1] - apron, 0) // CELL, (beyond + CELL - 1) // CELL):
            least, most = min(least, lowest[row, column]), max(most, highest[row, column])
    if most == 0:
        return EMPTY
    return WHOLE if least > INSIDE else RIM


@serial
def _cut_part(
    rgb: np.ndarray, mask: np.ndarray, kind: int, place: tuple[int, int, int, int], rules: Rules, work: Work,
    to_y: int, to_x: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Cut out what is at ``place`` in the picture, into ``out`` from row ``to_y`` and column ``to_x`` on."""
    y0, x0, y1, x1 = place
    first_y, first_x = survey(mask, y0, x0, y1, x1, rules, work) if kind == RIM else (y0, x0)
    floor = np.uint8(255 if rules.feather > 0 and kind == WHOLE else 0)
    for y in range(y0, y1):
        line = out[to_y + y - y0, to_x : to_x + x1 - x0]
        row, column = y - first_y, x0 - first_x
        alpha = work.planes[0, row, column : column + x1 - x0] if kind == RIM else mask[y, x0:x1]
        _pack(rgb[y, 3 * x0 : 3 * x1], alpha, floor, line)
        if kind == RIM:
            clean_row(rgb, row, column, first_y, first_x, rules, work, line)


@serial
def _pack(colours: np.ndarray, alpha: np.ndarray, floor: np.uint8, out: np.ndarray) -> None:
    """Join a row of colours (3 N,) and ``alpha`` (N,), at least ``floor``; black where that is 0."""
    for x in range(out.size):
        share = max(alpha[x], floor)
        pixel = pixels.joined(colours[3 * x], colours[3 * x + 1], colours[3 * x + 2], share)
        out[x] = pixel if share > 0 else np.uint32(0)


@serial
def _clear(out: np.ndarray, top: int, bottom: int, left: int, right: int) -> None:
    """Make a part of ``out`` transparent black."""
    for y in range(top, bottom):
        out[y, left:right] = np.uint32(0)


@serial
def _put_over(out: np.ndarray, top: int, bottom: int, left: int, right: int, over: np.uint32) -> None:
    """Put a part of ``out`` over the packed colour ``over``."""
    for y in range(top, bottom):
        line = out[y, left:right]
        for x in range(line.size):
            line[x] = pixels.over(line[x], over)
