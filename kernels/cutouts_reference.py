# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``cutouts.py``: the separate steps, one after the other over the whole picture."""

from __future__ import annotations

import numpy as np

from .compositing_reference import composite_over_image
from .decontamination_reference import decontaminate, depths, reach
from .resize_reference import resize_rgba


def cut_out(
    rgb: np.ndarray,
    mask: np.ndarray,
    size: tuple[int, int] | None = None,
    box: tuple[int, int, int, int] | None = None,
    feather: float = 0.0,
    rim: float = 2.0,
    colour: np.ndarray | None = None,
    unseen: bool = False,
) -> np.ndarray:
    """The cutout (h, w, 4) uint8 of ``size`` (h, w), that of the box unless it is given."""
    depth, alpha = depths(mask), mask
    if feather > 0:
        away = np.sign(depth) * (np.sqrt(np.abs(depth)) - 0.5)
        alpha = np.clip(away * 255 / feather + 128, 0, 255).astype(np.uint8)
    rgba = np.dstack([decontaminate(rgb, alpha, depth, rim, reach(feather, rim), unseen), alpha])
    x0, y0, x1, y1 = box or (0, 0, mask.shape[1], mask.shape[0])
    part = rgba[y0:y1, x0:x1]
    if size is not None and size != part.shape[:2]:
        part = resize_rgba(part, *size)
    if colour is None:
        return part
    below = np.broadcast_to(np.array([*colour, 255], np.uint8), part.shape)
    return composite_over_image(part, below)
