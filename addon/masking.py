# SPDX-License-Identifier: GPL-3.0-or-later
"""The masks of a capture as they are made: what was asked of the backend, what it answered. No Blender here.

``MaskBoard.pump`` compares the marks on the photos with those the backend knows and asks for what has changed, so that
a click, its undo and its redo are all the same to it: another list of marks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from .session import Answer, Problem

DOUBTFUL = 0.6
"""Confidence below which a mask should be looked at."""
_ASK_SECONDS = 0.2
_GONE = frozenset({"worker_died", "backend_died", "backend_missing"})
"""Problems after which the session is no more."""


class Caller(Protocol):
    """What is needed of ``session.Session``."""

    def call(self, method: str, params: dict[str, Any], answer: Answer) -> None:
        """Send a request; ``answer(result, problem)`` comes later."""


class Phase(Enum):
    """Where the board stands."""

    CLOSED = "closed"
    OPENING = "opening"
    READY = "ready"
    CARRYING = "carrying"


@dataclass(kw_only=True)
class Shown:
    """One photo's mask. ``contour``: closed polygons in pixels of the upright, full-size photo, where it is known."""

    mask: str
    confidence: float
    prompted: bool
    contour: list[list[list[float]]] = field(default_factory=list)


Marks = dict[str, list[dict[str, Any]]]


class MaskBoard:
    """Masks of one capture. ``caller`` gives the session to ask."""

    def __init__(self, caller: Callable[[], Caller]) -> None:
        self._caller = caller
        self.phase = Phase.CLOSED
        self.capture = ""
        self.folder = ""
        self.frames: list[str] = []
        self.kept: Marks = {}
        self.shown: dict[str, Shown] = {}
        self.note = ""
        self.fraction = 0.0
        self.message = ""
        self.problem: Problem | None = None
        self._id = ""
        self._known: Marks = {}
        self._asked: set[str] = set()
        self._next_look = 0.0
        self._looking = False

    @property
    def active(self) -> bool:
        """Whether an answer is awaited."""
        return self.phase in {Phase.OPENING, Phase.CARRYING} or bool(self._asked)

    def open(self, capture: str, folder: str, device: str = "auto") -> None:
        """Open ``capture``; files go to ``folder``."""
        self.__init__(self._caller)  # type: ignore[misc]
        self.capture, self.phase = capture, Phase.OPENING

        def opened(result: dict[str, Any] | None, problem: Problem | None) -> None:
            if self.capture != capture:
                return
            self.problem = problem
            if result is None:
                self.phase = Phase.CLOSED
                return
            self._id, self.frames, self.folder = result["session"], list(result["frames"]), result["masks"]
            self.note, self.kept = result["note"], dict(result.get("kept", {}))
            self.phase = Phase.READY

        self._caller().call("masks_open", {"capture": capture, "folder": folder, "device": device}, opened)

    def close(self) -> None:
        """Forget everything; the backend closes its session when the next one is opened, or with itself."""
        self.__init__(self._caller)  # type: ignore[misc]

    def pump(self, marks: Marks, frame: str = "") -> bool:
        """Ask for what has changed in ``marks``, and for the outline of ``frame``; True where something was asked."""
        if self.phase is Phase.CARRYING:
            return self._look(frame)
        if self.phase is not Phase.READY:
            return False
        changed = [
            name for name in self.frames if name not in self._asked and marks.get(name, []) != self._known.get(name, [])
        ]
        for name in changed:
            self._ask(name, [dict(prompt) for prompt in marks.get(name, [])])
        seen = self.shown.get(frame)
        if not changed and seen is not None and not seen.contour and not self._asked:
            return self._look(frame)
        return bool(changed)

    def propagate(self) -> None:
        """Carry the masks to all photos."""
        if self.phase is not Phase.READY:
            return
        self.phase, self.fraction, self.message, self.problem = Phase.CARRYING, 0.0, "", None

        def started(result: dict[str, Any] | None, problem: Problem | None) -> None:
            if problem is not None:
                self.phase, self.problem = Phase.READY, problem
                self._mourn()

        self._caller().call("masks_propagate", {"session": self._id}, started)

    def stop(self) -> None:
        """Stop carrying; what was carried stays."""
        if self.phase is Phase.CARRYING:
            self._caller().call("masks_stop", {"session": self._id}, lambda result, problem: None)

    def next_doubtful(self, after: str) -> str:
        """The next photo after ``after``, round the end, whose mask is missing or doubtful; "" where none is."""
        if not self.frames or not self.shown:
            return ""
        start = self.frames.index(after) + 1 if after in self.frames else 0
        for frame in [*self.frames[start:], *self.frames[:start]]:
            seen = self.shown.get(frame)
            if frame != after and (seen is None or (not seen.prompted and seen.confidence < DOUBTFUL)):
                return frame
        return ""

    def _ask(self, frame: str, prompts: list[dict[str, Any]]) -> None:
        """Send all marks of one photo; another request for it waits until this one is answered."""
        self._asked.add(frame)
        self._known[frame] = prompts
        session = self._id

        def answered(result: dict[str, Any] | None, problem: Problem | None) -> None:
            if self._id != session:
                return
            self._asked.discard(frame)
            self.problem = problem
            if result is None:
                self._mourn()
                return
            if not result["mask"]:
                self.shown.pop(frame, None)
                return
            self.shown[frame] = Shown(
                mask=result["mask"],
                confidence=float(result["confidence"]),
                prompted=bool(prompts),
                contour=result["contour"],
            )

        self._caller().call("masks_prompt", {"session": session, "frame": frame, "prompts": prompts}, answered)

    def _look(self, frame: str) -> bool:
        """Ask how far the carrying is and for the outline of ``frame``, a few times a second."""
        if self._looking or time.monotonic() < self._next_look:
            return False
        self._looking = True

        def answered(result: dict[str, Any] | None, problem: Problem | None) -> None:
            self._looking, self._next_look = False, time.monotonic() + _ASK_SECONDS
            if self._id != session:
                return
            if result is None:
                self.phase, self.problem = Phase.READY, problem
                self._mourn()
                return
            self._take(result)

        session = self._id
        self._caller().call("masks_state", {"session": session, "frame": frame}, answered)
        return True

    def _mourn(self) -> None:
        """Where the backend's process is gone, close: the next opening sends all marks again."""
        if self.problem is not None and self.problem.code in _GONE:
            self.phase, self._id = Phase.CLOSED, ""
            self._asked.clear()

    def _take(self, state: dict[str, Any]) -> None:
        """Take in a state of the carrying."""
        self.fraction, self.message = float(state["fraction"]), state["message"]
        for frame, row in state["frames"].items():
            before = self.shown.get(frame)
            if frame in self._asked:
                continue  # a newer answer is on its way
            if before is None or before.mask != row["mask"] or (row.get("contour") and not before.contour):
                self.shown[frame] = Shown(
                    mask=row["mask"],
                    confidence=row["confidence"],
                    prompted=row["prompted"],
                    contour=row.get("contour", []),
                )
        if state["state"] == "running" or self.phase is not Phase.CARRYING:
            return
        self.phase = Phase.READY
        if state["state"] == "failed":
            self.problem = Problem(code="internal", message=state["message"], hint=state["hint"])
