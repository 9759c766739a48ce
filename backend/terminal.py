# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's events for a person at a terminal: one progress bar, or plain lines where there is no terminal."""

from __future__ import annotations

import shutil
from typing import TextIO

from ..protocol import Event

_BAR = 24
_CLEAR = "\r\033[K"


class Display:
    """Writes to ``stream``; a terminal gets a bar that is redrawn, anything else a line a stage."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar = stream.isatty()
        self._stage = ""

    def show(self, event: Event) -> None:
        """Show one event."""
        if event.kind == "progress":
            self._progress(event)
        elif event.kind == "stage_finished":
            done = "reused" if event.message == "reused" else f"done ({event.message})" if event.message else "done"
            self._line(f"{event.fraction:4.0%}  {event.stage}: {done}")
        elif event.kind == "warning":
            where = f"{event.stage}: " if event.stage else ""
            self._line(f"warning: {where}{event.message}" + (f" {event.hint}" if event.hint else ""))
        elif event.kind == "failed":
            where = f"{event.stage}: " if event.stage else ""
            self._line(f"{'cancelled' if event.code == 'cancelled' else 'failed'}: {where}{event.message}")
            if event.hint:
                self._line(f"  {event.hint}")
        elif event.kind == "done":
            self._line(f"done: {event.result}")

    def say(self, text: str) -> None:
        """Show a line of one's own."""
        self._line(text)

    def _progress(self, event: Event) -> None:
        if self._bar:
            width = max(shutil.get_terminal_size().columns - 1, 20)
            full = round(event.fraction * _BAR)
            what = f"{event.stage}: {event.message}" if event.message else event.stage
            left = time_left(event.seconds_left)
            text = f"[{'#' * full}{'-' * (_BAR - full)}] {event.fraction:4.0%}  {what}" + (f"  {left}" if left else "")
            self._stream.write(_CLEAR + text[:width])
            self._stream.flush()
        elif event.stage != self._stage:
            self._stage = event.stage
            self._line(f"{event.fraction:4.0%}  {event.stage} ...")

    def _line(self, text: str) -> None:
        self._stream.write((_CLEAR if self._bar else "") + text + "\n")
        self._stream.flush()


def time_left(seconds: float | None) -> str:
    """``"about 2 min left"``; empty where unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
