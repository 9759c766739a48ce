# SPDX-License-Identifier: GPL-3.0-or-later
"""From a mask to a matte: hair, plush and motion blur get soft edges, sharp edges their anti-aliasing.

The mask says where the object is, the picture how much of it each pixel of the rim holds (``kernels/soft_rims.py``).
"""

from __future__ import annotations

import cv2
import numpy as np

from ...kernels.soft_rims import soften_rim


def soften(image: np.ndarray, mask: np.ndarray, reach: float) -> np.ndarray:
    """Matte (H, W) uint8 of ``image`` (H, W, 3) uint8 sRGB from ``mask`` (H, W) uint8.

    ``reach``: half the width, pixels, of the band around the mask's edge that is made anew; 0 leaves all as it is. The
    band's borders must lie in the object alone and in the background alone: for hair it has to be as wide as that.
    """
    solid = (mask > 127).astype(np.uint8)
    if reach <= 0 or not solid.any() or solid.all():
        return mask
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depth = np.where(solid > 0, inside - np.float32(0.5), np.float32(0.5) - outside)
    out = np.zeros_like(mask)
    soften_rim(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), np.ascontiguousarray(mask), depth, float(reach), out)
    return out
