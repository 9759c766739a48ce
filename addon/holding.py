# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between several Blenders on one computer. The system holds them, so a killed one holds none. No Blender here.

A process is known to live as long as the lock of its own file is held; numbers of processes are used again, locks not.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

_FAR = 1 << 20  # Windows locks bytes against reading too, so the byte locked lies behind any text
_PAUSE = 0.005


def take(path: Path) -> int | None:
    """Open ``path``, made where it is missing, and lock it; its handle, or None where another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle


@contextlib.contextmanager
def locked(path: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock of ``path`` inside the block; False where others held it for all of ``seconds``."""
    end = time.monotonic() + seconds
    while (handle := take(path)) is None and time.monotonic() < end:
        time.sleep(_PAUSE)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            os.close(handle)


class Alive:
    """The sign that this process lives: a file in ``folder`` whose lock it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"{uuid.uuid4().hex[:12]}.alive"
        self._handle: int | None = None

    def show(self) -> str:
        """Hold the sign from now on; its name. Raises ``OSError``."""
        if self._handle is None:
            self._handle = take(self.folder / self.name)
        return self.name

    def hide(self) -> None:
        """Give the sign up; safe to call twice."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
            (self.folder / self.name).unlink(missing_ok=True)

    def of(self, name: str) -> bool:
        """Whether the process with the sign ``name`` lives; what a dead one left is removed."""
        if name == self.name:
            return self._handle is not None
        path = self.folder / name
        if not name.endswith(".alive") or Path(name).name != name or not path.is_file():
            return False
        try:
            handle = take(path)
        except OSError:
            return False
        if handle is None:
            return True
        os.close(handle)
        path.unlink(missing_ok=True)
        return False
