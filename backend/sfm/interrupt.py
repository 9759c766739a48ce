# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the user cancel pycolmap's long calls: they run in a thread, with a token, while this one listens.

pycolmap releases Python's lock while it works and looks at its token between images, pairs or registrations, so a
cancelled call returns within seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_PAUSE = 0.2


class Voice:
    """Progress of a long piece of work, told in parts; ``progress(fraction, message)`` raises when the user cancels."""

    def __init__(self, progress: Callable[[float, str], None]) -> None:
        self._progress = progress
        self._fraction = 0.0
        self._message = ""

    def part(self, low: float, high: float, message: str) -> Callable[[float], None]:
        """A function that takes the fraction of one part, which lies between ``low`` and ``high`` of the whole."""

        def say(fraction: float) -> None:
            self._fraction, self._message = low + (high - low) * fraction, message
            self.alive()

        return say

    def alive(self) -> None:
        """Say the last thing again: that is where cancelling happens."""
        self._progress(self._fraction, self._message)


def interruptible(work: Callable[[Any], Any], alive: Callable[[], None]) -> Any:
    """Return ``work(token)``, run in a thread; ``token`` is a ``pycolmap.CancellationToken``.

    ``alive`` is called five times a second and raises when the user has cancelled; the work is then told to stop, and
    waited for. What the work raises is raised here.
    """
    import pycolmap

    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value  # a line an image would drown the log
    token = pycolmap.CancellationToken()
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["value"] = work(token)
        except Exception as e:  # noqa: BLE001 - carried over to the calling thread, where it is raised
            outcome["error"] = e

    thread = threading.Thread(target=run, name="pycolmap", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_PAUSE)
            alive()
    finally:
        token.cancel()
        thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
