# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processor computes, what is missing for CUDA, and which graphics cards there are.

Loads no library into this process: whether torch sees a card is asked of an interpreter of its own, once, and only
where the installed torch was built for CUDA, so that a machine without a card pays nothing.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ASK_SECONDS = 120.0
"""For torch to load from a cold disk and to look for a card."""
_PROBE = "import torch; print('seen' if torch.cuda.is_available() else 'none')"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The device a job runs on; ``note`` says why it is another than was asked for, "" where it is not."""

    device: str
    note: str = ""


def choose(wanted: str) -> Choice:
    """The device for ``wanted``, one of ``protocol.DEVICES``; ``auto`` is CUDA where all that it needs is there.

    A note is given where CUDA was demanded, and under ``auto`` where there is a card that could have served.
    """
    if wanted == "cpu":
        return Choice(device="cpu")
    missing = missing_for_cuda()
    if not missing:
        return Choice(device="cuda")
    if wanted == "auto" and not graphics_cards():
        return Choice(device="cpu")
    return Choice(device="cpu", note=f"The processor is used instead of CUDA: {missing}.")


def devices() -> list[str]:
    """The devices that jobs can run on here, of ``protocol.DEVICES`` without ``auto``."""
    return ["cpu"] if missing_for_cuda() else ["cpu", "cuda"]


@cache
def missing_for_cuda() -> str:
    """What keeps this environment from computing on CUDA and what to do about it, no full stop; "" where nothing does.

    CUDA needs a torch built for it and a card that torch sees. What gsplat needs besides concerns the splats alone:
    their rasteriser says so (``training/rasterisers.py``), and masks run on the card all the same.
    """
    torch = _package("torch")
    if torch is None:
        return "torch is not installed (pip install torch, from the index for your CUDA version)"
    if not _built_for_cuda(torch):
        return "the installed torch was built without CUDA (install one from pytorch.org's index for your CUDA version)"
    if not _sees_a_card():
        return "torch sees no CUDA device (is there an NVIDIA card, and a driver new enough for this torch?)"
    return ""


def _package(name: str) -> Path | None:
    """Folder of an installed package, found without importing it; None where there is none."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _built_for_cuda(torch: Path) -> bool:
    """Whether ``torch/version.py`` names a CUDA version."""
    try:
        text = (torch / "version.py").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"^cuda\b[^=\n]*=\s*['\"]", text, re.MULTILINE) is not None


def _sees_a_card() -> bool:
    """Ask torch, in an interpreter of its own."""
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.stdout.strip().endswith("seen")


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
