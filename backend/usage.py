# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage has used of the machine: seconds, processor seconds and peak memory, on each platform its own way."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass
class Meter:
    """Started when made. ``read`` gives what was used since."""

    started: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=time.process_time)

    def __post_init__(self) -> None:
        reset_peak()

    def read(self) -> dict[str, float]:
        """``seconds``, ``cpu_seconds`` (all threads of this process) and ``peak_mb`` (resident)."""
        return {
            "seconds": round(time.monotonic() - self.started, 3),
            "cpu_seconds": round(time.process_time() - self.cpu, 3),
            "peak_mb": round(peak_bytes() / 2**20, 1),
        }


def reset_peak() -> None:
    """Let the peak count anew from here (Linux only: elsewhere the peak is that of the process so far)."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """Greatest resident size of this process since ``reset_peak``, bytes."""
    if sys.platform == "win32":
        return _peak_windows()
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_windows() -> int:
    """``PeakWorkingSetSize`` of ``GetProcessMemoryInfo``. Written from the documentation; not tried on Windows."""
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = [
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            *[(name, ctypes.c_size_t) for name in ("PeakWorkingSetSize", "WorkingSetSize", *"abcdef")],
        ]

    counters = Counters()
    counters.cb = ctypes.sizeof(counters)
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.K32GetProcessMemoryInfo.argtypes = [wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD]
    kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
    return int(counters.PeakWorkingSetSize)
