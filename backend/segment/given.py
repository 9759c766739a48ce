# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that the user has already: found by file stem, read whatever their kind, brought to the frame's size."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"}

CONFIDENCES = "confidences.json"
"""File beside masks that a mask session made: confidence by file name."""


def read_confidences(folder: Path) -> dict[str, float]:
    """How far the masks in ``folder`` are to be believed, by file name; {} where nobody said so."""
    try:
        said = json.loads((folder / CONFIDENCES).read_text(encoding="utf-8"))
        return {str(name): min(max(float(value), 0.0), 1.0) for name, value in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def find_masks(folder: Path, frames: Iterable[tuple[str, str]]) -> dict[str, Path]:
    """Mask files by frame name; ``frames`` are pairs (name, source file).

    A mask called ``a.png``, ``a.jpg.png``, ``a_mask.png``, ``a.mask.png`` or ``mask_a.png`` belongs to ``a.jpg``.
    Raises ``FileNotFoundError`` when ``folder`` is no folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"expected a folder of masks, got {folder}")
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in _SUFFIXES)
    by_stem = {p.stem: p for p in reversed(files)}
    found = {}
    for name, source in frames:
        stem = Path(source).stem
        for key in (name, stem, Path(source).name, f"{stem}_mask", f"{stem}.mask", f"mask_{stem}", f"{stem}_alpha"):
            if key in by_stem:
                found[name] = by_stem[key]
                break
    return found


def read_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read a mask of any kind as (h, w) uint8 of ``shape``, 255 the object.

    An alpha channel that says something is the mask; where it is opaque everywhere, the red channel is. Sixteen-bit
    and 0/1 masks are scaled. Raises ``ValueError`` for a file that is no picture.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise ValueError(f"expected a picture, got {path.name}")
    image = image.astype(np.float32) * (255.0 / 65535.0 if image.dtype == np.uint16 else 1.0)
    if image.ndim == 3:
        alpha = image[..., 3] if image.shape[2] == 4 else None
        image = alpha if alpha is not None and alpha.min() < 255.0 else image[..., 2]
    if 0 < image.max() <= 1.0:
        image = image * 255.0
    if image.shape != shape:
        shrinks = image.shape[0] > shape[0]
        image = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)
