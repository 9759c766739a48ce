# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one job in a worker process of its own and wait for it.

Owns: starting, listening, cancelling (asking first, killing after ``GRACE_SECONDS``), and saying in plain words how a
worker died. Does not: the job itself (``worker.py``), queues (``service.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from ..protocol import FINAL_EVENTS, Event, JobSpec, from_dict, to_dict, to_json
from . import estimate, folder, orphans, worker

GRACE_SECONDS = 3.0
"""From the wish to cancel until the worker is killed; with the killing a cancel stays under five seconds."""
_POLL_SECONDS = 0.05
_NICENESS = 10
_THREADS = (
    "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip
_OOM_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))

Emit = Callable[[Event], None]


def run_job(
    spec: JobSpec, emit: Emit, cancel: threading.Event | None = None, command: Sequence[str] | None = None
) -> Event:
    """Run ``spec`` to its end and return the final event, ``done`` or ``failed``; ``emit`` gets every event.

    Blocks, and must not be called from a thread that ends before (``orphans.py`` says why). ``command`` starts
    another worker program than ours.
    """
    cancel = cancel or threading.Event()
    kills_before = _oom_kills()
    with tempfile.TemporaryFile() as errors:
        process = _start(spec, command or worker.command(), errors)
        try:
            final = _follow(process, emit, cancel)
        finally:
            orphans.kill(process)  # whatever it may have left running; the worker itself has ended or must
            status = process.wait()
        if final is None:
            final = _death(spec, status, cancel.is_set(), _oom_kills() > kills_before, _tail(errors))
            _record(spec, final)
            emit(final)
    return final


def _start(spec: JobSpec, command: Sequence[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a worker at low priority, in its own session, and hand it the job."""
    windows = sys.platform == "win32"
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment(spec.deterministic),
        start_new_session=not windows,
        creationflags=(0x4000 | 0x08000000) if windows else 0,  # below normal priority, no console window
    )
    orphans.adopt(process)
    if not windows:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
    _tell(process, json.dumps({"spec": to_dict(spec), "parent": os.getpid()}))
    return process


def environment(deterministic: bool) -> dict[str, str]:
    """The worker's environment: threads for all cores but one, a single one where the result has to be repeatable."""
    count = "1" if deterministic else str(estimate.cores())
    values = dict(os.environ)
    for name in _THREADS:
        if deterministic:
            values[name] = count
        else:
            values.setdefault(name, count)
    values["PYTHONUNBUFFERED"] = "1"
    if deterministic:
        values["PYTHONHASHSEED"] = "0"
    return values


def _follow(process: subprocess.Popen[bytes], emit: Emit, cancel: threading.Event) -> Event | None:
    """Pass events on until the worker ends; the final event, or None where it ended without one."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), name="events", daemon=True).start()
    deadline = float("inf")
    asked = False
    while True:
        if cancel.is_set() and not asked:
            asked, deadline = True, time.monotonic() + GRACE_SECONDS
            _tell(process, "cancel")
        if time.monotonic() > deadline:
            return None
        for event in _waiting(lines):
            if event is None:
                return None
            emit(event)
            if event.kind in FINAL_EVENTS:
                _leave(process)
                return event
        if _ended(process) and lines.empty():
            return None


def _waiting(lines: queue.SimpleQueue[bytes | None]) -> Iterator[Event | None]:
    """Events that have come, None for the end of the pipe; waits a moment for the first."""
    with contextlib.suppress(queue.Empty):
        line = lines.get(timeout=_POLL_SECONDS)
        yield None if line is None else from_dict(Event, json.loads(line))


def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    """Put whole lines of the worker's output into ``lines``, and None at its end."""
    if process.stdout:
        for line in process.stdout:
            if line.endswith(b"\n"):  # a killed worker may leave half a line
                lines.put(line)
    lines.put(None)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the worker has ended, without collecting it: its process group must keep its name until killed."""
    if not hasattr(os, "waitid"):
        return False  # the pipe's end tells
    state = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return state is not None


def _leave(process: subprocess.Popen[bytes]) -> None:
    """After its last event a worker has a second to end by itself."""
    deadline = time.monotonic() + 1.0
    while not _ended(process) and time.monotonic() < deadline and hasattr(os, "waitid"):
        time.sleep(0.01)


def _tell(process: subprocess.Popen[bytes], line: str) -> None:
    """Write a line to the worker; one that has died is noticed elsewhere."""
    if process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()


def _death(spec: JobSpec, status: int, cancelled: bool, memory: bool, said: str) -> Event:
    """The ``failed`` event for a worker that ended without a word."""
    again = "Run the job again: it goes on from its last finished step."
    if cancelled:
        code, message, hint = "cancelled", "Cancelled; the running step was stopped by force.", again
    elif memory and status in {-getattr(signal, "SIGKILL", 9), 137}:
        code, message = "out_of_memory", "The system stopped the job because memory ran out."
        hint = "Close other programs or use the draft preset, then run again: it goes on from its last finished step."
    else:
        code, hint = "worker_died", f"{again} log.txt in the job folder tells more."
        if status == -getattr(signal, "SIGKILL", 9):
            hint += " If it happens again, memory may be short: try the draft preset."
        cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        message = f"The process that ran the job ended unexpectedly ({cause})." + (f" It said: {said}" if said else "")
    return Event(kind="failed", job=spec.job, time=round(time.time(), 3), code=code, message=message, hint=hint)


def _record(spec: JobSpec, event: Event) -> None:
    """Add the event that a dead worker could not write to the job folder's record, if the folder is this job's."""
    path = Path(spec.job) / folder.EVENTS
    with contextlib.suppress(OSError):
        if path.exists():
            with path.open("a", encoding="utf-8") as record:
                record.write(to_json(event) + "\n")


def _tail(errors: IO[bytes]) -> str:
    """The last line that the worker wrote before its output went to the log."""
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def _oom_kills() -> int:
    """How many processes the kernel has killed for want of memory in our control group; 0 where nobody counts."""
    for path in _OOM_COUNTERS:
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text(encoding="ascii").splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
