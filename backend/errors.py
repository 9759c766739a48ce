# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user is told when a stage cannot go on, and how a job is interrupted."""

from __future__ import annotations

from ..protocol import ERRORS


class PipelineError(Exception):
    """A stage cannot go on. ``code`` is a key of ``protocol.ERRORS``; ``hint`` is the way out."""

    def __init__(self, code: str, stage: str, message: str, hint: str = "") -> None:
        if code not in ERRORS:
            raise ValueError(f"expected an error code of protocol.ERRORS, got {code!r}")
        super().__init__(message)
        self.code = code
        self.stage = stage
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.stage}: " if self.stage else ""
        return f"{where}{self.message}" + (f" {self.hint}" if self.hint else "")


class JobCancelled(Exception):  # noqa: N818 - it is no error: the user asked for it
    """Raised inside a stage when the user has cancelled the job; what earlier stages finished is kept."""
