# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard output as a clean pipe: one JSON object a line, whatever libraries print."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


class Lines:
    """Writes whole lines to a stream from several threads. A reader that has gone is told by ``broken``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.broken = False

    def write(self, line: str) -> None:
        """Write ``line`` and an end of line, and flush."""
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                self.broken = True


def take_stdout() -> Lines:
    """Keep the pipe that standard output is for ourselves, and let descriptor 1 mean standard error from now on.

    The kept descriptor is not inherited by child processes, so that none of them keeps the reader waiting.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Lines(os.fdopen(kept, "w", encoding="utf-8", newline="\n"))


def input_lines() -> Iterator[str]:
    """Lines of standard input until its end, read past Python's buffer.

    A daemon thread that waits in ``sys.stdin`` holds its lock, and an interpreter that ends meanwhile aborts.
    """
    rest = b""
    while chunk := os.read(0, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")


def send_output_to(log: Path) -> None:
    """Append everything that this process and its libraries print to ``log``."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
