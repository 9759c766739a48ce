# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write the pictures of a job folder: 8-bit sRGB, already oriented (``stages/frames.py`` reads sources)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def read_rgb(path: Path) -> np.ndarray:
    """Read a picture as (H, W, 3) uint8 sRGB; an alpha channel is dropped."""
    return np.ascontiguousarray(cv2.cvtColor(_read(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))


def read_rgba(path: Path) -> np.ndarray:
    """Read an RGBA PNG as (H, W, 4) uint8, straight alpha."""
    return np.ascontiguousarray(cv2.cvtColor(_read(path, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA))


def read_grey(path: Path) -> np.ndarray:
    """Read a mask as (H, W) uint8."""
    return _read(path, cv2.IMREAD_GRAYSCALE)


def write_image(path: Path, image: np.ndarray, quality: int = 95) -> None:
    """Write (H, W), (H, W, 3) or (H, W, 4) uint8; the suffix decides the format, ``quality`` is JPEG's."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    parameters = {
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111],
    }[path.suffix.lower()]
    ok, data = cv2.imencode(path.suffix.lower(), image, parameters)
    if not ok:
        raise ValueError(f"expected a picture that {path.suffix} can hold, got shape {image.shape}")
    path.write_bytes(data.tobytes())


def _read(path: Path, flags: int) -> np.ndarray:
    """Decode a file by its content; unlike ``cv2.imread`` this takes any file name."""
    image = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), flags)
    if image is None:
        raise ValueError(f"expected a picture, got {path}")
    return image
