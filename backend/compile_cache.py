# SPDX-License-Identifier: GPL-3.0-or-later
"""Where compiled kernels are kept between runs.

Numba notices an edit in a kernel's own file, not in another kernel file that was inlined into it, and its default
place beside the sources may be read-only. The folder's name is therefore a hash of all kernels' sources, Numba's
version and the processor: another of any of them is another, empty folder. ``use`` must run before ``import numba``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
KERNELS = Path(__file__).resolve().parent.parent / "kernels"


def user_cache() -> Path:
    """Turnaround's cache folder: ``TURNAROUND_CACHE``, or where the platform keeps an application's caches."""
    if moved := os.environ.get("TURNAROUND_CACHE"):
        return Path(moved).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "turnaround" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "turnaround"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "turnaround"


def key(kernels: Path = KERNELS) -> str:
    """Twenty hexadecimal digits that change with the kernels' sources, Numba's version and the processor."""
    digest = hashlib.sha256()
    for source in sorted(kernels.rglob("*.py")):
        digest.update(source.relative_to(kernels).as_posix().encode())
        digest.update(source.read_bytes())
    digest.update(importlib.metadata.version("numba").encode())
    digest.update(processor().encode())
    return digest.hexdigest()[:20]


def processor() -> str:
    """The processor's name as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def use() -> Path:
    """Set ``NUMBA_CACHE_DIR`` for this process and its children; a value the user has set is kept.

    Threads that wait for work are told to sleep: spinning ones, OpenMP's habit, cost more than the work itself as soon
    as cores are shared (measured: 95 against 25 ms of CPU for drawing 10,000 Gaussians forward and backward).

    Where the cache folder cannot be written a temporary one serves this process: everything works, compiled anew.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if given := os.environ.get(VARIABLE):
        return Path(given)
    folder = user_cache() / f"kernels-{key()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="turnaround-kernels-"))
    os.environ[VARIABLE] = str(folder)
    return folder
