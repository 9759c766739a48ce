# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write the pictures of a job folder: 8-bit sRGB, already oriented (``stages/frames.py`` reads sources)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..kernels.resize import resize_rgba_rows
from . import png


def read_rgb(path: Path) -> np.ndarray:
    """Read a picture as (H, W, 3) uint8 sRGB; an alpha channel is dropped."""
    return np.ascontiguousarray(cv2.cvtColor(_read(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))


def read_rgba(path: Path) -> np.ndarray:
    """Read an RGBA PNG as (H, W, 4) uint8, straight alpha."""
    image = _read(path, cv2.IMREAD_UNCHANGED)
    if image.ndim != 3 or image.shape[2] != 4:
        raise ValueError(f"expected a picture with alpha, got {path}")
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA))


def read_grey(path: Path) -> np.ndarray:
    """Read a mask as (H, W) uint8."""
    return _read(path, cv2.IMREAD_GRAYSCALE)


def write_image(path: Path, image: np.ndarray, quality: int = 95) -> None:
    """Write (H, W), (H, W, 3) or, as PNG, (H, W, 4) uint8; the suffix decides the format, ``quality`` is JPEG's."""
    suffix = path.suffix.lower()
    if suffix == ".png":
        path.write_bytes(png.encode(image))
        return
    if suffix != ".jpg":
        raise ValueError(f"expected a name that ends in .png or .jpg, got {path.name}")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    path.write_bytes(cv2.imencode(".jpg", image, parameters)[1].tobytes())


def shrink(rgb: np.ndarray, alpha: np.ndarray | None, side: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Reduce (H, W, 3) uint8 and, where there is one, its straight alpha (H, W) so that the longer side is ``side``.

    Area averaging; colours count by their alpha, so that what lies under transparent pixels does not bleed. The very
    arrays come back when they are small enough already.
    """
    height, width = rgb.shape[:2]
    if max(height, width) <= side:
        return rgb, alpha
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if alpha is None:
        return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), None
    # The serial form of the kernel: this runs on several threads at once, and they must not share parallel code.
    small = np.zeros((size[1], size[0], 4), np.uint8)
    resize_rgba_rows(np.dstack([rgb, alpha]), small, 0, size[1])
    return np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(small[..., 3])


def _read(path: Path, flags: int) -> np.ndarray:
    """Decode a file by its content; unlike ``cv2.imread`` this takes any file name."""
    # Frames are stored upright; an orientation tag left in a copied file must not turn them again.
    flags = flags if flags == cv2.IMREAD_UNCHANGED else flags | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), flags)
    if image is None:
        raise ValueError(f"expected a picture, got {path}")
    return image
