# SPDX-License-Identifier: GPL-3.0-or-later
"""No worker outlives the process that started it.

Linux: the kernel kills the worker when its parent's thread ends (``prctl(PR_SET_PDEATHSIG)``), so the thread that
starts a worker has to wait for it. Windows: parent and worker share a job object that is closed with the parent.
Elsewhere, and as a second net, the worker looks every half second whether it still has the parent it began with.
The Windows branch is written from Microsoft's documentation and has not been tried on Windows.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

_PR_SET_PDEATHSIG = 1
_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS = 9
_POLL_SECONDS = 0.5
_job_object: Any = None


def end_with_parent(parent: int) -> None:
    """In the worker: end when process ``parent``, which started it, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if sys.platform != "win32":
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    """End this process once another process has adopted it."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def adopt(process: subprocess.Popen[bytes]) -> None:
    """In the parent, on Windows: let ``process`` end with this one. Elsewhere the worker sees to it."""
    if sys.platform == "win32":
        global _job_object  # noqa: PLW0603 - the handle has to live exactly as long as this process
        kernel = ctypes.windll.kernel32
        if _job_object is None:
            _job_object = _closing_job(kernel)
        kernel.AssignProcessToJobObject.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        kernel.AssignProcessToJobObject(_job_object, int(process._handle))  # type: ignore[attr-defined]


def _closing_job(kernel: Any) -> Any:
    """A Windows job object whose processes end when its last handle is closed."""

    class Basic(ctypes.Structure):
        _fields_ = [
            ("times", ctypes.c_int64 * 2),
            ("LimitFlags", ctypes.c_uint32),
            ("sizes", ctypes.c_size_t * 2),
            ("ActiveProcessLimit", ctypes.c_uint32),
            ("Affinity", ctypes.c_size_t),
            ("classes", ctypes.c_uint32 * 2),
        ]

    class Extended(ctypes.Structure):
        _fields_ = [("basic", Basic), ("io", ctypes.c_uint64 * 6), ("memory", ctypes.c_size_t * 4)]

    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    kernel.CreateJobObjectW.argtypes = [ctypes.c_void_p, ctypes.c_wchar_p]
    kernel.SetInformationJobObject.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32]
    job = kernel.CreateJobObjectW(None, None)
    limits = Extended()
    limits.basic.LimitFlags = _KILL_ON_JOB_CLOSE
    kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
    return job


def kill(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and what it started, at once; it must not have been waited for."""
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)  # it leads its own group: it was started in a new session
    except (ProcessLookupError, PermissionError):
        process.kill()
