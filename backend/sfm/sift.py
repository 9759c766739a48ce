# SPDX-License-Identifier: GPL-3.0-or-later
"""SIFT (Lowe 2004) by OpenCV: the same keypoints as COLMAP's for two fifths of the time, which is its vectorised code.

Notation: keypoints (N, 4) float32: x, y in pixels, pixel centres at half integers, then scale (the standard deviation
of the Gaussian, in pixels) and orientation (radians), as COLMAP writes them. Descriptors (N, 128) uint8 are roots of
L1-normalised histograms (Arandjelovic and Zisserman 2012, "Three things everyone should know", section 2) times 512.
"""

from __future__ import annotations

import cv2
import numpy as np

_LAYERS = 3
_EDGE = 10.0


def find_keypoints(
    grey: np.ndarray, most: int, peak: float, side: int, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints and descriptors of ``grey`` (H, W) uint8, found at a longer side of at most ``side`` px.

    ``peak`` is the least contrast in [0, 1]; of more than ``most`` the strongest stay. Where ``mask`` (H, W) uint8 is
    given, keypoints lie where it is not 0.
    """
    width = grey.shape[1]
    grey, mask = _reduced(grey, side, mask)
    sift = cv2.SIFT_create(  # type: ignore[attr-defined] # the stubs leave it out
        nfeatures=most,
        nOctaveLayers=_LAYERS,
        contrastThreshold=peak * _LAYERS,  # OpenCV divides by the number of layers
        edgeThreshold=_EDGE,
        enable_precise_upscale=True,  # else all positions are off by a quarter of a pixel
    )
    found, histograms = sift.detectAndCompute(grey, mask)
    if not found:
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8)
    keypoints = np.array([(*k.pt, k.size / 2, np.radians(k.angle)) for k in found], np.float32)
    keypoints[:, :2] += 0.5  # OpenCV counts from the first pixel's centre
    keypoints[:, :3] *= width / grey.shape[1]
    total = np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    return keypoints, np.clip(np.rint(512.0 * np.sqrt(histograms / total)), 0, 255).astype(np.uint8)


def find_affine_keypoints(
    grey: np.ndarray, most: int, peak: float, side: int, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """As ``find_keypoints``, by COLMAP, with affine shapes (Mikolajczyk and Schmid 2004) and descriptors pooled over
    domain sizes (Dong and Soatto 2015): some ten times slower, and found again from more different sides.

    Keypoints are (N, 6): x, y and the 2 x 2 matrix that takes the unit circle to the keypoint's ellipse.
    """
    import pycolmap

    width = grey.shape[1]
    grey, mask = _reduced(grey, side, mask)
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.num_threads = 1
    options.sift.max_num_features = most
    options.sift.peak_threshold = peak
    options.sift.estimate_affine_shape = True
    options.sift.domain_size_pooling = True
    bitmap = pycolmap.Bitmap.from_array(np.ascontiguousarray(grey))
    found, stored = pycolmap.FeatureExtractor.create(options).extract(bitmap)
    keypoints = np.asarray(pycolmap.keypoints_to_matrix(found), np.float32)
    descriptors = np.asarray(stored.data, np.uint8)
    if mask is not None and len(keypoints):
        column = np.clip(keypoints[:, 0].astype(int), 0, mask.shape[1] - 1)
        row = np.clip(keypoints[:, 1].astype(int), 0, mask.shape[0] - 1)
        keypoints, descriptors = keypoints[mask[row, column] > 0], descriptors[mask[row, column] > 0]
    return keypoints * np.float32(width / grey.shape[1]), descriptors


def _reduced(grey: np.ndarray, side: int, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture and its mask reduced to a longer side of at most ``side`` px."""
    factor = min(1.0, side / max(grey.shape))
    if factor == 1.0:
        return grey, mask
    size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
    mask = None if mask is None else cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA), mask
