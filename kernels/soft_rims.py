# SPDX-License-Identifier: GPL-3.0-or-later
"""The share of the object in the pixels of a hard mask's rim, from the colours to either side.

A pixel of the rim shows a mixture I = a F + (1 - a) B. With F, the object's mean colour close by inside, and B, the
background's close by outside, a is where I lies on the way from B to F (Chuang et al. 2001, for known colours).
Chroma counts less than luma, because JPEG stores it at half the resolution. An edge that lens, sensor and JPEG have
blurred over a pixel gives shares that rise too slowly: they are steepened around one half, less so in wide rims.
Where F and B are alike nothing can be told and the mask is kept.

Notation: ``picture`` (H, W, 3) uint8, luma and two chromas; ``depth`` (H, W) float32: signed distance to the mask's
edge, pixels, positive inside; ``mask`` and ``out`` (H, W) uint8. The kernel runs on the calling thread alone, for
callers that work on several pictures at once.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import serial

CHROMA = 0.09
"""Weight of a squared difference of chroma beside one of luma."""

NOISE = 30.0
"""Distance of object and background, levels, at which picture and mask count alike."""


def spread(reach: float) -> float:
    """Standard deviation, pixels, of the weights of the colours on either side."""
    return max(1.5, reach / 2)


@serial
def soften_rim(picture: np.ndarray, mask: np.ndarray, depth: np.ndarray, reach: float, out: np.ndarray) -> None:
    """Write the shares of all pixels less than ``reach`` from the edge into ``out``, and the mask elsewhere."""
    height, width = mask.shape
    sigma = max(1.5, reach / 2)
    window = math.ceil(reach + 2 * sigma)
    falloff = np.zeros(window + 1)
    for away in range(window + 1):
        falloff[away] = math.exp(-0.5 * away * away / (sigma * sigma))
    sides = np.zeros((2, 4))
    for y in range(height):
        for x in range(width):
            out[y, x] = mask[y, x]
            if abs(depth[y, x]) >= reach:
                continue
            sides[:] = 0.0
            for v in range(max(y - window, 0), min(y + window + 1, height)):
                for u in range(max(x - window, 0), min(x + window + 1, width)):
                    if abs(depth[v, u]) >= reach:
                        weight = falloff[abs(v - y)] * falloff[abs(u - x)]
                        side = sides[0] if depth[v, u] > 0 else sides[1]
                        side[3] += weight
                        for c in range(3):
                            side[c] += weight * picture[v, u, c]
            if sides[0, 3] > 0 and sides[1, 3] > 0:
                out[y, x] = _share(picture[y, x], sides, reach, mask[y, x])


@serial
def _share(pixel: np.ndarray, sides: np.ndarray, reach: float, mask: int) -> np.uint8:
    """Alpha of a ``pixel`` (3,) from the weighted sums of colours, and of weights, inside and outside: (2, 4)."""
    along = across = 0.0
    for c in range(3):
        inside, outside = sides[0, c] / sides[0, 3], sides[1, c] / sides[1, 3]
        weight = 1.0 if c == 0 else CHROMA
        along += weight * (pixel[c] - outside) * (inside - outside)
        across += weight * (inside - outside) * (inside - outside)
    share = 0.5
    if across > 0.0:
        steep = 1.0 + 1.0 / max(reach, 2.0)
        share = min(max((along / across - 0.5) * steep + 0.5, 0.0), 1.0)
    trust = across / (across + NOISE * NOISE)
    return np.uint8(255.0 * trust * share + (1.0 - trust) * mask + 0.5)
