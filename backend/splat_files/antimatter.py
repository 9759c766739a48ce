# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``.splat`` files of antimatter15's viewer: 32 bytes a splat, no header, no harmonics beyond the constant one.

Axes: none fixed, kept as they are. A splat is three means and three sizes (float32, sizes linear), red, green, blue and
opacity (uint8), and the quaternion w x y z as 128 + 128 q (uint8).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import activations
from .splats import Columns

_ROW = np.dtype([("mean", "<f4", 3), ("size", "<f4", 3), ("colour", "u1", 4), ("quat", "u1", 4)])


def read_antimatter(path: Path) -> Columns:
    """Columns (see ``from_columns``); ``ValueError`` where the file is no whole number of splats."""
    size = Path(path).stat().st_size
    if size % _ROW.itemsize:
        raise ValueError(f"expected a multiple of {_ROW.itemsize} bytes in {path}, got {size}")
    rows = np.fromfile(path, _ROW)
    quats = (rows["quat"].astype(np.float32) - 128.0) / 128.0
    quats[~quats.any(axis=1)] = (1, 0, 0, 0)  # what its viewer makes of no rotation at all
    colour = rows["colour"].astype(np.float32) / 255.0
    return (
        rows["mean"],
        quats,
        activations.log_from_size(rows["size"]),
        activations.logit_from_opacity(colour[:, 3]),
        activations.dc_from_colour(colour[:, None, :3]),
    )
