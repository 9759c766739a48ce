# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the object is in a video before there are masks: from the masks a user gave, or roughly from the prompts.

Weights are (h, w) float32 in [0, 1] at a thumbnail's size; ``motion.carry_weights`` takes them to the other pictures.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..images import read_grey
from .reading import Header
from .survey import Look

_CLICK = 0.15
"""Radius of the patch that a click stands for, share of the diagonal."""


def known_regions(
    looks: list[Look], header: Header, prompts: dict[str, list[dict[str, Any]]], masks: Path | None
) -> dict[int, np.ndarray]:
    """Places in ``looks`` whose object is known, with its weights; masks win over prompts."""
    if masks is not None and masks.is_dir():
        files = {_number(path): path for path in sorted(masks.iterdir()) if _number(path) is not None}
        found = {i: files[look.index] for i, look in enumerate(looks) if look.index in files}
        if found:
            return {i: _mask(path, looks[i].thumbnail.shape) for i, path in found.items()}
    return {
        i: _marks([p for key in look.wanted for p in prompts.get(key, [])], look.thumbnail.shape, header)
        for i, look in enumerate(looks)
        if look.wanted
    }


def _number(path: Path) -> int | None:
    """The picture's number in a mask's name: the digits at its stem's end."""
    found = re.search(r"(\d+)$", path.stem)
    return int(found[1]) if found and path.suffix.lower() in {".png", ".jpg", ".jpeg"} else None


def _mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A mask file as weights; nothing where the file is no picture (the masks' stage says so to the user)."""
    try:
        image = read_grey(path)
    except (OSError, ValueError):
        return np.zeros(shape, np.float32)
    return cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _marks(prompts: list[dict[str, Any]], shape: tuple[int, ...], header: Header) -> np.ndarray:
    """A patch for the prompts on one picture: the box, or discs around what marks the object."""
    weights = np.zeros(shape, np.float32)
    scale = shape[1] / header.width
    radius = max(round(_CLICK * float(np.hypot(shape[0], shape[1]))), 1)
    for prompt in prompts:
        if prompt["type"] == "mask":
            np.maximum(weights, _mask(Path(prompt["path"]), shape), out=weights)
        elif prompt["type"] == "box":
            x0, y0, x1, y1 = (round(v * scale) for v in prompt["xyxy"])
            weights[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = 1.0
        elif prompt.get("label", 1) == 1:
            for x, y in [prompt["xy"]] if prompt["type"] == "point" else prompt["points"]:
                cv2.circle(weights, (round(x * scale), round(y * scale)), radius, 1.0, -1)
    return weights
