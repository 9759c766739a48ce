# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of all key frames with their times, and of what lies between them: sharpness over time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..images import read_rgb, shrink, write_image

_COLUMNS, _CELL, _GAP, _CAPTION = 8, 200, 6, 20
_MOST = 160
_GRAPH = 120
_INK, _PAPER, _ACCENT, _FAINT = (40, 40, 40), 250, (200, 60, 40), (150, 150, 150)


def write_contact_sheet(
    path: Path, pictures: list[tuple[Path, str]], curve: np.ndarray, chosen: list[int], spare: list[int]
) -> None:
    """Write the sheet: ``pictures`` are (file, caption), ``curve`` (n,) the sharpness of every look, ``chosen`` and
    ``spare`` places on it. Of more than 160 pictures every so many-th is shown.
    """
    shown = pictures[:: max(-(-len(pictures) // _MOST), 1)]
    cells = [_cell(file, caption) for file, caption in shown]
    height = max(c.shape[0] for c in cells)
    rows = -(-len(cells) // _COLUMNS)
    width = _COLUMNS * (_CELL + _GAP) + _GAP
    sheet = np.full((_GRAPH + 2 * _GAP + rows * (height + _GAP), width, 3), _PAPER, np.uint8)
    _draw_curve(sheet[_GAP : _GAP + _GRAPH, _GAP : width - _GAP], curve, chosen, spare)
    for place, cell in enumerate(cells):
        y = _GRAPH + 2 * _GAP + (place // _COLUMNS) * (height + _GAP)
        x = _GAP + (place % _COLUMNS) * (_CELL + _GAP)
        sheet[y : y + cell.shape[0], x : x + _CELL] = cell
    write_image(path, sheet, quality=88)


def _cell(file: Path, caption: str) -> np.ndarray:
    """One picture with its caption below, (h, _CELL, 3) uint8."""
    small, _ = shrink(read_rgb(file), None, _CELL)
    height, width = small.shape[:2]
    cell = np.full((height + _CAPTION, _CELL, 3), _PAPER, np.uint8)
    cell[:height, (_CELL - width) // 2 : (_CELL - width) // 2 + width] = small
    cv2.putText(cell, caption, (4, height + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return cell


def _draw_curve(area: np.ndarray, curve: np.ndarray, chosen: list[int], spare: list[int]) -> None:
    """Sharpness over time, with a line a key frame and a tick a spare one."""
    height, width = area.shape[:2]
    x = np.linspace(4, width - 5, max(len(curve), 2))[: len(curve)]
    y = height - 18 - (height - 40) * curve / max(float(curve.max()), 1e-6)
    for i in spare:
        cv2.line(area, (int(x[i]), height - 18), (int(x[i]), height - 26), _FAINT, 1)
    for i in chosen:
        cv2.line(area, (int(x[i]), height - 18), (int(x[i]), int(y[i])), _ACCENT, 1, cv2.LINE_AA)
    points = np.stack([x, y], 1).round().astype(np.int32)
    cv2.polylines(area, [points], False, _INK, 1, cv2.LINE_AA)
    text = f"sharpness of {len(curve)} pictures looked at; red: {len(chosen)} key frames, grey: {len(spare)} spare"
    cv2.putText(area, text, (6, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
