# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for unmarked captures that knows what stands out: a salient-object network in ONNX Runtime.

Models of the kind that rembg publishes (U2-Net, IS-Net, BiRefNet): a squared picture (1, 3, side, side) in, normalised
as the model was trained; the first output is the mask, as probabilities up to their range or as logits. Where the
cameras are known, parts that none of them looks at are dropped.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from ..errors import PipelineError
from ..models import store
from ..models.registry import Model
from .engines import STAGE, Found, Task, resized
from .guess import regions
from .shape import keep_parts

METHOD = "salient object"
_IMAGENET = ("0.485 0.456 0.406", "0.229 0.224 0.225")
_DOUBT = 0.85
"""Factor on the confidence: what stands out need not be what is meant."""


def missing() -> str:
    """What keeps it from running here."""
    if store.best("salient") is None:
        return "no model for salient objects is installed"
    return "" if importlib.util.find_spec("onnxruntime") else "the Python package onnxruntime is not installed"


def segment(task: Task) -> Iterator[Found]:
    """Masks of all frames, one at a time."""
    network = Salient(_installed(), task.device)
    for i, picture in enumerate(task.pictures):
        task.progress(i / len(task.pictures), "Looking for what stands out")
        image = picture.read()
        mask = network.mask(image)
        small = cv2.resize(mask, resized(image, task.side).shape[1::-1], interpolation=cv2.INTER_AREA)
        camera = task.cameras[i] if task.cameras is not None else None
        if camera is not None and task.box is not None:
            core, _ = regions(small.shape, camera, (picture.width, picture.height), task.box)
            small = keep_parts(small, core > 0.5, 0.02)
        yield Found(index=i, mask=small, confidence=_DOUBT * sureness(small), method=f"salient: {network.name}")


def sureness(mask: np.ndarray) -> float:
    """How far a soft mask (h, w) is decided, 0.02 to 1: over the object and its rim, not over an empty background."""
    solid = mask > 0.5
    if not solid.any():
        return 0.02
    weight = np.maximum(mask, cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 3.0))
    return float(np.clip((np.abs(2 * mask - 1) * weight).sum() / weight.sum(), 0.02, 1.0))


def _installed() -> Model:
    """The model to use. Raises ``PipelineError`` where none is installed."""
    model = store.best("salient")
    if model is None:
        hint = "`turnaround models install birefnet-general-lite`."
        raise PipelineError("model_missing", STAGE, "No model for salient objects is installed.", hint)
    return model


class Salient:
    """A salient-object network, loaded from an installed file."""

    def __init__(self, model: Model, device: str = "cpu") -> None:
        import onnxruntime

        self.name = model.name
        self.side = int(model.setting("side"))
        self.logits = model.setting("output") == "logits"
        mean, deviation = (model.setting("mean") or _IMAGENET[0]), (model.setting("deviation") or _IMAGENET[1])
        self._mean, self._deviation = (np.array(text.split(), np.float32) for text in (mean, deviation))
        wanted = ["CUDAExecutionProvider"] if device == "cuda" else []
        there = onnxruntime.get_available_providers()
        providers = [name for name in [*wanted, "CPUExecutionProvider"] if name in there]
        errors = onnxruntime.capi.onnxruntime_pybind11_state
        try:
            self._session: Any = onnxruntime.InferenceSession(str(store.path_of(model)), providers=providers)
        except (errors.InvalidProtobuf, errors.Fail, errors.InvalidGraph, errors.NoSuchFile) as error:
            message = f"{model.file} is no network that can run ({str(error).splitlines()[0]})."
            hint = f"`turnaround models verify {model.name}`."
            raise PipelineError("model_refused", STAGE, message, hint) from error
        self._input = self._session.get_inputs()[0].name

    def mask(self, image: np.ndarray) -> np.ndarray:
        """The soft mask (h, w) float32 in [0, 1] of ``image`` (h, w, 3) uint8 sRGB."""
        square = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA).astype(np.float32)
        # Divided by the brightest value, as in training, not by 255.
        values = (square / max(float(square.max()), 1e-6) - self._mean) / self._deviation
        output = self._session.run(None, {self._input: np.ascontiguousarray(values.transpose(2, 0, 1)[None])})[0]
        found = np.asarray(output, np.float32).reshape(-1, *output.shape[-2:])[0]
        if self.logits:
            found = 1 / (1 + np.exp(-np.clip(found, -30, 30)))
        low, high = float(found.min()), float(found.max())
        # Stretched to its range, as the models' authors do; a flat answer means that nothing stands out.
        found = (found - low) / (high - low) if high - low > 1e-3 else np.zeros_like(found)
        return np.clip(cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
