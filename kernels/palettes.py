# SPDX-License-Identifier: GPL-3.0-or-later
"""Nearest colour of a palette for every pixel.

A matrix product finds it too, but the threads of a linear algebra library wait for each other by spinning, which on few
cores costs more than these products of three columns do.
"""

from __future__ import annotations

import numpy as np

from ._jit import serial


@serial
def nearest_colours(pixels: np.ndarray, palette: np.ndarray, out: np.ndarray) -> None:
    """Index of the nearest colour; of equally near ones the first.

    Args:
        pixels: (N, 3) float32.
        palette: (C, 3) float32, 1 to 256 colours.
        out: (N,) uint8, overwritten.

    """
    for i in range(pixels.shape[0]):
        nearest, least = 0, np.float32(np.inf)
        for c in range(palette.shape[0]):
            x = pixels[i, 0] - palette[c, 0]
            y = pixels[i, 1] - palette[c, 1]
            z = pixels[i, 2] - palette[c, 2]
            squared = x * x + y * y + z * z
            if squared < least:
                nearest, least = c, squared
        out[i] = nearest
