# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface of all mask engines, and which of them runs.

An engine is a module of this package with

``METHOD``            what ``result.json`` calls it
``missing()``         "" where it can run here, else what is missing, as a sentence's end ("the package sam2 is not …")
``segment(task)``     yields one ``Found`` a frame, in any order, each frame once; streams where it can
``Clicker``           answers single clicks for the interactive session (``Clicks`` below)

Prompts stay in full-size source pixels until an engine draws them into the pixels it works at.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from ..errors import PipelineError
from ..images import read_rgb
from ..records import Camera

MODULES = {
    "sam2": ".sam2.engine",
    "tracker": ".tracking.engine",
    "photos": ".photos",
    "fixed": ".fixed",
    "salient": ".automatic_salient",
    "automatic": ".automatic",
}
"""Engine -> module of this package. A module loads its own heavy libraries, and only when it is chosen."""

STAGE = "masks"
BOX_HINT = "Draw a box round the object, or strokes on it and beside it."
STROKE_HINT = "Draw strokes on the object and beside it."


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One frame as engines see it. ``source_*`` is the size in whose pixels prompts are given."""

    name: str
    source: str
    path: Path
    width: int
    height: int
    source_width: int
    source_height: int

    def read(self, side: int = 0) -> np.ndarray:
        """The picture (h, w, 3) uint8 sRGB, its longer side reduced to ``side`` pixels (0: as stored)."""
        image = read_rgb(self.path)
        return resized(image, side) if side else image

    def scale(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Pixels of a copy of ``shape`` (h, w, ...) per source pixel, (x, y)."""
        return shape[1] / self.source_width, shape[0] / self.source_height


@dataclass(kw_only=True)
class Found:
    """What an engine says of frame ``index``: a soft mask (h, w) float32 in [0, 1] of the frame's proportions, at any
    size, and how far it is to be believed, 0 to 1. ``settled``: its contour needs no settling on the picture's edges.
    """

    index: int
    mask: np.ndarray
    confidence: float
    method: str
    settled: bool = False


def _silent(fraction: float, message: str) -> None:
    """Progress that nobody listens to."""


def _unheard(code: str, message: str, hint: str) -> None:
    """A warning that nobody listens to."""


@dataclass(kw_only=True)
class Task:
    """What an engine is asked. ``prompts``: by frame index, in source pixels; ``drawn``: masks the user painted or has
    corrected, by frame index, (h, w) float32 in [0, 1]. ``ordered``: neighbours in the list are neighbours in time.
    ``cameras`` and ``box`` (2, 3), world: where they are known. ``progress`` raises when the user cancels.
    """

    pictures: Sequence[Picture]
    prompts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    drawn: dict[int, np.ndarray] = field(default_factory=dict)
    ordered: bool = False
    cameras: Sequence[Camera | None] | None = None
    box: np.ndarray | None = None
    side: int = 640
    smoothness: float = 2.0
    device: str = "cpu"
    model: str = "auto"
    progress: Callable[[float, str], None] = _silent
    warn: Callable[[str, str, str], None] = _unheard


class Engine(Protocol):
    """A module as listed above."""

    METHOD: str

    def missing(self) -> str:
        """What keeps it from running here; "" where nothing does."""

    def segment(self, task: Task) -> Iterator[Found]:
        """Masks of all frames. Raises ``PipelineError`` for a prompt that cannot be used."""


class Clicks(Protocol):
    """What an engine's ``Clicker(device, model)`` does: it keeps what it knows of the frames it was shown."""

    def cut(self, picture: Picture, prompts: list[dict[str, Any]], before: Found | None) -> Found:
        """The mask of one frame by all its ``prompts``; ``before`` is what the prompts but the last one gave.

        ``Found.index`` is 0. Raises ``PipelineError`` where nothing could be cut.
        """


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The engine that runs, and which better one does not and why ("" where none is better)."""

    name: str
    instead_of: str = ""
    reason: str = ""
    hint: str = ""


def load(name: str) -> Engine:
    """The engine called ``name``. Raises ``PipelineError`` where its libraries or its model are not there."""
    if reason := missing(name):
        hint = MODEL_HINT if name == "sam2" else "Choose another engine (masks.engine)."
        raise PipelineError("engine_missing", STAGE, f"The mask engine {name} cannot run: {reason}.", hint)
    engine: Any = importlib.import_module(MODULES[name], __package__)
    return engine


def clicker(name: str, device: str, model: str = "auto") -> Clicks:
    """What answers clicks for engine ``name``: SAM 2 itself, or the cut by colours for all others."""
    module: Any = importlib.import_module(".sam2.engine" if name == "sam2" else ".clicks", __package__)
    clicks: Clicks = module.Clicker(device, model)
    return clicks


def missing(name: str) -> str:
    """What keeps engine ``name`` from running here; "" where nothing does."""
    if name not in MODULES:
        raise ValueError(f"expected one of {', '.join(MODULES)}, got {name!r}")
    path = Path(__file__).parent.joinpath(*MODULES[name].strip(".").split("."))
    if not path.with_suffix(".py").exists():
        return "this version does not have it"
    engine: Any = importlib.import_module(MODULES[name], __package__)
    return str(engine.missing())


MODEL_HINT = (
    "`turnaround models install sam2.1-small` (184 MB) brings a model that knows objects by their look; its code comes "
    "with `pip install turnaround[learned]` and `pip install --no-deps sam2` in the backend's environment."
)


def choose(wanted: str, ordered: bool) -> Choice:
    """The engine for prompted frames: ``wanted``, or by capability where it is "auto".

    SAM 2 where it is installed; else the tracker where the frames follow each other in time, and the photo engine where
    they do not.
    """
    if wanted != "auto":
        return Choice(name=wanted)
    reason = missing("sam2")
    if not reason:
        return Choice(name="sam2")
    name = "tracker" if ordered and not missing("tracker") else "photos"
    return Choice(name=name, instead_of="SAM 2", reason=reason, hint=MODEL_HINT)


def choose_for(task: Task, wanted: str) -> Choice:
    """As ``choose``; where learning is not at hand, an object that turns before a still camera has its own engine."""
    choice = choose(wanted, task.ordered)
    if not choice.instead_of:
        return choice
    fixed: Any = importlib.import_module(MODULES["fixed"], __package__)
    return replace(choice, name="fixed") if fixed.suits(task) else choice


def choose_unmarked() -> Choice:
    """The engine for a capture in which nothing is marked: what stands out, else what the cameras look at."""
    reason = missing("salient")
    if not reason:
        return Choice(name="salient")
    return Choice(name="automatic", instead_of="a salient-object model", reason=reason, hint=SALIENT_HINT)


SALIENT_HINT = (
    "`turnaround models install birefnet-general-lite` (224 MB) finds objects by their look, with onnxruntime in the "
    "backend's environment; or click on the object in one photo."
)


def resized(image: np.ndarray, side: int) -> np.ndarray:
    """``image`` (h, w, ...) with its longer side reduced to ``side`` pixels; the very array where it is smaller."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
