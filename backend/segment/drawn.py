# SPDX-License-Identifier: GPL-3.0-or-later
"""A mask as a prompt: painted or made elsewhere, and perhaps corrected by marks that follow it in the list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import PipelineError
from .engines import STAGE, Clicks, Found, Picture
from .given import read_mask

_HINT = "Choose a mask that is a picture of the photo's proportions (white is the object)."
_PROPORTIONS = 0.03
"""Relative difference of proportions up to which a mask is taken to belong to a photo."""


def is_mask(prompt: dict[str, Any]) -> bool:
    """Whether ``prompt`` is a mask."""
    return bool(prompt["type"] == "mask")


def corrected(clicks: Clicks, picture: Picture, prompts: list[dict[str, Any]]) -> Found:
    """The union of the masks among ``prompts``, corrected by the points and strokes one after the other.

    At the picture's size. A box says nothing that a mask does not. Raises ``PipelineError`` for a mask that cannot be
    used.
    """
    whole = np.zeros((picture.height, picture.width), np.uint8)
    for prompt in prompts:
        if is_mask(prompt):
            np.maximum(whole, _read(Path(prompt["path"]), picture), out=whole)
    if not (whole > 127).any():
        raise PipelineError("mask_empty", STAGE, f"The mask given for {picture.source} is empty.", _HINT)
    found = Found(index=0, mask=whole.astype(np.float32) / 255, confidence=0.95, method="drawn", settled=True)
    marks = [prompt for prompt in prompts if prompt["type"] in ("point", "stroke")]
    for count in range(1, len(marks) + 1):
        found = clicks.cut(picture, marks[:count], found)
    return found


def _read(path: Path, picture: Picture) -> np.ndarray:
    """The mask at ``path``, (h, w) uint8 of the picture's size."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is not None:
            height, width = image.shape[:2]
            if abs(width * picture.height / (height * picture.width) - 1) > _PROPORTIONS:
                size = f"{width} x {height} pixels"
                message = f"The mask {path.name} ({size}) has other proportions than {picture.source}."
                raise PipelineError("masks_unreadable", STAGE, message, _HINT)
        return read_mask(path, (picture.height, picture.width))
    except (OSError, ValueError) as error:
        raise PipelineError("masks_unreadable", STAGE, f"The mask {path} cannot be read: {error}.", _HINT) from error
