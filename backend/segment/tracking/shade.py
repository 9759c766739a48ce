# SPDX-License-Identifier: GPL-3.0-or-later
"""Cast shadows and dim reflections: they move with the object and hang on it, and are not it.

A shadow is the ground with less light. Its lightness is a fraction of the ground's beside it, its chroma falls by the
same fraction (both are scaled by one light), and it has hardly any texture of its own. Dark parts of an object differ
from that in chroma or in texture; where they do not, they are told by lying inside the object, away from the ground.
"""

from __future__ import annotations

import cv2
import numpy as np

_CHROMA = 6.0
"""Distance of chroma, in 8-bit Lab, at which a shadow is doubted."""

_TEXTURE = 6.0
"""Mean departure of the lightness from its surroundings, in 8-bit Lab, at which a shadow is doubted."""

_DIMMED = 0.95
"""Share of the ground's light above which nothing is a shadow."""


def shadow_likeness(lab: np.ndarray, background: np.ndarray, reach: float) -> np.ndarray:
    """How far each pixel looks like its background in shadow, (h, w) float32 in [0, 1].

    Args:
        lab: (h, w, 3) float32, OpenCV's 8-bit CIE L*a*b*.
        background: (h, w) float32 weights of pixels known to be background.
        reach: pixels over which the background's colour is carried into what lies beside it.

    """
    near = cv2.GaussianBlur(background, (0, 0), reach)
    ground = cv2.GaussianBlur(lab * background[..., None], (0, 0), reach) / np.maximum(near, 1e-3)[..., None]
    dimmed = lab[..., 0] / np.maximum(ground[..., 0], 1.0)
    expected = (ground[..., 1:] - 128.0) * np.clip(dimmed, 0, 1)[..., None]
    chroma = np.square(lab[..., 1:] - 128.0 - expected).sum(-1)
    light = lab[..., 0]
    texture = cv2.GaussianBlur(np.abs(light - cv2.GaussianBlur(light, (0, 0), 2.0)), (0, 0), 2.0)
    likeness = np.exp(-chroma / (2 * _CHROMA**2) - np.square(texture / _TEXTURE))
    return (likeness * (dimmed < _DIMMED) * np.clip(6.0 * near, 0, 1)).astype(np.float32)
