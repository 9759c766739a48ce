# SPDX-License-Identifier: GPL-3.0-or-later
"""From a frame of ``01_frames`` to the undistorted pinhole image of ``04_cameras``: one rule for photos and masks.

The undistorted image has the frame's size and principal point; its focal length is the frame's times a factor, chosen
as small as it can be (so that as much as possible is kept) while every output pixel still comes from inside the frame:
there are no black borders. ``Camera.distortion`` keeps ``{"K": (3, 3) of the frame, "model": the eight coefficients of
lens.py, "fisheye": bool}``; it is empty where the frame was a pinhole image already.

Notation: pixel centres at half integers, ``K`` accordingly; the maps count from the centre of the first pixel, as
``cv2.remap`` does (0 is the centre of the top left pixel).
"""

from __future__ import annotations

import cv2
import numpy as np

from .lens import LensCamera
from .records import Camera

INVISIBLE_PX = 0.2
"""Distortion below this everywhere in the frame is left as it is: resampling would blur more than it mends."""
_FACTORS = np.linspace(1.6, 0.7, 181)


def undistort_maps(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Where each output pixel of ``camera`` comes from: (map_x, map_y), (H, W) float32, for ``cv2.remap``.

    ``frame_x = map_x + 0.5`` in half-integer pixels of the frame. The identity where nothing was distorted.
    """
    size = (camera.width, camera.height)
    if not camera.distortion:
        x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
        return x, y
    K = _counted_from_centres(np.array(camera.distortion["K"], np.float64))
    K_out = _counted_from_centres(camera.K)
    coefficients = np.array(camera.distortion["model"], np.float64)
    if camera.distortion.get("fisheye"):
        return cv2.fisheye.initUndistortRectifyMap(K, coefficients[:4], np.eye(3), K_out, size, cv2.CV_32FC1)
    return cv2.initUndistortRectifyMap(K, coefficients, None, K_out, size, cv2.CV_32FC1)


def undistort_image(image: np.ndarray, camera: Camera, interpolation: int = cv2.INTER_CUBIC) -> np.ndarray:
    """Warp ``image``, (H, W) or (H, W, C) uint8 in the frame's pixels, to the undistorted image of ``camera``.

    Raises ``ValueError`` if the image has another size than the camera.
    """
    if image.shape[:2] != (camera.height, camera.width):
        raise ValueError(f"expected an image of {camera.width} x {camera.height}, got {image.shape[1::-1]}")
    if not camera.distortion:
        return image
    return cv2.remap(image, *undistort_maps(camera), interpolation, borderMode=cv2.BORDER_REPLICATE)


def pinhole_of(lens: LensCamera) -> tuple[np.ndarray, dict]:
    """The undistorted camera's ``K`` (3, 3) and the record for ``Camera.distortion`` of a photo taken by ``lens``."""
    K = np.array([[lens.K[0, 0], 0, lens.K[0, 2]], [0, lens.K[1, 1], lens.K[1, 2]], [0, 0, 1.0]])
    border = _border(lens.width, lens.height)
    if _displacement(lens, K, border) < INVISIBLE_PX:
        return K, {}
    K_out = K.copy()
    K_out[[0, 1], [0, 1]] *= _least_factor(lens, K, border)
    return K_out, {"K": K.tolist(), "model": [float(c) for c in lens.coefficients], "fisheye": lens.fisheye}


def _least_factor(lens: LensCamera, K: np.ndarray, border: np.ndarray) -> float:
    """The least focal factor at which the output's border still falls inside the photo; 1 where there is none."""
    least = 1.0
    found = False
    for factor in _FACTORS:  # from zoomed in outwards: a folding polynomial may look valid again further out
        inside = lens.distort(_directions(K, border, factor))
        ok = np.all((inside >= 0.5) & (inside <= [lens.width - 0.5, lens.height - 0.5]))
        if not ok and found:
            break
        if ok:
            least, found = float(factor), True
    return least


def _displacement(lens: LensCamera, K: np.ndarray, border: np.ndarray) -> float:
    """Largest distance in pixels by which the lens moves a pixel on the lines from the centre to the border."""
    pixels = np.concatenate([K[:2, 2] + share * (border - K[:2, 2]) for share in (0.25, 0.5, 0.75, 1.0)])
    moved = lens.distort(_directions(K, pixels, 1.0))
    return float(np.max(np.linalg.norm(moved - pixels, axis=1)))


def _directions(K: np.ndarray, pixels: np.ndarray, factor: float) -> np.ndarray:
    """(x/z, y/z) of ``pixels`` (N, 2) under ``K`` with its focal lengths times ``factor``."""
    return (pixels - K[:2, 2]) / (factor * K[[0, 1], [0, 1]])


def _border(width: int, height: int) -> np.ndarray:
    """Pixel centres (N, 2) along the border of an image."""
    x = np.linspace(0.5, width - 0.5, 65)
    y = np.linspace(0.5, height - 0.5, 65)
    sides = [np.stack([x, np.full(65, v)], 1) for v in (0.5, height - 0.5)]
    sides += [np.stack([np.full(65, v), y], 1) for v in (0.5, width - 0.5)]
    return np.concatenate(sides)


def _counted_from_centres(K: np.ndarray) -> np.ndarray:
    """``K`` for coordinates in which the first pixel's centre is 0 instead of 0.5."""
    shifted = K.copy()
    shifted[:2, 2] -= 0.5
    return shifted
