# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out of an error as a button: for the scene's own job in *Reconstruct*, and for any job of the list."""

from __future__ import annotations

from typing import Any

from .environment_operators import repair
from .session import remedy_for

_HERE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "choose_capture": ("turnaround.set_capture", "Choose Another Capture", {}),
    "choose_masks": ("turnaround.run", "Run With Its Own Masks", {"own_masks": True}),
    "edit_prompts": ("turnaround.mark_object", "Mark the Object", {}),
    "show_log": ("turnaround.show_log", "Show Log", {}),
    "run_again": ("turnaround.run", "Run Again", {}),
    "use_draft": ("turnaround.run", "Run as Draft", {"preset": "draft"}),
    "open_job_folder": ("turnaround.open_job_folder", "Open Job Folder", {}),
    "choose_job_folder": ("turnaround.preferences", "Choose Jobs Folder", {}),
    "open_models": ("turnaround.preferences", "Open Models", {}),
}
"""Operator, text and properties of a remedy for the job of this scene; ``repair_backend`` depends on its state."""
_IN_LIST = {
    "choose_capture": ("load", "Change Its Settings"),
    "choose_masks": ("load", "Change Its Settings"),
    "edit_prompts": ("load", "Change Its Marks"),
    "show_log": ("log", "Show Log"),
    "run_again": ("retry", "Run Again"),
    "use_draft": ("draft", "Run as Draft"),
    "open_job_folder": ("folder", "Open Job Folder"),
}
"""What ``turnaround.job`` does with a job of the list; the remedies left out concern the computer, not the job."""


def draw_remedy(layout: Any, code: str, job: str = "") -> None:
    """The button for an error of this ``code``, where there is one; ``job``: of that job of the list."""
    remedy = remedy_for(code)
    if remedy == "repair_backend":
        operator, text = repair()
        layout.operator(operator, text=text)
    elif job and remedy in _IN_LIST:
        action, text = _IN_LIST[remedy]
        button = layout.operator("turnaround.job", text=text)
        button.job, button.action = job, action
    elif remedy in _HERE:
        operator, text, properties = _HERE[remedy]
        button = layout.operator(operator, text=text)
        for name, value in properties.items():
            setattr(button, name, value)
