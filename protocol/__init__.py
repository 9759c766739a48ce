# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract between Blender, the command line, the batch and the backend.

Standard library only: Blender's Python 3.11 to 3.14 and the backend's own Python both read this folder. Everything that
crosses a process boundary is one of its frozen dataclasses, written as JSON; arrays never cross, paths do.

Notation: prompts are in pixels of the EXIF-oriented, full-size source image, origin at the top left corner, x to the
right, pixel centres at half integers. Lengths are metres. Times are seconds.
"""

from __future__ import annotations

from .errors import ERRORS
from .events import EVENT_KINDS, FINAL_EVENTS, Event
from .flags import FLAGS, Flag
from .messages import from_dict, to_dict, to_json
from .names import (
    ALL_STAGES,
    BUDGETS,
    DELIVERABLES,
    DEVICES,
    LENGTH_OF,
    PRESETS,
    RECIPES,
    STAGES,
    STAND_INS,
    USUAL_DELIVERABLES,
    VERSION,
)
from .option import Option
from .options import OPTIONS, option_named, stage_options
from .requests import REQUESTS
from .results import ARTEFACTS, AXES, METRICS, Artefact
from .spec import JobSpec, check_prompt

__all__ = [
    "ALL_STAGES",
    "ARTEFACTS",
    "AXES",
    "BUDGETS",
    "DELIVERABLES",
    "DEVICES",
    "ERRORS",
    "EVENT_KINDS",
    "FINAL_EVENTS",
    "FLAGS",
    "LENGTH_OF",
    "METRICS",
    "OPTIONS",
    "PRESETS",
    "RECIPES",
    "REQUESTS",
    "STAGES",
    "STAND_INS",
    "USUAL_DELIVERABLES",
    "VERSION",
    "Artefact",
    "Event",
    "Flag",
    "JobSpec",
    "Option",
    "check_prompt",
    "from_dict",
    "option_named",
    "stage_options",
    "to_dict",
    "to_json",
]
