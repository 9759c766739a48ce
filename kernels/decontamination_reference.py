# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``rims.py`` and ``decontamination.py``, every pixel compared with every other: small pictures."""

from __future__ import annotations

import numpy as np

from .decontamination import BLEED, WINDOW
from .rims import CLEAR, INSIDE, OPAQUE


def depths(mask: np.ndarray) -> np.ndarray:
    """Squared distance (H, W) float64 to the nearest pixel outside, or minus that to the nearest inside; +-inf."""
    inside = mask > INSIDE
    y, x = np.indices(mask.shape)
    result = np.where(inside, np.inf, -np.inf)
    for at in np.argwhere(inside):
        square = (y - at[0]) ** 2 + (x - at[1]) ** 2
        result = np.where(inside, result, np.maximum(result, -square))
    for at in np.argwhere(~inside):
        square = (y - at[0]) ** 2 + (x - at[1]) ** 2
        result = np.where(inside, np.minimum(result, square), result)
    return result


def sure(alpha: np.ndarray, depth: np.ndarray, rim: float) -> np.ndarray:
    """Pixels (H, W) bool that show the object alone: opaque, and ``rim`` deep or no neighbour deeper."""
    height, width = alpha.shape
    padded = np.pad(depth, 1, constant_values=-np.inf)
    around = [padded[1 + v : 1 + v + height, 1 + u : 1 + u + width] for v in (-1, 0, 1) for u in (-1, 0, 1)]
    return (alpha >= OPAQUE) & ((depth >= (rim + 0.5) ** 2) | (np.max(around, 0) <= depth))


def cleared(alpha: np.ndarray, depth: np.ndarray, rim: float) -> np.ndarray:
    """Pixels (H, W) bool that show the background alone."""
    return (alpha <= CLEAR) & (depth <= -((rim + 0.5) ** 2))


def _nearest(kind: np.ndarray, y: int, x: int, reach: int) -> tuple[int, int] | None:
    """Row and column of the pixel of ``kind`` nearest to (y, x); of several the leftmost, then the uppermost."""
    rows, columns = np.nonzero(kind)
    square = (rows - y) ** 2 + (columns - x) ** 2
    if square.size == 0 or square.min() > reach * reach:
        return None
    best = np.lexsort((rows, columns, square))[0]
    return int(rows[best]), int(columns[best])


def _mean(image: np.ndarray, kind: np.ndarray, at: tuple[int, int], y: int, x: int) -> np.ndarray:
    """Mean colour (3,) of the pixels of ``kind`` around ``at``, those closer to (y, x) counting more."""
    v, u = np.nonzero(kind)
    close = (np.abs(v - at[0]) <= WINDOW) & (np.abs(u - at[1]) <= WINDOW)
    v, u = v[close], u[close]
    least = (at[0] - y) ** 2 + (at[1] - x) ** 2
    weight = np.exp(-0.5 * ((v - y) ** 2 + (u - x) ** 2 - least))
    return (weight[:, None] * image[v, u]).sum(0) / weight.sum()


def _clean(pixel: np.ndarray, share: float, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Colour (3,) of the object in a rim pixel which holds ``share`` of it."""
    near, far = np.linalg.norm(pixel - outside), np.linalg.norm(pixel - inside)
    trust = share**2
    if near + far >= 1:
        trust *= np.clip((near / (near + far) / share - 0.3) / 0.5, 0, 1)
    solved = np.clip((pixel - (1 - share) * outside) / share, 0, 255)
    return trust * solved + (1 - trust) * inside


def decontaminate(
    rgb: np.ndarray, alpha: np.ndarray, depth: np.ndarray, rim: float, reach: int, unseen: bool = False
) -> np.ndarray:
    """Colours (H, W, 3) uint8 of the object alone; ``depth`` as ``depths`` gives it."""
    is_sure, is_cleared = sure(alpha, depth, rim), cleared(alpha, depth, rim)
    out = np.where(alpha[..., None] > 0, rgb, np.uint8(0))
    for y, x in np.argwhere((depth < (rim + 0.5) ** 2) & ~is_sure & ((alpha == 0) | (rim > 0))):
        inner, outer = _nearest(is_sure, y, x, reach), _nearest(is_cleared, y, x, reach)
        if inner is None:
            continue
        if alpha[y, x] == 0:
            out[y, x] = _mean(rgb, is_sure, inner, *inner) + 0.5
            continue
        colour = _mean(rgb, is_sure, inner, y, x)
        share = alpha[y, x] / 255
        if unseen:
            colour = share**2 * rgb[y, x] + (1 - share**2) * colour
        elif outer is not None:
            outside = _mean(rgb, is_cleared, outer, y, x)
            colour = _clean(rgb[y, x].astype(np.float64), share, colour, outside)
        out[y, x] = colour + 0.5
    return out


def reach(feather: float, rim: float) -> int:
    """How far nearest pixels are looked for: over the bleeding and the softness of the edge."""
    return BLEED + int(np.ceil(max(rim, feather / 2))) + 1
