# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a job folder. The operating system holds it, so that it ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

NAME = ".lock"
_FAR = 1 << 20  # Windows locks bytes against reading too, so the byte locked lies behind the text


class LockedError(Exception):
    """Another process holds the lock; ``holder`` is what it wrote about itself."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of ``folder`` (which exists). Raises ``LockedError`` at once where another process holds it.

    The file is left in place: deleting it would let two processes lock two files of one name.
    """
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try(handle):
            raise LockedError(os.read(handle, 64).decode("utf-8", "replace").strip() or "unknown")
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def _try(handle: int) -> bool:
    """Take the lock without waiting; False where it is taken."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        if sys.platform == "win32":
            os.lseek(handle, 0, os.SEEK_SET)
        return False
    return True
