# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processor computes, and which graphics cards there are. Asks ``nvidia-smi``; loads no library."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

ENGINES = ("cpu",)
"""Devices for which at least one stage has a method. A CUDA method adds "cuda" here with its stage."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The device a job runs on; ``note`` says why it is another than was asked for, "" where it is not."""

    device: str
    note: str = ""


def choose(wanted: str) -> Choice:
    """The device for ``wanted``, one of ``protocol.DEVICES``."""
    if wanted == "cuda" and "cuda" not in ENGINES:
        return Choice(device="cpu", note="No step of this version computes on CUDA yet; the processor was used.")
    return Choice(device="cpu")


def graphics_cards() -> list[str]:
    """Names and memory of NVIDIA cards as ``nvidia-smi`` lists them; empty where there is none."""
    program = shutil.which("nvidia-smi")
    if not program:
        return []
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]
