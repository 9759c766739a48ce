# SPDX-License-Identifier: GPL-3.0-or-later
"""One open capture: its prompts, the masks they gave, and the propagation to all frames.

A client sends all prompts of a frame each time, so that undoing is sending fewer: what fewer prompts gave is kept. What
the user sees on a prompted frame is what is propagated from it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...protocol import check_prompt
from ..errors import JobCancelled, PipelineError
from ..images import read_grey, write_image
from ..segment import drawn, engines, sequence
from ..segment.engines import Found, Task
from ..segment.given import CONFIDENCES
from ..segment.settle import enlarge
from ..workspace import write_json
from .contour import outlines
from .frames import open_capture
from .kept import keep_prompts, kept_prompts

_KEPT_STEPS = 24
_SMOOTHNESS = 2.0
IDLE, RUNNING, DONE, FAILED, CANCELLED = "idle", "running", "done", "failed", "cancelled"


@dataclass(kw_only=True)
class Step:
    """What the first prompts of a frame (as JSON) gave: a mask (h, w) uint8 and its confidence."""

    prompts: str
    mask: np.ndarray
    confidence: float


@dataclass(kw_only=True)
class Shown:
    """A frame's mask as the client sees it: file and confidence; ``prompted`` by the user or carried there."""

    path: Path
    confidence: float
    prompted: bool


class MaskSession:
    """A capture whose masks are being made. Methods but ``stop`` and ``state`` are called from one thread."""

    def __init__(self, capture: Path, folder: Path, engine: str, model: str, device: str, side: int) -> None:
        self.frames = open_capture(capture, folder / "frames", side)
        self._capture, self._kept_in = capture, folder
        self.kept = kept_prompts(folder, capture, self.frames.names)
        self.folder = folder / "masks"
        self.final = folder / "final"
        for made in (self.folder, self.final):
            made.mkdir(parents=True, exist_ok=True)
        for old in self.final.glob("*.png"):
            old.unlink()  # another session's: a job takes all that lies there
        (self.final / CONFIDENCES).unlink(missing_ok=True)
        choice = engines.choose(engine, ordered=False)
        self.engine = choice.name
        self.note = f"{choice.instead_of} is not used: {choice.reason}. {choice.hint}" if choice.instead_of else ""
        self._wanted, self._model, self._device = engine, model, device
        if reason := engines.missing(self.engine):
            raise PipelineError("engine_missing", "masks", f"{self.engine} cannot run: {reason}.", choice.hint)
        self._clicks: engines.Clicks | None = None
        self.prompts: dict[int, list[dict[str, Any]]] = {}
        self._steps: dict[int, list[Step]] = {}
        self._carried: dict[int, Step] = {}
        self.shown: dict[int, Shown] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state: dict[str, Any] = {"state": IDLE, "fraction": 0.0, "message": "", "hint": ""}

    # Prompting --------------------------------------------------------------------------------------------------------

    def prompt(self, frame: str, prompts: list[dict[str, Any]]) -> dict[str, Any]:
        """Cut ``frame`` by all its ``prompts``. Raises ``PipelineError``, ``ValueError`` for a malformed prompt."""
        self._must_rest()
        index = self.frames.index(frame)
        for prompt in prompts:
            check_prompt(frame, prompt)
        if not prompts:
            return self._forget(index)
        keys = [json.dumps(prompts[:count]) for count in range(1, len(prompts) + 1)]
        steps = [step for step in self._steps.get(index, []) if step.prompts in keys]
        if not steps or steps[-1].prompts != keys[-1]:
            picture = self.frames.picture(index)
            before = steps[-1] if steps and steps[-1].prompts == (keys[-2] if len(keys) > 1 else "") else None
            if before is None and len(keys) == 1 and prompts[0]["type"] != "box":
                before = self._carried.get(index)  # the first prompt on a propagated frame corrects it
            if any(drawn.is_mask(prompt) for prompt in prompts):
                found = drawn.corrected(self._clicker(), picture, prompts)
            else:
                found = self._clicker().cut(picture, prompts, _as_found(before))
            mask = _as_bytes(found, (picture.height, picture.width))
            steps.append(Step(prompts=keys[-1], mask=mask, confidence=found.confidence))
        self._steps[index] = steps[-_KEPT_STEPS:]
        self.prompts[index] = list(prompts)
        self._keep()
        return self._show(index, steps[-1], prompted=True)

    def undo(self, frame: str) -> dict[str, Any]:
        """Take the last prompt of ``frame`` back."""
        return self.prompt(frame, self.prompts.get(self.frames.index(frame), [])[:-1])

    def _forget(self, index: int) -> dict[str, Any]:
        """No prompts are left: what was carried there is shown again, or nothing."""
        self.prompts.pop(index, None)
        self._steps.pop(index, None)
        self._keep()
        if index in self._carried:
            return self._show(index, self._carried[index], prompted=False)
        self.shown.pop(index, None)
        if not self.frames.carried_by_job:
            (self.final / f"{self.frames.names[index]}.png").unlink(missing_ok=True)
            self._say_confidences()
        return {"frame": self.frames.names[index], "mask": "", "contour": [], "confidence": 0.0}

    def _show(self, index: int, step: Step, prompted: bool) -> dict[str, Any]:
        """Write a step's mask under a name of its own and describe it."""
        picture = self.frames.picture(index)
        mark = hashlib.sha256(step.mask.tobytes()).hexdigest()[:10]
        path = self.folder / f"{picture.path.stem}-{mark}.png"
        if not path.exists():
            write_image(path, step.mask)
        self.shown[index] = Shown(path=path, confidence=step.confidence, prompted=prompted)
        if not self.frames.carried_by_job:
            # Whole names, since two photos may differ by their suffix alone.
            write_image(self.final / f"{self.frames.names[index]}.png", step.mask)
            self._say_confidences()
        return {
            "frame": self.frames.names[index],
            "mask": str(path),
            "contour": outlines(step.mask, picture.scale(step.mask.shape)),
            "confidence": round(step.confidence, 3),
        }

    def _say_confidences(self) -> None:
        """Tell a job that takes the masks how far each is to be believed."""
        shown = {f"{self.frames.names[i]}.png": round(s.confidence, 3) for i, s in sorted(self.shown.items())}
        write_json(self.final / CONFIDENCES, shown)

    def _keep(self) -> None:
        """Leave the prompts on disk: neither a crash of the backend nor one of Blender loses them."""
        prompts = {self.frames.names[i]: listed for i, listed in sorted(self.prompts.items())}
        keep_prompts(self._kept_in, self._capture, prompts)

    def _clicker(self) -> engines.Clicks:
        if self._clicks is None:
            self._clicks = engines.clicker(self.engine, self._device, self._model)
        return self._clicks

    # Propagating ------------------------------------------------------------------------------------------------------

    def propagate(self) -> dict[str, Any]:
        """Begin to carry the prompted masks to all frames; ``state`` says how far it is."""
        self._must_rest()
        if not self.prompts:
            hint = "Click on the object in one photo first."
            raise PipelineError("prompt_bad", "masks", "Nothing is marked yet.", hint)
        self._stop.clear()
        self._state = {"state": RUNNING, "fraction": 0.0, "message": "Reading photos", "hint": ""}
        self._thread = threading.Thread(target=self._carry, name="propagate")
        self._thread.start()
        return {"started": True}

    def stop(self) -> dict[str, Any]:
        """Stop propagating; what has been carried so far stays."""
        running = self._state["state"] == RUNNING
        self._stop.set()
        return {"stopped": running}

    def state(self, frame: str = "") -> dict[str, Any]:
        """How far the propagation is, every frame's mask and confidence, and the outline of ``frame``."""
        shown = dict(self.shown)
        rows: dict[str, dict[str, Any]] = {
            self.frames.names[i]: {
                "mask": str(s.path),
                "confidence": round(s.confidence, 3),
                "prompted": s.prompted,
            }
            for i, s in sorted(shown.items())
        }
        if frame in rows:
            picture, mask = self.frames.picture(self.frames.index(frame)), read_grey(Path(rows[frame]["mask"]))
            rows[frame]["contour"] = outlines(mask, picture.scale(mask.shape))
        return {**self._state, "frames": rows}

    def _carry(self) -> None:
        """Run in the thread."""
        try:
            self._carry_all()
            self._state = {**self._state, "state": DONE, "fraction": 1.0, "message": ""}
        except JobCancelled:
            self._state = {**self._state, "state": CANCELLED, "message": "Stopped."}
        except PipelineError as error:
            self._state = {**self._state, "state": FAILED, "message": error.message, "hint": error.hint}
        except (RuntimeError, OSError, ValueError, MemoryError) as error:
            self._state = {**self._state, "state": FAILED, "message": f"{type(error).__name__}: {error}"}

    def _carry_all(self) -> None:
        pictures = self.frames.prepare(lambda share: self._progress(0.2 * share, "Reading photos"))
        greys = [cv2.cvtColor(p.read(sequence.SIDE), cv2.COLOR_RGB2GRAY) for p in pictures]
        task = Task(
            pictures=pictures,
            drawn={i: self._steps[i][-1].mask.astype(np.float32) / 255 for i in self.prompts},
            ordered=sequence.is_sequence(greys),
            smoothness=_SMOOTHNESS,
            device=self._device,
            model=self._model,
            progress=lambda share, message: self._progress(0.2 + 0.8 * share, message),
        )
        engine = engines.load(engines.choose_for(task, self._wanted).name)
        for found in engine.segment(task):
            self._progress(self._state["fraction"], self._state["message"])
            if found.index in self.prompts:
                continue  # the user has seen and settled these
            picture = pictures[found.index]
            if found.settled:
                mask = _as_bytes(found, (picture.height, picture.width))
            else:
                mask = enlarge(found.mask, picture.read(), _SMOOTHNESS)
            step = Step(prompts="", mask=mask, confidence=found.confidence)
            self._carried[found.index] = step
            self._show(found.index, step, prompted=False)

    def _progress(self, fraction: float, message: str) -> None:
        if self._stop.is_set():
            raise JobCancelled("masks")
        self._state = {**self._state, "fraction": round(min(fraction, 1.0), 4), "message": message}

    def _must_rest(self) -> None:
        """Nothing may be prompted while masks are carried."""
        if self._state["state"] == RUNNING:
            raise PipelineError("job_busy", "masks", "Masks are being carried to all photos.", "Stop it, or wait.")
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> dict[str, Any]:
        """Stop whatever runs. The files stay: a job may have been given them."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        return {"closed": True}


def _as_found(step: Step | None) -> Found | None:
    """A step as an engine takes it."""
    if step is None:
        return None
    mask = step.mask.astype(np.float32) / 255
    return Found(index=0, mask=mask, confidence=step.confidence, method="before", settled=True)


def _as_bytes(found: Found, shape: tuple[int, int]) -> np.ndarray:
    """A mask (h, w) uint8 of the picture's ``shape``."""
    mask = found.mask
    if mask.shape != shape:
        mask = cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.round(np.clip(mask, 0, 1) * 255).astype(np.uint8)
