# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes, and how a recipe runs: stages in order, each skipped only when its stamp matches.

A stamp's ``digest`` is a hash of the stage's name, version, options, the fields of the job it depends on (with the
files behind its paths), and the digests of its inputs. Owns: order, skipping, stamps. Does not: processes, locks,
cancelling by force (``jobs.py``).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..protocol import Event, JobSpec, stage_options
from .stage import Context, Stage
from .workspace import Workspace

OBJECT_SCAN = ("frames", "masks", "cameras", "masks_refined", "cutouts", "surface", "splats", "export")
OBJECT_SCAN_UNPROMPTED = ("frames", "cameras", "masks", "masks_refined", "cutouts", "surface", "splats", "export")
"""Without a prompt the object is what the cameras look at in common, so cameras come first."""


def load_stage(name: str) -> Stage:
    """Import a stage's module; its heavy libraries come with it."""
    return importlib.import_module(f".stages.{name}", __package__)  # type: ignore[return-value]


def recipe(spec: JobSpec) -> tuple[str, ...]:
    """Stage names in the order in which ``spec`` runs them, up to ``until_stage``."""
    stages = OBJECT_SCAN if spec.prompts or spec.masks else OBJECT_SCAN_UNPROMPTED
    return stages[: stages.index(spec.until_stage) + 1] if spec.until_stage else stages


def fingerprint(value: Any) -> Any:
    """A JSON value that changes when ``value`` does; a path stands for names, sizes and times of the files below it."""
    path = Path(value) if isinstance(value, str) and value else None
    if path is None or not path.exists():
        return value
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return [str(path), [[str(f.relative_to(path)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]]


def digest_of(stage: Stage, spec: JobSpec, options: dict[str, Any], inputs: dict[str, str]) -> str:
    """The digest under which a result of ``stage`` may be used again."""
    everything = {
        "stage": stage.NAME,
        "version": stage.VERSION,
        "options": options,
        "spec": {name: fingerprint(getattr(spec, name)) for name in stage.SPEC},
        "inputs": inputs,
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True, default=list).encode()).hexdigest()


def run_recipe(
    spec: JobSpec,
    emit: Callable[[Event], None] = lambda event: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Run every stage of the job's recipe in this process. Raises ``PipelineError`` or ``JobCancelled``."""
    workspace = Workspace(Path(spec.job))
    workspace.root.mkdir(parents=True, exist_ok=True)
    names = recipe(spec)
    digests: dict[str, str] = {}
    redo = False
    for name in names:
        stage = load_stage(name)
        redo = redo or name == spec.from_stage
        inputs = {n: digests[n] for n in stage.INPUTS if n in digests}
        options = stage_options(name, spec.preset, spec.overrides)
        digests[name] = digest_of(stage, spec, options, inputs)
        stamp = workspace.stamp(name)
        complete = all((workspace.folder(name) / o).exists() for o in stage.OUTPUTS)
        if not redo and stamp and stamp.get("digest") == digests[name] and complete:
            emit(Event(kind="stage_finished", job="", stage=name, message="reused"))
            continue
        context = Context(
            stage=name,
            spec=spec,
            options=stage.Options(**options),
            workspace=workspace,
            output=workspace.begin(name),
            inputs=tuple(inputs),
            emit=emit,
            is_cancelled=is_cancelled,
        )
        started = time.monotonic()
        stage.run(context)
        workspace.commit(name, _stamp(context, digests[name], inputs, options, time.monotonic() - started))
        emit(replace(Event(kind="stage_finished", job="", stage=name), message=context.facts.method))


def _stamp(
    context: Context, digest: str, inputs: dict[str, str], options: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """All that is remembered of one finished stage."""
    return {
        "stage": context.stage,
        "digest": digest,
        "options": options,
        "inputs": inputs,
        "seconds": round(seconds, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "device": context.device,
        **asdict(context.facts),
    }
