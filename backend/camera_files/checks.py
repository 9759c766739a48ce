# SPDX-License-Identifier: GPL-3.0-or-later
"""What every reader of camera files checks: numbers that are numbers, rotations that rotate, lenses that exist."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ..geometry import nearest_rotation, transform

COLMAP_MODELS: dict[int, tuple[str, int]] = {
    0: ("SIMPLE_PINHOLE", 3),
    1: ("PINHOLE", 4),
    2: ("SIMPLE_RADIAL", 4),
    3: ("RADIAL", 5),
    4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8),
    6: ("FULL_OPENCV", 12),
    7: ("FOV", 5),
    8: ("SIMPLE_RADIAL_FISHEYE", 4),
    9: ("RADIAL_FISHEYE", 5),
    10: ("THIN_PRISM_FISHEYE", 12),
}
"""COLMAP's camera models by id: name and number of parameters (src/colmap/sensor/models.h)."""
_ONE_FOCAL = {"SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"}
_UNSUPPORTED = {"FOV", "THIN_PRISM_FISHEYE"}
LARGEST_SIDE = 1 << 20


def stem(file_name: str) -> str:
    """The name by which a photo is matched to a frame: no folders, no suffix. Windows' separators count as well."""
    name = PurePosixPath(str(file_name).replace("\\", "/")).name
    known = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".heic", ".heif", ".bmp", ".ppm", ".exr"}
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in known else name


def lens_of_colmap(model: str, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """(K, coefficients, fisheye) as ``lens.py`` defines them, of a COLMAP camera.

    Raises ``ValueError`` for a model that has no counterpart, and for a focal length that is not positive.
    """
    count = dict(COLMAP_MODELS.values()).get(model)
    if count is None or model in _UNSUPPORTED:
        raise ValueError(f"expected a camera model such as PINHOLE, SIMPLE_RADIAL or OPENCV, got {model}")
    p = np.asarray(parameters, np.float64)
    if len(p) != count:
        raise ValueError(f"expected {count} parameters of a {model} camera, got {len(p)}")
    if not np.all(np.isfinite(p)):
        raise ValueError(f"expected finite parameters of a {model} camera, got {p.tolist()}")
    fx, fy, cx, cy, *rest = [p[0], *p] if model in _ONE_FOCAL else p
    if fx <= 0 or fy <= 0:
        raise ValueError(f"expected a positive focal length, got {min(fx, fy):g}")
    coefficients = np.zeros(8)
    coefficients[: len(rest)] = rest
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), coefficients, "FISHEYE" in model


def rigid(rotation: Any, translation: Any, whose: str) -> np.ndarray:
    """A rigid transform (4, 4) from file data; ``ValueError`` if the rotation is off by more than rounding."""
    R, t = matrix(rotation, (3, 3), whose), matrix(translation, (3,), whose)
    if np.abs(R @ R.T - np.eye(3)).max() > 0.02 or np.linalg.det(R) < 0:
        raise ValueError(f"expected a rotation in the camera of {whose}, got {np.round(R, 4).tolist()}")
    return transform(nearest_rotation(R), t)


def matrix(value: Any, shape: tuple[int, ...], whose: str) -> np.ndarray:
    """File data as a float64 array of ``shape``; ``ValueError`` names ``whose`` it is if it is none, or not finite."""
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"expected {shape} numbers for {whose}, got {str(value)[:80]!r}") from None
    if array.shape != shape or not np.all(np.isfinite(array)):
        raise ValueError(f"expected {shape} finite numbers for {whose}, got {str(value)[:80]!r}")
    return array


def size(width: Any, height: Any, whose: str) -> tuple[int, int]:
    """A picture's size from file data, in pixels; ``ValueError`` where it cannot be one."""
    w, h = matrix([width, height], (2,), f"the size of {whose}")
    if not (1 <= w <= LARGEST_SIDE and 1 <= h <= LARGEST_SIDE):
        raise ValueError(f"expected a picture size for {whose}, got {w:g} x {h:g}")
    return round(w), round(h)
