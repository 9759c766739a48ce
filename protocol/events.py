# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what a running job says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing a job says. ``kind`` is one of ``EVENT_KINDS``; fields that do not apply keep their defaults.

    ``progress``: ``stage``, ``fraction`` of the whole job in [0, 1], ``message``, ``seconds_left`` (None: unknown),
    ``preview`` (path of a picture); a newer one replaces an older. ``stage_finished``: ``stage``, ``message`` ("reused"
    when the stamp matched). ``warning``: ``stage``, ``code``, ``message``, ``hint``. ``done``: ``result``, the path of
    ``result.json``. ``failed``: ``stage``, ``code`` (a key of ``ERRORS``), ``message``, ``hint``.
    """

    kind: str
    job: str
    time: float = 0.0
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    seconds_left: float | None = None
    preview: str = ""
    code: str = ""
    hint: str = ""
    result: str = ""


EVENT_KINDS = ("queued", "started", "progress", "stage_finished", "warning", "done", "failed")
FINAL_EVENTS = ("done", "failed")
