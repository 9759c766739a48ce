# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this computer: what runs, what waits, what ended and how. No Blender here.

``pump`` follows the session's job and starts the next one when it is free. The list lies in a file beside the jobs, so
that after Blender was closed or killed a job can be found and go on. Several Blenders share the file: each writes only
what it changed itself, and sees the others' jobs, which it leaves alone while their Blender lives.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..protocol import JobSpec, from_dict, to_dict
from .holding import Alive, locked
from .naming import capture_name
from .session import Problem, Session, State

WAITING, RUNNING, DONE, FAILED, CANCELLED, STOPPED = "waiting", "running", "done", "failed", "cancelled", "stopped"
OPEN = frozenset({WAITING, RUNNING})
_ENDED = {State.DONE: DONE, State.FAILED: FAILED, State.CANCELLED: CANCELLED}
_KEPT = 50
_LOCK_SECONDS = 0.05
"""Longer than another Blender needs to write the list; where it is not enough, the next ``pump`` tries again."""
_LOOK_SECONDS = 2.0
_CLOSED = "Blender was closed. Retry goes on from the last finished stage."


@dataclass
class Entry:
    """One job: its description, where it stands, and why it failed. ``owner``: the sign of the Blender it is open in.

    ``elsewhere``: it is open in another Blender, which lives.
    """

    spec: JobSpec
    state: str = WAITING
    reason: str = ""
    code: str = ""
    added: float = field(default_factory=time.time)
    owner: str = ""
    elsewhere: bool = False

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
        self.entries: list[Entry] = []
        self._alive = Alive(file.parent / "open")
        self._changed: set[str] = set()
        self._removed: set[str] = set()
        self._seen = 0
        self._next_look = 0.0
        self.look()

    def find(self, job: str) -> Entry | None:
        """The entry of the job in this folder."""
        return next((entry for entry in self.entries if entry.job == job), None)

    def look(self) -> bool:
        """Take in what other Blenders did, at most every two seconds; True where something changed."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK_SECONDS
        try:
            written = self.file.stat().st_mtime_ns
        except OSError:
            return False
        # Nobody writes down that a Blender was killed: where a job is open elsewhere, ask each time.
        if written == self._seen and not any(entry.elsewhere for entry in self.entries):
            return False
        before = [(e.job, e.state) for e in self.entries]
        self._merge()
        self._seen = written
        return before != [(e.job, e.state) for e in self.entries]

    def add(self, spec: JobSpec) -> Entry:
        """Let ``spec`` wait for its turn. Raises ``ValueError`` where its job waits or runs already."""
        spec.check()
        self._next_look = 0.0
        self.look()
        known = self.find(spec.job)
        if known is not None and known.state in OPEN:
            where = " in another Blender" if known.elsewhere else ""
            raise ValueError(f"This capture's job is {known.state} already{where}.")
        return self._enter(Entry(spec))

    def started(self, spec: JobSpec) -> Entry:
        """Note a job that was handed to the session directly."""
        return self._enter(Entry(spec, RUNNING))

    def cancel(self, job: str, session: Session | None) -> None:
        """Stop a running job, or take a waiting one out of the queue; it stays in the list."""
        entry = self.find(job)
        if entry is None or entry.elsewhere:
            return
        if entry.state == WAITING:
            entry.state = CANCELLED
            self._save(entry)
        elif entry.state == RUNNING and session is not None and _is_of(session, entry):
            session.cancel()

    def retry(self, job: str, **changes: Any) -> None:
        """Let a job that has ended wait again; it goes on from its last finished stage. ``changes``: of its spec."""
        entry = self.find(job)
        if entry is not None and entry.state not in OPEN:
            self.add(dataclasses.replace(entry.spec, **changes))

    def remove(self, job: str) -> None:
        """Forget a job that neither runs nor waits; its folder stays. Raises ``ValueError`` for one that runs."""
        entry = self.find(job)
        if entry is not None and (entry.state == RUNNING or entry.elsewhere):
            raise ValueError("This job is running; cancel it first.")
        self.entries = [other for other in self.entries if other is not entry]
        self._removed.add(job)
        self._save()

    def leave(self) -> None:
        """This Blender ends, or the extension is disabled: what is still open here has stopped."""
        for entry in self.entries:
            if entry.state in OPEN and not entry.elsewhere:
                entry.state, entry.reason = STOPPED, _CLOSED
                self._changed.add(entry.job)
        if self._changed:
            self._save()
        self._alive.hide()

    @property
    def waiting(self) -> bool:
        """Whether a job waits for its turn."""
        return any(entry.state == WAITING and not entry.elsewhere for entry in self.entries)

    def pump(self, session: Session) -> bool:
        """Note how the session's job ended, and start the next one; True where something changed. Never blocks."""
        changed = self.look()
        for entry in self.entries:
            if entry.state == RUNNING and not entry.elsewhere and not (session.busy and _is_of(session, entry)):
                ended = _is_of(session, entry)
                entry.state = _ENDED.get(session.state, STOPPED) if ended else STOPPED
                problem = session.job.problem if ended and session.job and entry.state == FAILED else None
                entry.reason, entry.code = _reason(problem), problem.code if problem else ""
                self._changed.add(entry.job)
        following = next((e for e in self.entries if e.state == WAITING and not e.elsewhere), None)
        if following is not None and not session.busy:
            session.submit(following.spec)
            following.state = RUNNING
            self._changed.add(following.job)
        if self._changed or self._removed:
            self._save()
            changed = True
        return changed

    def _enter(self, entry: Entry) -> Entry:
        """Put an open entry at the end, in place of an earlier one of the same job."""
        entry.owner = self._alive.show()
        self.entries = [*(other for other in self.entries if other.job != entry.job), entry]
        self._save(entry)
        return entry

    def _merge(self) -> None:
        """Take the file's rows, except where this Blender knows better: what is open here and what it just changed."""
        ours = {e.job: e for e in self.entries if e.job in self._changed or (e.state in OPEN and not e.elsewhere)}
        known = {e.job: e for e in self.entries}
        merged = []
        for entry in _load(self.file):
            if entry.job in self._removed:
                continue
            if entry.job in ours:
                merged.append(ours.pop(entry.job))
                continue
            entry.elsewhere = entry.state in OPEN and entry.owner != self._alive.name and self._alive.of(entry.owner)
            if entry.state in OPEN and not entry.elsewhere:
                entry.state, entry.reason = STOPPED, _CLOSED
            same = known.get(entry.job)
            if same is not None:
                # Who holds the entry sees it change.
                vars(same).update(vars(entry))
            merged.append(same or entry)
        self.entries = [*merged, *ours.values()]

    def _save(self, entry: Entry | None = None) -> None:
        """Write what changed into the list; the file appears whole. Open entries are kept, of the others the newest."""
        if entry is not None:
            self._changed.add(entry.job)
        with locked(self.file.with_name(f".{self.file.name}.lock"), _LOCK_SECONDS) as held:
            if not held:
                return  # ``pump`` comes again
            self._merge()
            self.entries.sort(key=lambda e: e.added)
            ended = [e for e in self.entries if e.state not in OPEN][-_KEPT:]
            self.entries = [e for e in self.entries if e.state in OPEN or e in ended]
            unfinished = self.file.with_name(f".{self.file.name}.{os.getpid()}.part")
            unfinished.write_text(
                json.dumps([_row(e) for e in self.entries], ensure_ascii=False, indent=1), encoding="utf-8"
            )
            unfinished.replace(self.file)
            self._seen = self.file.stat().st_mtime_ns
        self._changed.clear()
        self._removed.clear()


def _row(entry: Entry) -> dict[str, Any]:
    """An entry as the file has it."""
    plain = {name: getattr(entry, name) for name in ("state", "reason", "code", "added", "owner")}
    return {"spec": to_dict(entry.spec), **plain}


def _load(file: Path) -> list[Entry]:
    """The entries of the file. A broken row is left out."""
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
        added = float(row.get("added", 0.0))
        reason, code, owner = (str(row.get(name, "")) for name in ("reason", "code", "owner"))
        return Entry(spec, str(row["state"]), reason, code, added, owner)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _is_of(session: Session, entry: Entry) -> bool:
    """Whether the session's job, running or ended, is this entry's."""
    return session.job is not None and session.job.spec.job == entry.job


def _reason(problem: Problem | None) -> str:
    """Why a job failed, in one line."""
    if problem is None:
        return ""
    where = f"{problem.stage}: " if problem.stage else ""
    return f"{where}{problem.message} {problem.hint}".strip()
