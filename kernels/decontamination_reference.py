# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``decontamination.py``. Of several nearest pixels the two may choose different ones, so that the
twin is handed the choice: ``inner`` and ``outer``, flat indices (H, W) of the nearest sure and clear pixel.
"""

from __future__ import annotations

import numpy as np

from .decontamination import BLEED, CLEAR, OPAQUE, WINDOW


def sure(alpha: np.ndarray, depth: np.ndarray, rim: float) -> np.ndarray:
    """Pixels (H, W) bool that show the object alone: opaque, and ``rim`` deep or no neighbour deeper."""
    height, width = alpha.shape
    padded = np.pad(depth, 1, constant_values=-np.inf)
    around = [padded[1 + v : 1 + v + height, 1 + u : 1 + u + width] for v in (-1, 0, 1) for u in (-1, 0, 1)]
    return (alpha >= OPAQUE) & ((depth >= rim) | (np.max(around, 0) <= depth))


def clear(alpha: np.ndarray, depth: np.ndarray, rim: float) -> np.ndarray:
    """Pixels (H, W) bool that show the background alone."""
    return (alpha <= CLEAR) & (depth <= -rim)


def _near(image: np.ndarray, kind: np.ndarray, index: int, y: int, x: int) -> np.ndarray:
    """Mean colour (3,) of the pixels of ``kind`` around the one at ``index``."""
    row, column = divmod(index, kind.shape[1])
    v, u = np.nonzero(kind)
    close = (np.abs(v - row) <= WINDOW) & (np.abs(u - column) <= WINDOW)
    v, u = v[close], u[close]
    least = (row - y) ** 2 + (column - x) ** 2
    weight = np.exp(-0.5 * ((v - y) ** 2 + (u - x) ** 2 - least))
    return (weight[:, None] * image[v, u]).sum(0) / weight.sum()


def _clean(pixel: np.ndarray, share: float, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Colour (3,) of the object in a rim pixel which holds ``share`` of it."""
    if share == 0:
        return inside
    near, far = np.linalg.norm(pixel - outside), np.linalg.norm(pixel - inside)
    trust = share**2
    if near + far >= 1:
        trust *= np.clip((near / (near + far) / share - 0.3) / 0.5, 0, 1)
    solved = np.clip((pixel - (1 - share) * outside) / share, 0, 255)
    return trust * solved + (1 - trust) * inside


def decontaminate(
    image: np.ndarray, alpha: np.ndarray, depth: np.ndarray, rim: float, inner: np.ndarray, outer: np.ndarray
) -> np.ndarray:
    """Colours (H, W, 3) uint8 of the object alone; ``depth`` (H, W) is the signed distance to the edge of ``alpha``."""
    is_sure, is_clear = sure(alpha, depth, rim), clear(alpha, depth, rim)
    out = image.copy()
    for y, x in np.argwhere((depth < rim) & ~is_sure & (inner >= 0)):
        if depth[y, x] < -BLEED and alpha[y, x] == 0:
            out[y, x] = 0
            continue
        inside = _near(image, is_sure, inner[y, x], y, x)
        share = alpha[y, x] / 255 if outer[y, x] >= 0 else 0.0
        outside = _near(image, is_clear, outer[y, x], y, x) if share else inside
        out[y, x] = (_clean(image[y, x].astype(np.float64), share, inside, outside) + 0.5).astype(np.uint8)
    return out
