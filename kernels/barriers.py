# SPDX-License-Identifier: GPL-3.0-or-later
"""Minimum barrier distance: how much colour must change on the way from the seeds to a pixel, on the best way.

The cost of a path is, summed over channels, its highest value less its lowest (Strand et al. 2013). Unlike a geodesic
distance it does not grow with length or texture, so that a large even background stays near. Approximated by raster
scans in turns forward and backward (Zhang et al. 2015, "Minimum Barrier Salient Object Detection at 80 FPS",
algorithm 1), here over all channels at once along one path.
"""

from __future__ import annotations

import numpy as np

from ._jit import serial


@serial
def _scan(
    image: np.ndarray, seeds: np.ndarray, distances: np.ndarray, high: np.ndarray, low: np.ndarray, forward: bool
) -> None:
    height, width, channels = image.shape
    back = -1 if forward else 1
    for j in range(height):
        y = j if forward else height - 1 - j
        for i in range(width):
            x = i if forward else width - 1 - i
            if seeds[y, x]:
                continue
            for side in range(2):
                ny, nx = (y + back, x) if side == 0 else (y, x + back)
                if ny < 0 or nx < 0 or ny >= height or nx >= width or np.isinf(distances[ny, nx]):
                    continue
                total = np.float32(0)
                for c in range(channels):
                    total += max(high[ny, nx, c], image[y, x, c]) - min(low[ny, nx, c], image[y, x, c])
                if total < distances[y, x]:
                    distances[y, x] = total
                    for c in range(channels):
                        high[y, x, c] = max(high[ny, nx, c], image[y, x, c])
                        low[y, x, c] = min(low[ny, nx, c], image[y, x, c])


@serial
def barrier_distances(image: np.ndarray, seeds: np.ndarray, passes: int, out: np.ndarray) -> None:
    """Barrier distance of every pixel to the seeds, in units of ``image``; infinite where no seed is reached.

    Args:
        image: (H, W, C) float32.
        seeds: (H, W) bool, where the distance is 0.
        passes: number of scans, forward and backward in turns; eight are enough for photos.
        out: (H, W) float32, overwritten.

    """
    high, low = image.copy(), image.copy()
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = np.float32(0) if seeds[y, x] else np.float32(np.inf)
    for number in range(passes):
        _scan(image, seeds, out, high, low, number % 2 == 0)
