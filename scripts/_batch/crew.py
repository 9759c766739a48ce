# SPDX-License-Identifier: GPL-3.0-or-later
"""Several backends at once: each takes the next capture when it is free. One thread; nothing here waits for another."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .plan import Item

_PAUSE = 0.02


@dataclass
class Task:
    """A capture's job, not yet begun: how to make its spec, and where it is kept."""

    item: Item
    job: Path
    spec: Callable[[], Any]


@dataclass
class Ended:
    """How a task ended: ``state`` done, failed or cancelled, and why."""

    task: Task
    state: str
    seconds: float
    reason: str = ""


class Crew:
    """``sessions``: what runs jobs, one at a time each (``addon.session.Session``)."""

    def __init__(self, sessions: list[Any]) -> None:
        self.sessions = sessions
        self._running: dict[int, tuple[Task, float, str]] = {}

    def run(self, tasks: list[Task]) -> Iterator[Ended]:
        """Run all tasks, as many at once as there are sessions; yields each as it ends."""
        waiting = list(tasks)
        while waiting or self._running:
            for number, session in enumerate(self.sessions):
                if number not in self._running and waiting:
                    task = waiting.pop(0)
                    try:
                        session.submit(task.spec())
                    except ValueError as error:
                        yield Ended(task, "failed", 0.0, str(error))
                        continue
                    self._running[number] = (task, time.monotonic(), "")
            for number in list(self._running):
                self.sessions[number].pump()
                self._tell(number)
                if not self.sessions[number].busy:
                    yield self._ended(number)
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """End all jobs and all backends; finished stages are kept."""
        for session in self.sessions:
            session.stop()

    def _tell(self, number: int) -> None:
        """Say on stderr when a job enters another stage."""
        task, start, said = self._running[number]
        job = self.sessions[number].job
        if job.stage and job.stage != said:
            print(f"{task.item.name}: {job.fraction:4.0%}  {job.stage}", file=sys.stderr, flush=True)
            self._running[number] = (task, start, job.stage)

    def _ended(self, number: int) -> Ended:
        """Take a job that has ended off its session."""
        task, start, _ = self._running.pop(number)
        session = self.sessions[number]
        problem = session.job.problem
        where = f"{problem.stage}: " if problem and problem.stage else ""
        reason = f"{where}{problem.message} {problem.hint}".strip() if problem else ""
        return Ended(task, session.state.value, time.monotonic() - start, reason or session.state.value)
