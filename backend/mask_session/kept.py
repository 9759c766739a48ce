# SPDX-License-Identifier: GPL-3.0-or-later
"""What a session leaves on disk for later: its prompts, so that a crash loses none, and how sure its masks are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...protocol import check_prompt
from ..workspace import write_json

PROMPTS = "prompts.json"


def keep_prompts(folder: Path, capture: Path, prompts: dict[str, list[dict[str, Any]]]) -> None:
    """Write the ``prompts`` by frame of a session on ``capture``."""
    write_json(folder / PROMPTS, {"capture": str(capture.resolve()), "frames": prompts})


def kept_prompts(folder: Path, capture: Path, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Prompts that an earlier session on ``capture`` left in ``folder``, on frames of ``names``; {} where none can be
    used, whatever the file holds: nobody depends on it.
    """
    try:
        said = json.loads((folder / PROMPTS).read_text(encoding="utf-8"))
        frames = said["frames"] if said["capture"] == str(capture.resolve()) else {}
        found = {name: list(listed) for name, listed in frames.items() if name in names and listed}
        for name, listed in found.items():
            for prompt in listed:
                check_prompt(name, prompt)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found
