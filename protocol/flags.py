# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags: the fields of a job by the names under which the command line, the panel and the batch offer them."""

from __future__ import annotations

from dataclasses import dataclass

from .names import ALL_STAGES, BUDGETS, DELIVERABLES, DEVICES, LENGTH_OF, PRESETS, RECIPES


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One flag of ``turnaround run``. ``field`` is the field of ``JobSpec`` it sets, ``kind`` how its text is read."""

    name: str
    field: str
    kind: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()


def _flag(name: str, to: str, kind: str, text: str, metavar: str = "", choices: tuple[str, ...] = ()) -> Flag:
    return Flag(name=name, field=to, kind=kind, help=text, metavar=metavar, choices=choices)


# fmt: off
FLAGS: tuple[Flag, ...] = (
    _flag("--job", "job", "path", "job folder (default: turnaround-jobs/<name of the capture>)", "DIR"),
    _flag("--recipe", "recipe", "choice", "object, or all that is seen (scene), or single_picture", choices=RECIPES),
    _flag("--preset", "preset", "choice", "how much work to spend", choices=PRESETS),
    _flag("--point", "prompts", "point", "a point on the object, pixels of the upright photo", "X,Y"),
    _flag("--box", "prompts", "box", "a box around the object, pixels of the upright photo", "X0,Y0,X1,Y1"),
    _flag("--frame", "prompts", "frame", "photo that --point and --box are on (default: the first)", "NAME"),
    _flag("--prompts", "prompts", "file", "JSON file with prompts on one or more photos", "FILE"),
    _flag("--masks", "masks", "path", "folder of masks you already have (white = object)", "DIR"),
    _flag("--cameras", "cameras", "path", "cameras you have: COLMAP, transforms.json, bundle.out, ...", "PATH"),
    _flag("--device", "device", "choice", "where to compute", choices=DEVICES),
    _flag("--length", "length", "float", "a known length of the object; makes the result metric", "METRES"),
    _flag("--length-of", "length_of", "choice", "what --length measures", choices=LENGTH_OF),
    _flag("--segment", "segment", "segment", "two ends of --length on a photo; repeat it for more", "NAME:X,Y,X,Y"),
    _flag("--hold-out", "hold_out", "int", "every Nth photo is kept for scoring; 0 for none", "N"),
    _flag("--triangles", "overrides", "triangles", f"fewer triangles than this, or {', '.join(BUDGETS)}", "N"),
    _flag("--deliverables", "deliverables", "list", f"what to deliver, of {', '.join(DELIVERABLES)}", "LIST"),
    _flag("--deterministic", "deterministic", "switch", "same input, same result, bit for bit; slower"),
    _flag("--seed", "seed", "int", "seed of everything drawn by chance", "N"),
    _flag("--from", "from_stage", "choice", "redo this stage and those after it", "STAGE", ALL_STAGES),
    _flag("--until", "until_stage", "choice", "stop after this stage", "STAGE", ALL_STAGES),
    _flag("--set", "overrides", "set", "set an option of a stage; may be given often", "STAGE.OPTION=VALUE"),
)
# fmt: on
