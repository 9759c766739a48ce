# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one .blend a capture, without a window.

    blender --background --python scripts/batch.py -- CAPTURES... --preset draft --out scenes
    python scripts/batch.py CAPTURES... --preset draft --out scenes        (where the bpy module is installed)

A failed capture does not stop the others. The last lines are a table; the exit status is 0 only if all succeeded, 1 if
any failed, 2 for bad usage, 130 if interrupted. Flags are those of ``turnaround run`` and hold for every capture. Jobs
are kept in OUT/jobs, so that the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OWN = frozenset({"--job"})
"""Flags of ``turnaround run`` that make no sense for many captures."""


@dataclass
class Row:
    """How one capture went."""

    capture: str
    state: str
    seconds: float
    photos: str = ""
    outcome: str = ""


def mount() -> None:
    """Make ``import turnaround`` mean this checkout, without putting it on ``sys.path``."""
    if "turnaround" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "turnaround", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a package at {ROOT}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["turnaround"] = module
    spec.loader.exec_module(module)


def parser() -> argparse.ArgumentParser:
    """The command line; the flags of a job come from the contract."""
    from turnaround.backend import flags

    made = argparse.ArgumentParser(prog="batch.py", description="Make one .blend a capture.")
    made.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE", help="folders of photos")
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the .blend files go")
    made.add_argument("--python", default="", metavar="PATH", help="the backend's Python (default: TURNAROUND_PYTHON)")
    flags.add_flags(made, leave_out=OWN)
    return made


def names_for(captures: list[Path]) -> list[str]:
    """A name for each capture, made unique where two folders are called the same."""
    from turnaround.addon.naming import capture_name

    names: list[str] = []
    for capture in captures:
        base = capture_name(capture.resolve())
        name, number = base, 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def one(capture: Path, name: str, arguments: argparse.Namespace, session: Any) -> Row:
    """Run one capture and save its scene; a failure is a row, not an exception."""
    from turnaround.addon.naming import photos_in
    from turnaround.addon.session import State
    from turnaround.backend import flags

    start = time.monotonic()
    job_folder = arguments.out / "jobs" / name
    try:
        first = next(iter(photos_in(str(capture))), None)
        if first is None and capture.is_dir() and flags.needs_first(arguments):
            raise ValueError(f"There is no photo in {capture}. Choose a folder of photos.")
        session.submit(flags.spec_from(arguments, capture, job_folder, first))
        state = session.wait(teller(name))
    except ValueError as error:
        return Row(name, "failed", time.monotonic() - start, outcome=str(error))
    job = session.job
    if state is not State.DONE:
        problem = job.problem
        where = f"{problem.stage}: " if problem and problem.stage else ""
        reason = f"{where}{problem.message} {problem.hint}".strip() if problem else "cancelled"
        return Row(name, state.value, time.monotonic() - start, outcome=reason)
    try:
        photos, path = save_scene(job_folder, arguments.out / f"{name}.blend")
    except (ValueError, OSError, RuntimeError) as error:
        return Row(name, "failed", time.monotonic() - start, outcome=f"import: {error}")
    return Row(name, "done", time.monotonic() - start, photos, str(path))


def save_scene(job_folder: Path, path: Path) -> tuple[str, Path]:
    """Import a finished job into an empty scene and save it; (registered of used photos, path)."""
    import bpy
    from turnaround.addon.importer.result import load_result
    from turnaround.addon.importer.scene import import_job

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    import_job(bpy.context.scene, job_folder)
    # Saved twice: paths can be relative only to a file that has a place.
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()))
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()
    metrics = load_result(job_folder).record.get("metrics", {})
    used, registered = metrics.get("frames_used"), metrics.get("frames_registered")
    return (f"{registered:.0f}/{used:.0f}" if used and registered is not None else ""), path


def teller(name: str) -> Callable[[Any], None]:
    """Say on stderr when a job enters another stage."""
    said: list[str] = []

    def tell(job: Any) -> None:
        if job.stage and (not said or said[-1] != job.stage):
            said.append(job.stage)
            print(f"{name}: {job.fraction:4.0%}  {job.stage}", file=sys.stderr, flush=True)

    return tell


def table(rows: list[Row]) -> str:
    """The rows as text."""
    head = ("capture", "state", "seconds", "photos", "scene, or what went wrong")
    lines = [head, *((r.capture, r.state, f"{r.seconds:.0f}", r.photos, " ".join(r.outcome.split())) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(line[:4], widths, strict=True)), line[4]]) for line in lines
    )


def backend_session(arguments: argparse.Namespace) -> Any:
    """The session with the backend whose Python ``--python`` or ``TURNAROUND_PYTHON`` names."""
    from turnaround.addon import process
    from turnaround.addon.session import Session

    python = process.find_python(arguments.python, None)
    if python is None:
        wanted = arguments.python or os.environ.get(process.PYTHON_VARIABLE, "") or "none"
        raise ValueError(f"expected the backend's Python in --python or {process.PYTHON_VARIABLE}, got {wanted}")
    return Session(python, arguments.out.resolve() / "jobs" / "backend.log")


def main(argv: list[str]) -> int:
    """Run all captures; the exit status."""
    mount()
    if importlib.util.find_spec("bpy") is None:
        print("batch.py runs inside Blender, or in a Python that has the bpy module.", file=sys.stderr)
        return 2
    made = parser()
    arguments = made.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        session = backend_session(arguments)
    except ValueError as error:
        made.error(str(error))
    rows: list[Row] = []
    status = 0
    try:
        for capture, name in zip(arguments.captures, names_for(arguments.captures), strict=True):
            rows.append(one(capture, name, arguments, session))
            if rows[-1].state != "done":
                status = 1
                print(f"{name}: {rows[-1].outcome}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        status = 130
        session.cancel()
        session.wait()
    finally:
        session.stop()
    print(table(rows), flush=True)
    return status


if __name__ == "__main__":
    # Blender hands its own arguments over as well; ours follow the first "--".
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    sys.exit(main(own))
