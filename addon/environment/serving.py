# SPDX-License-Identifier: GPL-3.0-or-later
"""The builder's side of the pipe to Blender: takes the plan, keeps others out, tells how it ends."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from . import layout
from .builder import Builder, Plan
from .problem import Cancelled, Problem

_LONE = frozenset({"install", "remove", "sweep", "check"})
"""Actions of which one at a time may run in a folder."""


def serve() -> int:
    """Do what the first line of the input asks for; the end of the input cancels it. Returns the exit status."""
    request = json.loads(sys.stdin.buffer.readline())
    action = request.pop("action")
    stopped = threading.Event()
    threading.Thread(target=_until_end, args=(stopped,), daemon=True).start()
    builder = Builder(Plan(**request), _tell, stopped.is_set)
    try:
        if action in _LONE:
            builder.root.mkdir(parents=True, exist_ok=True)
            with alone(builder.root / layout.LOCK):
                getattr(builder, action)()
        else:
            builder.survey()
    except Problem as problem:
        _tell({"event": "failed", "code": problem.code, "message": problem.message, "hint": problem.hint})
        return 1
    except Cancelled:
        _tell({"event": "cancelled"})
        return 1
    except OSError as error:
        hint = "Choose a folder you may write to in the preferences."
        _tell({"event": "failed", "code": "unwritable", "message": f"{builder.root}: {error}.", "hint": hint})
        return 1
    _tell({"event": "done"})
    return 0


def _until_end(stopped: threading.Event) -> None:
    """Read the input until Blender closes it or dies; past its buffer, whose lock would outlive this thread at exit."""
    while os.read(sys.stdin.fileno(), 64):
        continue
    stopped.set()


def _tell(event: dict[str, Any]) -> None:
    """Write an event; where nobody reads any more, the end of the input says so too."""
    try:
        sys.stdout.buffer.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")
        sys.stdout.buffer.flush()
    except OSError:
        return


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a file's lock, which the system releases with the process. Raises ``Problem`` where another holds it."""
    with path.open("ab") as stream:
        try:
            _hold(stream)
        except OSError as error:
            message = "Another Blender is working on the backend's environment."
            raise Problem("busy", message, "Wait until it has finished.") from error
        yield


def _hold(stream: IO[bytes]) -> None:
    """Lock or raise ``OSError``."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0, os.SEEK_END)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
