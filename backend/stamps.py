# SPDX-License-Identifier: GPL-3.0-or-later
"""Stamps: which finished results of a job folder are still current, and what happens to those that are not.

Notation: a stage's ``digest`` is a hash of its name, version, options, the fields of the job it depends on (with the
files behind its paths) and the digests of its inputs; it is known before anything runs. ``made`` is a random name that
each finished result gets; a stamp also keeps its inputs' ``made``, so that a result is current only beside the very
results it was made from. Deleting a folder, or ``--from``, therefore redoes all that depends on it.

A result that is not current is renamed to ``<folder>.outdated`` before the run starts and deleted once its stage has
finished anew: nothing stale looks current, and an earlier good result is not lost to a run that fails. When the user
returns to the earlier settings, a result that is current again gets its name back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..protocol import STAND_INS, JobSpec, stage_options
from .models import store
from .stage import Stage
from .workspace import FOLDERS, STAMP, Workspace

PATHS = ("capture", "masks", "cameras")
"""Fields of a job that name files; they enter a digest with the files' names, sizes and times."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One stage of one run: what it would be made from, and whether the result on disk is that already."""

    stage: Stage
    options: dict[str, Any]
    inputs: tuple[str, ...]
    digest: str
    current: bool

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage.NAME


def plan(spec: JobSpec, names: Iterable[str], load: Callable[[str], Stage], workspace: Workspace) -> list[Step]:
    """The steps of a recipe. Renames nothing but results that have become current again."""
    steps: list[Step] = []
    made: dict[str, str] = {}
    digests: dict[str, str] = {}
    forced = False
    for name in names:
        stage = load(name)
        forced = forced or name == spec.from_stage
        inputs = tuple(n for n in stage.INPUTS if n in digests)
        options = stage_options(name, spec.preset, spec.overrides)
        digest = digest_of(stage, spec, options, {n: digests[n] for n in inputs})
        played = (name, *STAND_INS.get(name, ()))
        digests |= dict.fromkeys(played, digest)
        wanted = {"digest": digest, "inputs": {n: made.get(n, "") for n in inputs}}
        current = not forced and all(n in made for n in inputs) and _find(workspace, stage, wanted)
        if current:
            made |= dict.fromkeys(played, (workspace.stamp(name) or {})["made"])
        steps.append(Step(stage=stage, options=options, inputs=inputs, digest=digest, current=current))
    return steps


def retire(workspace: Workspace, steps: Iterable[Step]) -> bool:
    """Rename results that are not current to ``<folder>.outdated``; whether there were any."""
    any_retired = False
    for step in steps:
        folder = workspace.folder(step.name)
        if step.current or not folder.exists():
            continue
        forget(workspace, step.name)
        folder.rename(outdated(workspace, step.name))
        any_retired = True
    return any_retired


def outdated(workspace: Workspace, stage: str) -> Path:
    """Where a result of ``stage`` waits that is not current."""
    return workspace.root / f"{FOLDERS[stage]}.outdated"


def forget(workspace: Workspace, stage: str) -> None:
    """Delete the outdated result of ``stage``."""
    if outdated(workspace, stage).exists():
        shutil.rmtree(outdated(workspace, stage))


def digest_of(stage: Stage, spec: JobSpec, options: dict[str, Any], inputs: dict[str, str]) -> str:
    """The digest under which a result of ``stage`` may be used again."""
    if narrowed := getattr(stage, "narrowed", None):
        spec = narrowed(spec)
    everything = {
        "stage": stage.NAME,
        "version": stage.VERSION,
        "options": options,
        "spec": {name: _field(spec, name) for name in stage.SPEC},
        "inputs": inputs,
    }
    if kinds := getattr(stage, "MODELS", ()):
        everything["models"] = [model.name if (model := store.best(kind)) else "" for kind in kinds]
    return hashlib.sha256(json.dumps(everything, sort_keys=True, default=list).encode()).hexdigest()


def fingerprint(path: str, below: bool) -> Any:
    """A JSON value that changes when a file at ``path`` does: names, sizes and times, of sub-folders if ``below``.

    What may not be looked at counts as absent: the stage that reads it tells the user why it cannot.
    """
    root = Path(path)
    facts = []
    with contextlib.suppress(OSError):
        files = sorted(root.rglob("*") if below else root.iterdir()) if root.is_dir() else [root]
        for file in files:
            with contextlib.suppress(OSError):
                if file.is_file():
                    stat = file.stat()
                    facts.append([str(file.relative_to(root)), stat.st_size, stat.st_mtime_ns])
    return [str(root), facts]


def _field(spec: JobSpec, name: str) -> Any:
    """A field of the job as it enters a digest. A capture is read flat unless its sub-folders are asked for."""
    value = getattr(spec, name)
    if name in PATHS and value:
        return fingerprint(value, below=name != "capture" or bool(spec.overrides.get("frames.subfolders")))
    if name == "prompts":
        files = [p["path"] for listed in value.values() for p in listed if p.get("type") == "mask"]
        return [value, [fingerprint(path, below=False) for path in files]] if files else value
    return value


def _find(workspace: Workspace, stage: Stage, wanted: dict[str, Any]) -> bool:
    """Whether a result with the ``wanted`` stamp lies in its place, or waits outdated and was put back."""
    if _matches(workspace.folder(stage.NAME), stage, wanted):
        return True
    waiting = outdated(workspace, stage.NAME)
    if workspace.folder(stage.NAME).exists() or not _matches(waiting, stage, wanted):
        return False
    waiting.rename(workspace.folder(stage.NAME))
    return True


def _matches(folder: Path, stage: Stage, wanted: dict[str, Any]) -> bool:
    """Whether ``folder`` is complete and its stamp holds what is ``wanted``."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    kept = {key: stamp.get(key) for key in wanted}
    return kept == wanted and bool(stamp.get("made")) and all((folder / o).exists() for o in stage.OUTPUTS)
