# SPDX-License-Identifier: GPL-3.0-or-later
"""Which computer this is, as far as it decides what to install: system, Python, NVIDIA's driver and card."""

from __future__ import annotations

import platform as system
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CUDA_DRIVERS = (("cu130", 580), ("cu126", 525))
"""PyTorch's build and the least driver that runs it (CUDA's table of minor version compatibility), newest first."""
OLDEST_CARD = {"cu130": 7.5, "cu126": 5.0}
NEWEST_CARD = {"cu126": 9.0}
"""Compute capabilities for which the builds hold kernels: 13.0 has none before Turing, 12.6 none for Blackwell."""
_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """``platform`` is system-architecture, ``python`` major.minor; ``card``, ``driver`` are empty without NVIDIA's."""

    platform: str
    python: str
    card: str = ""
    driver: str = ""
    capability: float = 0.0
    note: str = ""

    def kinds(self) -> tuple[str, ...]:
        """Builds of PyTorch that would run here, the best first."""
        if self.platform == "macos-arm64":
            return ("mps", "cpu")
        major = _number(self.driver.split(".")[0])
        fitting = [kind for kind, least in CUDA_DRIVERS if major >= least and self._has_kernels(kind)]
        return (*fitting, "cpu")

    def _has_kernels(self, kind: str) -> bool:
        """Whether a build computes on this card; a card that does not say its capability is taken for a usual one."""
        if not self.capability:
            return True
        return OLDEST_CARD[kind] <= self.capability <= NEWEST_CARD.get(kind, 99.0)


def this_platform() -> str:
    """System and architecture as the lock names them, such as ``linux-x86_64``."""
    names = {"win32": "windows", "darwin": "macos"}
    machine = system.machine().lower()
    architecture = {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)
    return f"{names.get(sys.platform, sys.platform)}-{architecture}"


def detect(python: str, smi: str | None = None) -> Machine:
    """This computer with a Python of version ``python``. Asks ``nvidia-smi``, which comes with every NVIDIA driver.

    Takes up to seconds (the driver may have to wake the card): not for Blender's main thread.
    """
    here = this_platform()
    program = smi or _nvidia_smi()
    if program is None:
        return Machine(platform=here, python=python)
    rows = _ask(program, "name,driver_version,compute_cap") or _ask(program, "name,driver_version")
    if not rows:
        note = "NVIDIA's driver does not answer, so the build for the processor is chosen."
        return Machine(platform=here, python=python, note=note)
    # The weakest card decides: all of them must be able to run what is installed.
    cards = [(_number(row[2]) if len(row) > 2 else 0.0, row[0], row[1]) for row in rows]
    capability, card, driver = min(cards)
    return Machine(platform=here, python=python, card=card, driver=driver, capability=capability)


def _nvidia_smi() -> str | None:
    """NVIDIA's own tool: on the path, or where Windows keeps it."""
    windows = Path("C:/Windows/System32/nvidia-smi.exe")
    return shutil.which("nvidia-smi") or (str(windows) if sys.platform == "win32" and windows.is_file() else None)


def _ask(program: str, fields: str) -> list[list[str]]:
    """Rows of ``nvidia-smi --query-gpu``; empty where it fails (old drivers do not know every field)."""
    try:
        answer = subprocess.run(
            [program, f"--query-gpu={fields}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines() if line.strip()]
    return [row for row in rows if len(row) == len(fields.split(","))]


def _number(text: str) -> float:
    """A number; 0 where the text is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0
