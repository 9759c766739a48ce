# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes, and how a recipe runs in this process: stages in order, each skipped when its result is current.

Owns: order, ``--from`` and ``--until``, what a failing stage means, ``result.json``. Does not: what is current
(``stamps.py``), processes and cancelling by force (``jobs.py``), the right to write into the folder (``folder.py``).
"""

from __future__ import annotations

import errno
import importlib
import logging
import shutil
import traceback
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..protocol import STAND_INS, Event, JobSpec, stage_options
from . import device, estimate, stamps
from .errors import JobCancelled, PipelineError
from .result import write_result
from .single import is_single
from .stage import Context, Stage
from .usage import Meter
from .workspace import Workspace

_OBJECT = ("masks_refined", "cutouts", "hull", "splats", "surface", "texture", "export")
OBJECT_SCAN = ("frames", "masks", "cameras", *_OBJECT)
OBJECT_SCAN_UNPROMPTED = ("frames", "cameras", "masks", *_OBJECT)
"""Without a prompt the object is what the cameras look at in common, so cameras come first."""
SCENE = ("frames", "cameras", "splats")
"""All that is seen, without masks: splats from the sparse points."""
_SEEN_ONCE = ("frames", "masks", "assumed_cameras", "masks_refined", "cutouts")
SINGLE_PICTURE = (*_SEEN_ONCE, "shape", "splats", "texture", "export")
"""One to five pictures that share no view: cameras are assumed, and the shape is a guess or a relief."""

LOG = logging.getLogger("turnaround")
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_CV_NO_MEMORY = -4
_TYPICAL_FRAMES = 30

Emit = Callable[[Event], None]


def load_stage(name: str) -> Stage:
    """Import a stage's module; its heavy libraries come with it."""
    return importlib.import_module(f".stages.{name}", __package__)  # type: ignore[return-value]


def full_recipe(spec: JobSpec) -> tuple[str, ...]:
    """Stage names in the order of the job's recipe, ``until_stage`` or not."""
    if spec.recipe == "scene":
        return SCENE
    if is_single(spec):
        return SINGLE_PICTURE
    return OBJECT_SCAN if spec.prompts or spec.masks else OBJECT_SCAN_UNPROMPTED


def recipe(spec: JobSpec) -> tuple[str, ...]:
    """Stage names that ``spec`` runs. ``ValueError`` where ``from_stage`` comes after ``until_stage``."""
    stages = everything = full_recipe(spec)
    if spec.until_stage:
        if spec.until_stage not in stages:
            raise ValueError(f"expected --until one of {', '.join(stages)}, got {spec.until_stage}")
        stages = stages[: stages.index(spec.until_stage) + 1]
    if spec.from_stage and spec.from_stage not in stages:
        last = f"no later than --until {spec.until_stage}" if spec.from_stage in everything else "in the recipe"
        raise ValueError(f"expected --from {last}, got {spec.from_stage}")
    return stages


def run_recipe(
    spec: JobSpec,
    emit: Emit = lambda event: None,
    is_cancelled: Callable[[], bool] = lambda: False,
    load: Callable[[str], Stage] = load_stage,
) -> Path:
    """Run every stage of the job that is not current, in this process; return the path of ``result.json``.

    Raises ``PipelineError`` or ``JobCancelled``; what earlier stages finished is kept and used by the next run.
    """
    if is_single(spec):
        spec = replace(spec, recipe="single_picture")  # stages, too, are told what was chosen
    stand_ins = {played: name for name in full_recipe(spec) for played in STAND_INS.get(name, ())}
    workspace = Workspace(Path(spec.job), stand_ins)
    workspace.root.mkdir(parents=True, exist_ok=True)
    names, everything = recipe(spec), full_recipe(spec)
    where = device.choose(spec.device)
    if where.note:
        emit(Event(kind="warning", job="", code="fallback", message=where.note))
    # A stage that is not to run matters only where an earlier run left a result of it.
    concerned = [name for name in everything if name in names or workspace.folder(name).exists()]
    steps = stamps.plan(spec, concerned, load, workspace)
    done = {step.name for step in steps if step.current}
    if stamps.retire(workspace, steps):
        write_result(workspace, spec, everything, done)
    clock = estimate.Clock({s.name: _weight(spec, s.name) for s in steps if s.name in names and not s.current})
    speak = _overall(emit, clock)
    for step in steps:
        if step.name not in names:
            continue
        if step.current:
            speak(Event(kind="stage_finished", job="", stage=step.name, message="reused"))
            continue
        if is_cancelled():
            raise JobCancelled(step.name)
        method = run_step(step, spec, workspace, where, speak, is_cancelled)
        done.add(step.name)
        clock.finish(step.name)
        write_result(workspace, spec, everything, done)
        speak(Event(kind="stage_finished", job="", stage=step.name, message=method))
    return write_result(workspace, spec, everything, done)


def run_step(
    step: stamps.Step,
    spec: JobSpec,
    workspace: Workspace,
    where: device.Choice,
    emit: Emit,
    is_cancelled: Callable[[], bool],
) -> str:
    """Run one stage and commit its result; return the name of the method that ran."""
    context = Context(
        stage=step.name,
        spec=spec,
        options=step.stage.Options(**step.options),
        workspace=workspace,
        output=workspace.begin(step.name),
        inputs=step.inputs,
        device=where.device,
        emit=emit,
        is_cancelled=is_cancelled,
        log=LOG,
    )
    LOG.info("%s: begins with %s", step.name, step.options)
    context.progress(0.0)
    meter = Meter()
    try:
        _run_guarded(step, context)
        stamp = {
            "stage": step.name,
            "digest": step.digest,
            "made": uuid.uuid4().hex,
            "options": step.options,
            "inputs": {name: (workspace.stamp(name) or {}).get("made", "") for name in step.inputs},
            **meter.read(),
            "device": context.device,
            **asdict(context.facts),
        }
        _commit(workspace, step.name, stamp)
    except BaseException:
        shutil.rmtree(context.output, ignore_errors=True)  # a full disk is emptied of what nobody can use
        raise
    LOG.info("%s: %s, %.1f s, peak %.0f MB", step.name, context.facts.method, stamp["seconds"], stamp["peak_mb"])
    return context.facts.method


def _run_guarded(step: stamps.Step, context: Context) -> None:
    """Run a stage and turn whatever it raises into something that a user can act on (a process edge)."""
    try:
        step.stage.run(context)
        missing = [name for name in step.stage.OUTPUTS if not (context.output / name).exists()]
        if missing:
            raise ValueError(f"expected {step.name} to write {', '.join(missing)}, got none")
    except (PipelineError, JobCancelled):
        raise
    except Exception as error:
        LOG.error("%s: %s", step.name, traceback.format_exc())
        raise explain(step.name, error) from error


def _commit(workspace: Workspace, name: str, stamp: dict[str, Any]) -> None:
    """Rename a finished result into place, and only then delete the outdated one."""
    try:
        workspace.commit(name, stamp)
    except OSError as error:
        raise explain(name, error) from error
    stamps.forget(workspace, name)


def explain(stage: str, error: Exception) -> PipelineError:
    """What an unforeseen exception of ``stage`` means to a user."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, MemoryError) or getattr(error, "code", None) == _CV_NO_MEMORY:
        return PipelineError(
            "out_of_memory",
            stage,
            f"There was not enough memory ({text}).",
            "Close other programs or use the draft preset; the job goes on from here.",
        )
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return PipelineError(
            "disk_full",
            stage,
            f"The disk that holds the job folder is full ({text}).",
            "Free some space or choose a job folder on another disk; the job goes on from here.",
        )
    return PipelineError(
        "internal",
        stage,
        f"Something unforeseen happened in this step ({type(error).__name__}: {text}).",
        "log.txt in the job folder holds the details; please report them. Finished steps are kept.",
    )


def _weight(spec: JobSpec, stage: str) -> float:
    """Expected seconds of a stage for a capture of usual size; only the ratios matter to the clock."""
    side = stage_options("frames", spec.preset, spec.overrides)["long_side"]
    seconds = estimate.expected(stage, _TYPICAL_FRAMES, side * side * estimate.ASPECT / 1e6)
    if stage == "splats":
        seconds += estimate.training_seconds(stage_options("splats", spec.preset, spec.overrides))
    return seconds


def _overall(emit: Emit, clock: estimate.Clock) -> Emit:
    """Let a stage's own fraction become the job's, with the seconds left."""

    def speak(event: Event) -> None:
        if event.kind in {"progress", "stage_finished"}:
            fraction, left = clock.read(event.stage, event.fraction)
            event = replace(event, fraction=round(fraction, 4), seconds_left=left)
        emit(event)

    return speak
