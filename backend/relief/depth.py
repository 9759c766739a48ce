# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth from one picture by a network in ONNX Runtime: Depth Anything V2, MiDaS, and others of their form.

One input (1, 3, H, W), sRGB in [0, 1] normalised by ImageNet's mean and deviation unless the registry says otherwise;
one output (1, H, W) or (1, 1, H, W) that grows towards the camera, known up to scale and shift (inverse depth). Where
the file leaves H and W open, the longer side is 518 pixels and both are multiples of 14, as the networks were trained.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np

_IMAGENET = ("0.485 0.456 0.406", "0.229 0.224 0.225")
_SIDE, _PATCH = 518, 14


def missing() -> str:
    """What keeps networks from running here; "" where nothing does."""
    return "" if importlib.util.find_spec("onnxruntime") else "the Python package onnxruntime is not installed"


def _refusals(errors: Any) -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises for files that are no networks it can run."""
    return (errors.InvalidProtobuf, errors.InvalidArgument, errors.Fail, errors.InvalidGraph, errors.NoSuchFile)


class Depth:
    """A depth network loaded from ``path``. Raises ``ValueError`` for a file that is none."""

    def __init__(self, path: Path, mean: str = "", deviation: str = "", device: str = "cpu") -> None:
        import onnxruntime

        errors = onnxruntime.capi.onnxruntime_pybind11_state
        wanted = ["CUDAExecutionProvider"] if device == "cuda" else []
        there = onnxruntime.get_available_providers()
        providers = [name for name in [*wanted, "CPUExecutionProvider"] if name in there]
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), providers=providers)
        except _refusals(errors) as error:
            text = next(iter(str(error).splitlines()), "")
            raise ValueError(f"expected a depth network in {path.name}, got: {text[:200]}") from error
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
            raise ValueError(f"expected a network that takes (1, 3, H, W) in {path.name}, got {shape}")
        self._fixed = tuple(n if isinstance(n, int) and n > 0 else 0 for n in shape[2:])
        texts = (mean or _IMAGENET[0], deviation or _IMAGENET[1])
        self._mean, self._deviation = (np.array(text.split(), np.float32) for text in texts)

    def nearness(self, picture: np.ndarray) -> np.ndarray:
        """How near (H, W) float32 each pixel of ``picture`` (H, W, 3) uint8 is, in no unit.

        Raises ``ValueError`` for an answer that is no picture of finite numbers.
        """
        height, width = self._size(picture.shape[:2])
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        values = ((small - self._mean) / self._deviation).transpose(2, 0, 1)[None]
        name = self._session.get_inputs()[0].name
        found = np.asarray(self._session.run(None, {name: np.ascontiguousarray(values)})[0], np.float32)
        if found.ndim < 2 or found.size != found.shape[-1] * found.shape[-2] or not np.isfinite(found).all():
            raise ValueError(f"expected one finite picture of depth, got {found.shape}")
        return cv2.resize(found.reshape(found.shape[-2:]), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)

    def _size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        scale = _SIDE / max(shape)
        free = [max(_PATCH, round(n * scale / _PATCH) * _PATCH) for n in shape]
        return self._fixed[0] or free[0], self._fixed[1] or free[1]
