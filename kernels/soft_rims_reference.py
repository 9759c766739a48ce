# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain numpy twin of ``soft_rims.py``: the same arguments, the result returned."""

from __future__ import annotations

import numpy as np

from .soft_rims import CHROMA, NOISE, spread


def soften_rim(picture: np.ndarray, mask: np.ndarray, depth: np.ndarray, reach: float) -> np.ndarray:
    """Matte (H, W) uint8: shares of the pixels less than ``reach`` from the edge, elsewhere the mask."""
    out, sigma, weight = mask.copy(), spread(reach), np.array([1.0, CHROMA, CHROMA])
    window = int(np.ceil(reach + 2 * sigma))
    rows, columns = np.indices(mask.shape)
    for y, x in np.argwhere(np.abs(depth) < reach):
        near = (np.abs(rows - y) <= window) & (np.abs(columns - x) <= window) & (np.abs(depth) >= reach)
        falloff = near * np.exp(-0.5 * ((rows - y) ** 2 + (columns - x) ** 2) / sigma**2)
        inner, outer = falloff * (depth > 0), falloff * (depth <= 0)
        if not inner.any() or not outer.any():
            continue
        inside, outside = ((w[..., None] * picture).sum((0, 1)) / w.sum() for w in (inner, outer))
        across = (weight * (inside - outside) ** 2).sum()
        along = (weight * (picture[y, x] - outside) * (inside - outside)).sum()
        share = np.clip((along / across - 0.5) * (1 + 1 / max(reach, 2.0)) + 0.5, 0, 1) if across > 0 else 0.5
        trust = across / (across + NOISE**2)
        out[y, x] = 255 * trust * share + (1 - trust) * mask[y, x] + 0.5
    return out
