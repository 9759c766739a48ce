# SPDX-License-Identifier: GPL-3.0-or-later
"""The one owner of the running backend: what it does now, how far it is, and what went wrong. No Blender here.

``pump`` takes in what the backend has said since the last call. A timer calls it in Blender's window; ``wait`` calls it
in a loop where there is no window (``blender --background``, the bpy module, the batch). Both see the same states.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ..protocol import ERRORS, VERSION, JobSpec, to_dict
from . import process
from .client import Client, Closed

HELLO_SECONDS = 60.0
"""A first start on a cold disk compiles bytecode; measured 3 s, given much more."""
CANCEL_SECONDS = 12.0
"""The backend ends its worker by force after 5 s; if it does not answer by then, it is ended itself."""
_REMEDIES = ERRORS | {"backend_missing": "repair_backend", "backend_died": "run_again"}


class State(Enum):
    """Where the job of this session stands."""

    IDLE = "idle"
    STARTING = "starting"
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


BUSY = frozenset({State.STARTING, State.QUEUED, State.RUNNING, State.CANCELLING})


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a person is told: the cause, the way out, and the id of a remedy that a button can offer."""

    code: str
    message: str
    hint: str = ""
    stage: str = ""

    @property
    def remedy(self) -> str:
        """A remedy id of ``protocol.ERRORS``, or an empty string."""
        return remedy_for(self.code)


def remedy_for(code: str) -> str:
    """The remedy of an error code, as ``Problem.remedy`` has it."""
    return _REMEDIES.get(code, "")


@dataclass
class Job:
    """The job as the panel shows it. ``fraction`` of the whole job in [0, 1], ``seconds_left`` None while unknown."""

    spec: JobSpec
    id: str = ""
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    seconds_left: float | None = None
    preview: str = ""
    result: str = ""
    problem: Problem | None = None
    warnings: list[Problem] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)


Answer = Callable[[dict[str, Any] | None, Problem | None], None]


class Session:
    """Talks to one backend process, started on first use, and follows one job at a time."""

    def __init__(self, python: Path | None, log: Path, script: Path = process.SCRIPT) -> None:
        self.python = python
        self.log = log
        self.script = script
        self.state = State.IDLE
        self.job: Job | None = None
        self.capabilities: dict[str, Any] = {}
        self.used = time.monotonic()
        self._child: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        self._ready = False
        self._deadline = 0.0
        self._waiting: dict[int, Answer] = {}
        self._held: list[tuple[str, dict[str, Any], Answer]] = []

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self.state in BUSY

    @property
    def active(self) -> bool:
        """Whether there is anything to pump: a job, or an answer that is awaited."""
        return self.busy or bool(self._waiting) or bool(self._held)

    @property
    def running(self) -> bool:
        """Whether a backend process lives."""
        return self._child is not None and self._child.poll() is None

    def submit(self, spec: JobSpec) -> None:
        """Start ``spec``. Raises ``ValueError`` where a job runs already or the description is out of range."""
        if self.busy:
            raise ValueError("A job is running; cancel it or wait for it.")
        spec.check()
        self.job = Job(spec)
        self.state = State.STARTING
        self.call("submit", {"spec": to_dict(spec)}, self._submitted)

    def cancel(self) -> None:
        """Ask the backend to stop the job; what finished stages left is kept. ``pump`` reports the end."""
        if not self.busy or self.state is State.CANCELLING or self.job is None:
            return
        if not self.job.id:
            # The backend has not even taken the job: nothing is lost by ending it.
            self.stop()
            self._finish(State.CANCELLED)
            return
        self.state = State.CANCELLING
        self._deadline = time.monotonic() + CANCEL_SECONDS
        self.call("cancel", {"id": self.job.id}, lambda _result, _problem: None)

    def call(self, method: str, params: dict[str, Any], answer: Answer) -> None:
        """Send a request; ``answer(result, problem)`` is called from ``pump``, with one of the two."""
        self.used = time.monotonic()
        self._held.append((method, params, answer))
        if not self.running or self._client is None:
            self._start()
        elif self._ready:
            self._release()

    def ask(self, method: str, params: dict[str, Any], seconds: float = 120.0) -> dict[str, Any]:
        """Send a request and wait for its result. Raises ``ValueError`` with cause and way out where it fails."""
        answers: list[tuple[dict[str, Any] | None, Problem | None]] = []
        self.call(method, params, lambda result, problem: answers.append((result, problem)))
        end = time.monotonic() + seconds
        while not answers and time.monotonic() < end:
            self.pump()
            time.sleep(0.01)
        result, problem = answers[0] if answers else (None, Problem(code="internal", message="No answer came."))
        if problem is not None or result is None:
            cause = problem or Problem(code="internal", message="An empty answer came.")
            raise ValueError(f"{cause.message} {cause.hint}".strip())
        return result

    def wait(self, heard: Callable[[Job], None] | None = None) -> State:
        """Pump until the job has ended; ``heard`` is called whenever something changed. Returns the final state."""
        while self.busy:
            if self.pump() and heard is not None and self.job is not None:
                heard(self.job)
            time.sleep(0.02)
        return self.state

    def pump(self) -> bool:
        """Take in what the backend has said; True where something changed. Never blocks."""
        client = self._client
        if client is None:
            return False
        changed = False
        for message in client.receive():
            changed = True
            self._take(message)
        if client.ended and client is self._client:
            self._died()
            return True
        if self._deadline and time.monotonic() > self._deadline:
            self._overdue()
            return True
        return changed

    def stop(self) -> None:
        """End the backend: ask, close its input, wait a moment, kill. Safe to call at any time, and twice."""
        client, child = self._client, self._child
        self._client = self._child = None
        self._ready, self._deadline = False, 0.0
        self._waiting.clear()
        self._held.clear()
        if client is not None and child is not None:
            if child.poll() is None:
                # Where it went first, that is what was wanted.
                with contextlib.suppress(Closed):
                    client.send("shutdown", {})
            client.close()
            process.end(child)
        if self.busy:
            self._finish(State.CANCELLED)

    def _start(self) -> None:
        """Start the child and greet it; what can be said about a failure becomes the job's problem."""
        if self.python is None:
            self._give_up(
                Problem(
                    code="backend_missing",
                    message="The backend's Python was not found.",
                    hint="Set it in the preferences of Turnaround, or in TURNAROUND_PYTHON.",
                )
            )
            return
        try:
            self._child = process.start(self.python, self.log, self.script)
        except OSError as error:
            hint = "Choose another interpreter in the preferences of Turnaround."
            self._give_up(Problem(code="backend_missing", message=f"The backend cannot start: {error}.", hint=hint))
            return
        if self._child.stdin is None or self._child.stdout is None:
            raise RuntimeError("expected pipes to the backend, got none")
        self._client = Client(self._child.stdin, self._child.stdout)
        self._ready = False
        self._deadline = time.monotonic() + HELLO_SECONDS
        self._send("hello", {"version": VERSION}, self._greeted)

    def _greeted(self, result: dict[str, Any] | None, problem: Problem | None) -> None:
        """Take the answer to ``hello``: other versions end it here, with a remedy."""
        self._deadline = 0.0
        theirs = result.get("version") if result else None
        if problem is None and theirs != VERSION:
            problem = Problem(
                code="version_mismatch",
                message=f"The backend speaks version {theirs}, this extension version {VERSION}.",
                hint="Install the backend that belongs to this extension.",
            )
        if problem is not None:
            self._give_up(problem)
            self.stop()
            return
        self.capabilities = dict((result or {}).get("capabilities") or {})
        self._ready = True
        self._release()

    def _release(self) -> None:
        """Send what was held back."""
        held, self._held = self._held, []
        for method, params, answer in held:
            self._send(method, params, answer)

    def _send(self, method: str, params: dict[str, Any], answer: Answer) -> None:
        """Send one request now; a closed pipe is noticed by the next ``pump``, which knows why."""
        if self._client is None:
            return
        try:
            self._waiting[self._client.send(method, params)] = answer
        except Closed:
            self._held.append((method, params, answer))

    def _take(self, message: dict[str, Any]) -> None:
        """One message: an event, or the answer to a request."""
        if message.get("method") == "event":
            params = message.get("params")
            self._event(params if isinstance(params, dict) else {})
            return
        answer = self._waiting.pop(message.get("id", 0), None)
        if answer is None:
            return
        error = message.get("error")
        if isinstance(error, dict):
            answer(None, _problem(error))
        else:
            result = message.get("result")
            answer(result if isinstance(result, dict) else {}, None)

    def _submitted(self, result: dict[str, Any] | None, problem: Problem | None) -> None:
        """Take the answer to ``submit``."""
        if self.job is None or not self.busy:
            return
        if problem is not None:
            self.job.problem = problem
            self._finish(State.FAILED)
            return
        self.job.id = str((result or {}).get("id", ""))
        if self.state is State.STARTING:
            self.state = State.QUEUED

    def _event(self, event: dict[str, Any]) -> None:
        """Take one ``protocol.Event`` of our job; an event names it by its folder."""
        job = self.job
        if job is None or not self.busy or event.get("job") != job.spec.job:
            return
        kind = event.get("kind")
        if kind == "queued" and self.state is State.STARTING:
            self.state = State.QUEUED
        elif kind == "started" and self.state is not State.CANCELLING:
            self.state = State.RUNNING
        elif kind == "progress":
            if self.state is not State.CANCELLING:
                self.state = State.RUNNING
            job.stage, job.message = event.get("stage", ""), event.get("message", "")
            job.fraction = min(max(float(event.get("fraction", 0.0)), 0.0), 1.0)
            job.seconds_left = event.get("seconds_left")
            # Few events carry a picture; the last one stays until the next.
            job.preview = event.get("preview") or job.preview
        elif kind == "stage_finished":
            job.finished.append(event.get("stage", ""))
        elif kind == "warning":
            job.warnings.append(_problem(event))
        elif kind == "done":
            job.fraction, job.result = 1.0, event.get("result", "")
            self._finish(State.DONE)
        elif kind == "failed":
            job.problem = _problem(event)
            self._finish(State.CANCELLED if job.problem.code == "cancelled" else State.FAILED)

    def _finish(self, state: State) -> None:
        """The job has ended."""
        self.state = state
        self.used = time.monotonic()
        if self._ready:
            self._deadline = 0.0

    def _died(self) -> None:
        """The backend closed its end without being asked to."""
        child = self._child
        if child is not None:
            process.end(child, 1.0)
        status = child.returncode if child is not None else None
        started = self._ready
        message = f"The backend stopped unexpectedly (exit status {status})."
        said = process.tail(self.log)
        again = "Run again: the job goes on from its last finished stage."
        hint = again if started else "Check the backend's Python in the preferences of Turnaround."
        if said:
            hint += f" It last said: {said}"
        if self._client is not None:
            self._client.close()
        self._client = self._child = None
        self._ready, self._deadline = False, 0.0
        if self.state is State.CANCELLING:
            self._finish(State.CANCELLED)
        self._give_up(Problem(code="backend_died" if started else "backend_missing", message=message, hint=hint))

    def _overdue(self) -> None:
        """No greeting, or no end after a cancel: the backend hangs, so it is ended by force."""
        child, cancelled = self._child, self.state is State.CANCELLING
        if child is not None:
            child.kill()
        if cancelled:
            self._finish(State.CANCELLED)
        else:
            hint = "See the log, and check the backend's Python in the preferences."
            self._give_up(Problem(code="backend_missing", message="The backend does not answer.", hint=hint))
        self.stop()

    def _give_up(self, problem: Problem) -> None:
        """Tell everyone who waits that nothing will come."""
        answers = [*self._waiting.values(), *(answer for _, _, answer in self._held)]
        self._waiting.clear()
        self._held.clear()
        if self.busy and self.job is not None:
            self.job.problem = problem
            self._finish(State.FAILED)
        for answer in answers:
            if answer not in {self._submitted, self._greeted}:
                answer(None, problem)


def _problem(data: dict[str, Any]) -> Problem:
    """A problem from an event, or from a JSON-RPC error, whose ``data`` holds our code and hint."""
    inner = data.get("data")
    details = inner if isinstance(inner, dict) else data
    code = details.get("code")
    return Problem(
        code=code if isinstance(code, str) else "internal",
        message=str(details.get("message") or data.get("message") or "The backend gave no reason."),
        hint=str(details.get("hint") or ""),
        stage=str(details.get("stage") or ""),
    )
