# SPDX-License-Identifier: GPL-3.0-or-later
"""Make .blend files of many captures, without a window.

    blender --background --python scripts/batch.py -- CAPTURES... --preset draft --out scenes
    python scripts/batch.py --find "shoot/*/images" --workers 2 --out scenes     (where the bpy module is installed)

A failed capture does not stop the others. The last lines are a table, and OUT/summary.html and summary.csv say the same
with pictures; the exit status is 0 only if all succeeded, 1 if any failed, 2 for bad usage, 130 if interrupted. Flags
are those of ``turnaround run`` and hold for every capture. Jobs are kept in OUT/jobs: the same command goes on where it
was stopped, and leaves alone what is done. See docs/batch.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _batch import crew, scenes, summary  # noqa: E402 - its folder is known only now
from _batch.plan import Item, plan  # noqa: E402
from _batch.summary import Row, table  # noqa: E402

OWN = frozenset({"--job"})
"""Flags of ``turnaround run`` that make no sense for many captures."""


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

    made = argparse.ArgumentParser(prog="batch.py", description="Make .blend files of many captures.")
    made.add_argument("captures", nargs="*", type=Path, metavar="CAPTURE", help="folders of photos, or videos")
    made.add_argument(
        "--find", action="append", default=[], metavar="PATTERN", help="captures by a pattern; ** is any depth"
    )
    made.add_argument(
        "--list", action="append", default=[], type=Path, metavar="FILE", help="captures by a list: one a line, or CSV"
    )
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the .blend files go")
    made.add_argument("--one", metavar="NAME", help="all captures in one file OUT/NAME.blend, side by side")
    made.add_argument("--assets", action="store_true", help="mark results as assets, and OUT as an asset library")
    made.add_argument("--workers", type=int, default=1, metavar="N", help="jobs at once (default: 1)")
    made.add_argument("--again", action="store_true", help="also captures whose .blend is there and up to date")
    made.add_argument("--python", default="", metavar="PATH", help="the backend's Python (default: TURNAROUND_PYTHON)")
    flags.add_flags(made, leave_out=OWN)
    return made


def spec_of(item: Item, arguments: argparse.Namespace, job: Path) -> Any:
    """The job's description. Raises ``ValueError`` with what is wrong."""
    from turnaround.addon.naming import film_of, photos_in
    from turnaround.backend import flags

    film = film_of(str(item.capture))
    first = f"{film.name}#0.000" if film else next(iter(photos_in(str(item.capture))), None)
    if first is None and item.capture.is_dir() and flags.needs_first(arguments):
        raise ValueError(f"There is no photo in {item.capture}. Choose a folder of photos.")
    return flags.spec_from(arguments, item.capture, job, first)


def is_kept(job: Path, scene: Path, spec: Any) -> bool:
    """Whether ``scene`` holds the finished result of exactly this job already."""
    from turnaround.protocol import JobSpec, from_dict

    try:
        record = json.loads((job / "result.json").read_text(encoding="utf-8"))
        same = bool(record.get("complete")) and from_dict(JobSpec, record["spec"]) == spec
        return same and scene.stat().st_mtime >= (job / "result.json").stat().st_mtime
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return False


def row_of(item: Item, state: str, seconds: float, job: Path, outcome: str) -> Row:
    """A row with what the job wrote about itself, where it did."""
    row = Row(item.name, state, seconds, outcome=outcome, job=job, source=str(item.capture))
    try:
        record = json.loads((job / "result.json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return row
    if state == "done" and isinstance(record, dict):
        row.metrics = {k: v for k, v in record.get("metrics", {}).items() if isinstance(v, (int, float))}
        row.notes = [str(w.get("message", "")) for w in record.get("warnings", [])]
        used, registered = row.metrics.get("frames_used"), row.metrics.get("frames_registered")
        row.photos = f"{registered:.0f}/{used:.0f}" if used and registered is not None else ""
    return row


def backend_session(arguments: argparse.Namespace) -> Any:
    """The session with the backend whose Python ``--python`` or ``TURNAROUND_PYTHON`` names."""
    from turnaround.addon import process
    from turnaround.addon.session import Session

    python = process.find_python(arguments.python, None)
    if python is None:
        wanted = arguments.python or os.environ.get(process.PYTHON_VARIABLE, "") or "none"
        raise ValueError(f"expected the backend's Python in --python or {process.PYTHON_VARIABLE}, got {wanted}")
    return Session(python, arguments.out.resolve() / "jobs" / "backend.log")


class Batch:
    """One batch: its rows so far, and what saves scenes."""

    def __init__(self, arguments: argparse.Namespace, items: list[Item]) -> None:
        self.arguments, self.items = arguments, items
        self.rows: dict[str, Row] = {}
        self.catalog = scenes.catalog_in(arguments.out) if arguments.assets else ""

    def job(self, item: Item) -> Path:
        """Where the capture's job is kept."""
        return self.arguments.out / "jobs" / item.name

    def scene(self, item: Item) -> Path:
        """The file that holds the capture's result."""
        return self.arguments.out / f"{self.arguments.one or item.name}.blend"

    def tasks(self, made: argparse.ArgumentParser, argv: list[str]) -> list[crew.Task]:
        """What is left to do; what is done already becomes a row."""
        left = []
        for item in self.items:
            own = made.parse_args([*argv, *item.flags]) if item.flags else self.arguments
            job = self.job(item)
            task = crew.Task(item, job, lambda item=item, own=own, job=job: spec_of(item, own, job))
            try:
                kept = not self.arguments.again and is_kept(job, self.scene(item), task.spec())
            except ValueError:
                kept = False  # said when its turn comes
            if kept:
                self.note(row_of(item, "done", 0.0, job, str(self.scene(item))))
            else:
                left.append(task)
        return left

    def take(self, ended: crew.Ended) -> None:
        """Save the scene of a job that is done; a failure is a row, not an exception."""
        item, state, outcome = ended.task.item, ended.state, ended.reason
        if state == "done":
            outcome = str(self.scene(item))
            try:
                if not self.arguments.one:
                    scenes.save_each(ended.task.job, self.scene(item), self.catalog)
            except (ValueError, OSError, RuntimeError) as error:
                state, outcome = "failed", f"import: {error}"
        self.note(row_of(item, state, ended.seconds, ended.task.job, outcome))

    def note(self, row: Row) -> None:
        """Keep a row, and let the summary on disk say so."""
        self.rows[row.capture] = row
        if row.state != "done":
            print(f"{row.capture}: {row.outcome}", file=sys.stderr, flush=True)
        summary.write(self.ordered(), self.arguments.out)

    def ordered(self) -> list[Row]:
        """The rows in the order of the captures."""
        return [self.rows[item.name] for item in self.items if item.name in self.rows]

    def save_one(self) -> None:
        """All that is done into one file."""
        done = [item for item in self.items if (row := self.rows.get(item.name)) and row.state == "done"]
        if not done:
            return
        try:
            scenes.save_all([self.job(item) for item in done], self.scene(done[0]), self.catalog)
        except (ValueError, OSError, RuntimeError) as error:
            for item in done:
                self.note(row_of(item, "failed", self.rows[item.name].seconds, self.job(item), f"import: {error}"))


def main(argv: list[str]) -> int:
    """Run all captures; the exit status."""
    mount()
    if importlib.util.find_spec("bpy") is None:
        print("batch.py runs inside Blender, or in a Python that has the bpy module.", file=sys.stderr)
        return 2
    made = parser()
    arguments = made.parse_args(argv)
    try:
        items = plan(arguments.captures, arguments.find, arguments.list)
        if not items or arguments.workers < 1:
            raise ValueError("expected at least one capture and one worker")
        arguments.out.mkdir(parents=True, exist_ok=True)
        batch = Batch(arguments, items)
        tasks = batch.tasks(made, argv)
        workers = crew.Crew([backend_session(arguments) for _ in range(min(arguments.workers, max(len(tasks), 1)))])
    except ValueError as error:
        made.error(str(error))
    interrupted = False
    try:
        for ended in workers.run(tasks):
            batch.take(ended)
        if arguments.one and tasks:
            batch.save_one()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        workers.stop()
    print(table(batch.ordered()), flush=True)
    if interrupted:
        return 130
    return 0 if all(row.state == "done" for row in batch.ordered()) else 1


if __name__ == "__main__":
    # Blender hands its own arguments over as well; ours follow the first "--".
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    sys.exit(main(own))
