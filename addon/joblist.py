# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this computer: what runs, what waits, what ended and how. No Blender here.

``pump`` follows the session's job and starts the next one when it is free. The list lies in a file beside the jobs, so
that after Blender was closed or killed a job can be found and go on.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..protocol import JobSpec, from_dict, to_dict
from .naming import capture_name
from .session import Problem, Session, State

WAITING, RUNNING, DONE, FAILED, CANCELLED, STOPPED = "waiting", "running", "done", "failed", "cancelled", "stopped"
OPEN = frozenset({WAITING, RUNNING})
_ENDED = {State.DONE: DONE, State.FAILED: FAILED, State.CANCELLED: CANCELLED}
_KEPT = 50


@dataclass
class Entry:
    """One job: its description, where it stands, and why it failed."""

    spec: JobSpec
    state: str = WAITING
    reason: str = ""
    added: float = field(default_factory=time.time)

    @property
    def title(self) -> str:
        """What the job is called: its capture and its preset."""
        return f"{capture_name(Path(self.spec.capture))}, {self.spec.preset}"

    @property
    def job(self) -> str:
        """The job's folder, by which it is known."""
        return self.spec.job


class JobList:
    """Entries in the order in which they were added; ``file`` keeps them."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: list[Entry] = _load(file)

    def find(self, job: str) -> Entry | None:
        """The entry of the job in this folder."""
        return next((entry for entry in self.entries if entry.job == job), None)

    def add(self, spec: JobSpec) -> Entry:
        """Let ``spec`` wait for its turn. Raises ``ValueError`` where its job waits or runs already."""
        spec.check()
        known = self.find(spec.job)
        if known is not None and known.state in OPEN:
            raise ValueError(f"This capture's job is {known.state} already.")
        self.entries = [entry for entry in self.entries if entry is not known]
        entry = Entry(spec)
        self.entries.append(entry)
        self._save()
        return entry

    def started(self, spec: JobSpec) -> Entry:
        """Note a job that was handed to the session directly."""
        self.entries = [entry for entry in self.entries if entry.job != spec.job]
        entry = Entry(spec, RUNNING)
        self.entries.append(entry)
        self._save()
        return entry

    def cancel(self, job: str, session: Session | None) -> None:
        """Stop a running job, or take a waiting one out of the queue; it stays in the list."""
        entry = self.find(job)
        if entry is None:
            return
        if entry.state == WAITING:
            entry.state = CANCELLED
            self._save()
        elif entry.state == RUNNING and session is not None and _is_of(session, entry):
            session.cancel()

    def retry(self, job: str) -> None:
        """Let a job that has ended wait again; it goes on from its last finished stage."""
        entry = self.find(job)
        if entry is not None and entry.state not in OPEN:
            self.add(entry.spec)

    def remove(self, job: str) -> None:
        """Forget a job that neither runs nor waits; its folder stays. Raises ``ValueError`` for one that runs."""
        entry = self.find(job)
        if entry is not None and entry.state == RUNNING:
            raise ValueError("This job is running; cancel it first.")
        self.entries = [other for other in self.entries if other is not entry]
        self._save()

    @property
    def waiting(self) -> bool:
        """Whether a job waits for its turn."""
        return any(entry.state == WAITING for entry in self.entries)

    def pump(self, session: Session) -> bool:
        """Note how the session's job ended, and start the next one; True where something changed. Never blocks."""
        changed = False
        for entry in self.entries:
            if entry.state == RUNNING and not (session.busy and _is_of(session, entry)):
                ended = _is_of(session, entry)
                entry.state = _ENDED.get(session.state, STOPPED) if ended else STOPPED
                entry.reason = _reason(session.job.problem) if ended and session.job and entry.state == FAILED else ""
                changed = True
        following = next((entry for entry in self.entries if entry.state == WAITING), None)
        if following is not None and not session.busy:
            session.submit(following.spec)
            following.state = RUNNING
            changed = True
        if changed:
            self._save()
        return changed

    def _save(self) -> None:
        """Write the list; the file appears whole. Open entries are always kept, of the others the newest."""
        ended = [entry for entry in self.entries if entry.state not in OPEN][-_KEPT:]
        self.entries = [entry for entry in self.entries if entry.state in OPEN or entry in ended]
        rows = [{"spec": to_dict(e.spec), "state": e.state, "reason": e.reason, "added": e.added} for e in self.entries]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_name(f".{self.file.name}.{os.getpid()}.part")
        unfinished.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
        unfinished.replace(self.file)


def _load(file: Path) -> list[Entry]:
    """The entries of the file; those that ran or waited when Blender ended have stopped. A broken row is left out."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return []
    found = [_entry(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [entry for entry in found if entry is not None]


def _entry(row: dict[str, Any]) -> Entry | None:
    """One row of the file, or None where it is none of ours."""
    try:
        spec = from_dict(JobSpec, row["spec"])
        spec.check()
        state, reason = str(row["state"]), str(row.get("reason", ""))
        added = float(row.get("added", 0.0))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if state in OPEN:
        state, reason = STOPPED, "Blender was closed. Retry goes on from the last finished stage."
    return Entry(spec, state, reason, added)


def _is_of(session: Session, entry: Entry) -> bool:
    """Whether the session's job, running or ended, is this entry's."""
    return session.job is not None and session.job.spec.job == entry.job


def _reason(problem: Problem | None) -> str:
    """Why a job failed, in one line."""
    if problem is None:
        return ""
    where = f"{problem.stage}: " if problem.stage else ""
    return f"{where}{problem.message} {problem.hint}".strip()
