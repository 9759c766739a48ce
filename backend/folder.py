# SPDX-License-Identifier: GPL-3.0-or-later
"""The right to write into a job folder: it is this capture's, it lies outside the capture, and nobody else runs in it.

Nothing is ever deleted to make room: a folder that holds something else is refused.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from ..protocol import JobSpec, to_dict
from . import locks
from .errors import PipelineError
from .workspace import write_json

SPEC = "job.json"
LOG = "log.txt"
EVENTS = "events.jsonl"
_PLAIN_NAMES = {"images", "image", "photos", "pictures", "frames", "input", "rgb", "train"}


def default_folder(capture: Path, below: Path) -> Path:
    """``below/turnaround-jobs/<name>``; a capture called "images" or the like goes by the folder above it."""
    name = capture.stem if capture.is_file() else capture.name
    if name.casefold() in _PLAIN_NAMES and capture.parent.name:
        name = capture.parent.name
    return below / "turnaround-jobs" / (name or "capture")


@contextlib.contextmanager
def claimed(spec: JobSpec) -> Iterator[Path]:
    """Check, create and lock the job folder, and write ``job.json``. Raises ``PipelineError``."""
    root = check(spec)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locks.locked(root):
            check(spec)  # another process may have claimed the folder for its capture meanwhile
            write_json(root / SPEC, to_dict(spec))
            yield root
    except locks.LockedError as error:
        raise PipelineError(
            "job_busy",
            "",
            f"Another run (process {error.holder}) is at work in {root}.",
            "Wait for it, cancel it, or choose another job folder.",
        ) from error
    except PermissionError as error:
        raise PipelineError(
            "job_unwritable", "", f"The job folder {root} cannot be written ({error}).", "Choose another job folder."
        ) from error


def check(spec: JobSpec) -> Path:
    """The job folder, if this job may use it. Reads only. Raises ``PipelineError``."""
    capture, root = Path(spec.capture).resolve(), Path(spec.job).resolve()
    if not capture.exists():
        raise PipelineError("capture_missing", "", f"There is no capture at {capture}.", "Choose a folder of photos.")
    if root == capture or capture in root.parents:
        raise PipelineError(
            "job_unwritable",
            "",
            f"The job folder {root} lies in the capture folder, which is never written to.",
            "Choose a job folder elsewhere (--job DIR).",
        )
    if root.exists():
        _check_owner(root, capture)
    return root


def _check_owner(root: Path, capture: Path) -> None:
    """Refuse a folder that holds something else than this capture's job."""
    elsewhere = "Choose another job folder (--job DIR); nothing was changed."
    if not root.is_dir():
        raise PipelineError("job_foreign", "", f"{root} is a file, not a job folder.", elsewhere)
    try:
        before = json.loads((root / SPEC).read_text(encoding="utf-8"))["capture"]
    except FileNotFoundError:
        if foreign := [p.name for p in root.iterdir() if p.name not in {locks.NAME, f"{SPEC}.partial"}]:
            message = f"{root} is not empty and no job folder (it holds {sorted(foreign)[0]})."
            raise PipelineError("job_foreign", "", message, elsewhere) from None
        return
    except (OSError, ValueError, KeyError, TypeError):
        message = f"{root} has a {SPEC} that is none of Turnaround's."
        raise PipelineError("job_foreign", "", message, elsewhere) from None
    if Path(before).resolve() != capture:
        raise PipelineError("job_foreign", "", f"{root} is the job folder of another capture, {before}.", elsewhere)
