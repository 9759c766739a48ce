# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``palettes.py``."""

from __future__ import annotations

import numpy as np


def nearest_colours(pixels: np.ndarray, palette: np.ndarray, out: np.ndarray) -> None:
    """As ``palettes.nearest_colours``."""
    out[:] = np.square(pixels[:, None] - palette[None]).sum(-1).argmin(1)
