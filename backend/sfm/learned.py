# SPDX-License-Identifier: GPL-3.0-or-later
"""Learned keypoints and matches where SIFT finds too little in common: XFeat (Potje et al. 2024) matched by
LighterGlue, run by ONNX Runtime. Both files come through ``backend/models``; nothing is fetched here.

The network reads 320 x 224 pixels. What it says of each cell of 8 x 8 pixels is where in the cell a keypoint lies (65
logits, the last for "nowhere", DeTone et al. 2018), a descriptor, and how reliable it is.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import cv2
import numpy as np

from ..images import read_rgb
from ..models import store
from .estimate import MOST_EXHAUSTIVE, Estimator
from .interrupt import interruptible
from .matching import verify
from .preselect import every_pair

_MOST = 1500
_LEAST = 0.05
_CELL = 8
_LIKELY = 0.1


def why_not_learned() -> str:
    """Why learned features cannot be used, and what would change that; "" where they can."""
    if importlib.util.find_spec("onnxruntime") is None:
        return "ONNX Runtime is not installed"
    missing = [kind for kind, name in (("features", "xfeat"), ("matcher", "lighterglue")) if store.best(kind) is None]
    if missing:
        return "the models xfeat and lighterglue are not installed (turnaround models install xfeat lighterglue)"
    return ""


def match_learned(e: Estimator) -> None:
    """Replace the database's keypoints and matches by learned ones."""
    import pycolmap

    extractor, matcher = (_session(kind, e.settings.threads, e.settings.device) for kind in ("features", "matcher"))
    e.keypoints.clear()
    found = {}
    tell = e.part(0.0, 0.3, "Finding learned keypoints")
    with pycolmap.Database.open(e.keypoints.database) as database:
        ids = {image.name: image.image_id for image in database.read_all_images()}
        for done, frame in enumerate(e.frames):
            tell(done / len(e.frames))
            xy, descriptors = keypoints_of(extractor, read_rgb(e.images / e.files[done]))
            found[done] = normalised(xy, frame.width, frame.height), descriptors
            database.write_keypoints(ids[e.files[done]], xy)
        pairs = every_pair(len(e.frames)) if len(e.frames) <= MOST_EXHAUSTIVE else e.pairs
        e.pairs = pairs
        tell = e.part(0.3, 0.8, "Matching learned keypoints")
        for done, (i, j) in enumerate(pairs):
            tell(done / len(pairs))
            if len(found[i][0]) and len(found[j][0]):
                matches = _matches(matcher, found[i], found[j])
                if len(matches):
                    database.write_matches(ids[e.files[i]], ids[e.files[j]], matches)
    verify(e.keypoints.database, e.voice.alive, e.settings.threads, e.settings.seed, e.still)


def keypoints_of(session: Any, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (N, 2) float32 in the pixels of ``rgb`` (H, W, 3) uint8, and unit descriptors (N, 64) float32."""
    shape = session.get_inputs()[0].shape
    height, width = int(shape[2]), int(shape[3])
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    descriptors, logits, reliability = session.run(None, {session.get_inputs()[0].name: small.transpose(2, 0, 1)[None]})
    heat = np.exp(logits[0] - logits[0].max(axis=0))
    heat = (heat / heat.sum(axis=0))[:-1]
    rows, columns = heat.shape[1:]
    heat = heat.reshape(_CELL, _CELL, rows, columns).transpose(2, 0, 3, 1).reshape(rows * _CELL, columns * _CELL)
    peaks = (heat == cv2.dilate(heat, np.ones((5, 5), np.uint8))) & (heat > _LEAST)
    y, x = np.nonzero(peaks)
    score = heat[y, x] * _sampled(reliability[0], x, y)[:, 0]
    best = np.argsort(-score, kind="stable")[:_MOST]
    x, y = x[best], y[best]
    vectors = _sampled(descriptors[0], x, y)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    scale = np.array([rgb.shape[1] / width, rgb.shape[0] / height])
    return ((np.stack([x, y], axis=1) + 0.5) * scale).astype(np.float32), vectors.astype(np.float32)


def normalised(xy: np.ndarray, width: int, height: int) -> np.ndarray:
    """Keypoints as the matcher takes them: from the picture's middle, in halves of its longer side."""
    return ((xy - np.array([width, height]) / 2) / (max(width, height) / 2)).astype(np.float32)


def _sampled(field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``field`` (C, rows, columns) of cells at pixels (N,), (N,): bilinear, (N, C)."""
    at_x = ((x + 0.5) / _CELL - 0.5).astype(np.float32).reshape(-1, 1)
    at_y = ((y + 0.5) / _CELL - 0.5).astype(np.float32).reshape(-1, 1)
    if not len(x):
        return np.zeros((0, len(field)), np.float32)
    layers = [cv2.remap(layer, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0] for layer in field]
    return np.stack(layers, axis=1)


def _matches(session: Any, one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Matches (M, 2) uint32 of two frames' (keypoints, descriptors)."""
    fed = {"kpts0": one[0][None], "kpts1": other[0][None], "desc0": one[1][None], "desc1": other[1][None]}
    matches, scores = session.run(None, fed)
    return np.asarray(matches)[np.asarray(scores) > _LIKELY].astype(np.uint32).reshape(-1, 2)


def _session(kind: str, threads: int, device: str) -> Any:
    """The installed model for ``kind``, ready to run on ``device``, or the processor if ONNX Runtime has no CUDA."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(threads, 0)
    options.log_severity_level = 3
    model = store.best(kind)
    if model is None:
        raise ValueError(f"expected an installed model for {kind}, got none")
    path = str(store.path_of(model))
    providers = providers_for(device, onnxruntime.get_available_providers())
    return interruptible(lambda token: onnxruntime.InferenceSession(path, options, providers=providers), lambda: None)


def providers_for(device: str, available: list[str]) -> list[str]:
    """ONNX Runtime's execution providers for ``device``, in the order in which it asks them."""
    card = [p for p in ("CUDAExecutionProvider",) if device == "cuda" and p in available]
    return [*card, "CPUExecutionProvider"]
