# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage is, and what it is handed.

A stage module defines, in this order:

``NAME``     its name, one of ``protocol.STAGES``
``VERSION``  an integer, raised whenever the same inputs would give another result
``INPUTS``   stages whose folders it may read, where they come before it in the recipe
``OUTPUTS``  files and folders it promises to leave in its own folder
``SPEC``     fields of ``protocol.JobSpec`` on which its result depends (paths count with the files below them)
``MODELS``   optional: kinds of learned models (``models/registry.py``) whose being installed changes its result
``narrowed`` optional: ``narrowed(spec)`` is the job with only what matters of those fields, for the digest
``Options``  frozen, keyword-only dataclass whose fields are its rows of ``protocol.OPTIONS``
``run``      ``run(context) -> None``; writes into ``context.output`` alone
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..protocol import Event, JobSpec
from .errors import JobCancelled, PipelineError
from .workspace import Workspace


class Stage(Protocol):
    """A stage module, as the pipeline sees it."""

    NAME: str
    VERSION: int
    INPUTS: tuple[str, ...]
    OUTPUTS: tuple[str, ...]
    SPEC: tuple[str, ...]
    Options: type

    def run(self, context: Context) -> None:
        """Do the work; raise ``PipelineError`` when it cannot be done."""


@dataclass
class Facts:
    """What a stage says of itself; kept in its stamp and gathered into ``result.json``."""

    method: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    fallbacks: list[dict[str, str]] = field(default_factory=list)
    warnings: list[dict[str, str]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


def _quiet(event: Event) -> None:
    """Swallow an event: the default where nobody listens."""


@dataclass
class Context:
    """All that a running stage may use: its options, its inputs' folders, its output folder and a way to speak."""

    stage: str
    spec: JobSpec
    options: Any
    workspace: Workspace
    output: Path
    inputs: tuple[str, ...] = ()
    device: str = "cpu"
    emit: Callable[[Event], None] = _quiet
    is_cancelled: Callable[[], bool] = lambda: False
    facts: Facts = field(default_factory=Facts)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("turnaround"))

    def has(self, stage: str) -> bool:
        """Whether ``stage`` comes earlier in this recipe, so that its folder may be read."""
        return stage in self.inputs

    def folder(self, stage: str) -> Path:
        """Folder of an earlier stage's finished result."""
        if stage not in self.inputs:
            raise ValueError(f"expected one of {', '.join(self.inputs)} as an input of {self.stage}, got {stage!r}")
        return self.workspace.folder(stage)

    def progress(self, fraction: float, message: str = "", preview: Path | None = None) -> None:
        """Say how far this stage is, in [0, 1]. Raises ``JobCancelled`` when the user has cancelled."""
        if self.is_cancelled():
            raise JobCancelled(self.stage)
        self.emit(
            Event(
                kind="progress",
                job="",
                stage=self.stage,
                fraction=min(max(float(fraction), 0.0), 1.0),
                message=message,
                preview=str(preview) if preview else "",
            )
        )

    def warn(self, code: str, message: str, hint: str = "") -> None:
        """Tell the user something that does not stop the job; kept in ``result.json``."""
        self.log.warning("%s: %s %s", self.stage, message, hint)
        self.facts.warnings.append({"stage": self.stage, "code": code, "message": message, "hint": hint})
        self.emit(Event(kind="warning", job="", stage=self.stage, code=code, message=message, hint=hint))

    def fallback(self, method: str, instead_of: str, reason: str, hint: str = "") -> None:
        """Say that ``method`` ran ``instead_of`` the better one, why, and what to do about it."""
        entry = {"stage": self.stage, "method": method, "instead_of": instead_of, "reason": reason, "hint": hint}
        self.facts.fallbacks.append(entry)
        self.warn("fallback", f"{method} was used instead of {instead_of}: {reason}", hint)

    def error(self, code: str, message: str, hint: str = "") -> PipelineError:
        """Build a ``PipelineError`` of this stage, to be raised by the caller."""
        return PipelineError(code, self.stage, message, hint)
