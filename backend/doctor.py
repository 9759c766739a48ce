# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine can run a job: each finding with what was seen and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import compile_cache, device, estimate
from .result import LIBRARIES

MEMORY_GB = 6.0
DISK_GB = 5.0
PYTHON = (3, 11)


def checks(disk: Path | None = None) -> list[dict[str, Any]]:
    """``{name, ok, required, detail, hint}`` each; ``disk`` is where jobs would be written (default: here)."""
    return [
        _python(),
        *[_library(name) for name in LIBRARIES],
        _cores(),
        _memory(),
        _cuda(),
        _cache(),
        _disk(disk or Path.cwd()),
    ]


def healthy(found: list[dict[str, Any]]) -> bool:
    """Whether everything required is there."""
    return all(c["ok"] for c in found if c["required"])


def _check(name: str, ok: bool, detail: str, hint: str = "", required: bool = True) -> dict[str, Any]:
    return {"name": name, "ok": ok, "required": required, "detail": detail, "hint": "" if ok else hint}


def _python() -> dict[str, Any]:
    hint = f"Make the backend's environment with Python {PYTHON[0]}.{PYTHON[1]} or newer."
    return _check("python", sys.version_info >= PYTHON, f"{platform.python_version()} at {sys.executable}", hint)


def _library(name: str) -> dict[str, Any]:
    try:
        return _check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return _check(name, False, "not installed", f"Install the backend again, or `pip install {name}` there.")


def _cores() -> dict[str, Any]:
    used = estimate.cores()
    return _check("cores", True, f"{os.cpu_count()} seen, a job uses {used}; {compile_cache.processor()}")


def _memory() -> dict[str, Any]:
    total = total_memory()
    if total is None:
        return _check("memory", True, "unknown on this platform", required=False)
    gigabytes = total / 2**30
    hint = "Use the draft preset and close other programs while a job runs."
    return _check("memory", gigabytes >= MEMORY_GB, f"{gigabytes:.1f} GB", hint, required=False)


def total_memory() -> int | None:
    """Bytes of memory this process may use: the machine's or its control group's; None where unknown."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def _cuda() -> dict[str, Any]:
    cards = device.graphics_cards()
    detail = "; ".join(cards) if cards else "no NVIDIA card seen; the processor does all the work"
    missing = device.missing_for_cuda()
    if cards and missing:
        return _check("cuda", False, detail, f"Not used: {missing}.", required=False)
    return _check("cuda", True, detail, required=False)


def _cache() -> dict[str, Any]:
    folder = compile_cache.user_cache()
    hint = "Set TURNAROUND_CACHE to a folder you may write; until then kernels are compiled anew in every run."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return _check("cache", True, str(folder))
    except OSError as error:
        return _check("cache", False, f"{folder}: {error.strerror or error}", hint, required=False)


def _disk(folder: Path) -> dict[str, Any]:
    free = shutil.disk_usage(folder).free / 2**30
    hint = "Free some space, or choose a job folder on another disk."
    return _check("disk", free >= DISK_GB, f"{free:.1f} GB free at {folder}", hint, required=False)
