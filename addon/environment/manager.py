# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's hold on the backend's environment: its state, the one button that fits it, and the running builder.

``status`` is cheap enough to be called while drawing; ``pump`` takes in what the builder has said and never blocks.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ..client import Client
from . import layout, tools
from .lock import PATH, TITLES, Build, File, Lock, LockError
from .machine import this_platform

SCRIPT = Path(__file__).resolve().with_name("__main__.py")
BACKEND = Path(__file__).resolve().parents[2] / "backend" / "__main__.py"
CANCEL_SECONDS = 4.0
"""A builder that has not ended by then is killed: what is on disk can be gone on with at any moment."""
_LOOK_SECONDS = 1.0


class State(Enum):
    """What the backend's environment is, as a person sees it."""

    ABSENT = "absent"
    INSTALLING = "installing"
    INCOMPLETE = "incomplete"
    READY = "ready"
    OUTDATED = "outdated"
    BROKEN = "broken"


class Action(Enum):
    """What the one button does."""

    INSTALL = "install"
    CANCEL = "cancel"
    CONTINUE = "continue"
    UPDATE = "update"
    REPAIR = "repair"
    CHECK = "check"
    CHOOSE = "choose"


BUTTONS = {
    State.ABSENT: Action.INSTALL,
    State.INSTALLING: Action.CANCEL,
    State.INCOMPLETE: Action.CONTINUE,
    State.READY: Action.CHECK,
    State.OUTDATED: Action.UPDATE,
    State.BROKEN: Action.REPAIR,
}


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why the last action ended: a code, the cause, the way out."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the builder is. ``done`` and ``total``: bytes while it downloads, else packages; 0 where not known."""

    step: int = 0
    steps: int = 0
    title: str = ""
    text: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Share of this step, in [0, 1]."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total else 0.0

    @property
    def line(self) -> str:
        """One line that says it all."""
        if not self.step:
            return "Starting"
        amount = ""
        if self.title == "Downloading" and self.total:
            amount = f": {self.done / 1e6:.0f} of {self.total / 1e6:.0f} MB"
        return f"{self.step} of {self.steps}  {self.title}{amount}"


@dataclass(frozen=True, kw_only=True)
class Status:
    """The state, a line about it, the button that fits, and the interpreter (None where the backend cannot start)."""

    state: State
    text: str
    button: Action
    python: Path | None = None


@dataclass(kw_only=True)
class Settings:
    """What the user decides. ``chosen``: an interpreter of their own, which is then never changed here."""

    root: Path
    pythons: list[str]
    chosen: Path | None = None
    packages: str = ""
    online: bool = False


class Manager:
    """The environment in one folder. ``in_use`` says whether the backend runs from it right now."""

    def __init__(
        self, settings: Settings, in_use: Callable[[], bool] = bool, lock: Path = PATH, backend: Path = BACKEND
    ) -> None:
        self.settings = settings
        self.progress = Progress()
        self.trouble: Trouble | None = None
        self.survey: dict[str, Any] = {}
        self._in_use = in_use
        self._lock = lock
        self._backend = backend
        self._action = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        self._deadline = 0.0
        self._outcome = ""
        self._seen: tuple[float, Status] | None = None
        self._keys: dict[str, set[str]] = {}

    # State ------------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether the builder is at work on what the user asked for."""
        return self._child is not None and self._action not in {"survey", "sweep"}

    @property
    def running(self) -> bool:
        """Whether there is anything to pump."""
        return self._child is not None

    @property
    def action(self) -> str:
        """What the builder does: install, check, remove, or an empty string."""
        return self._action if self.busy else ""

    def status(self) -> Status:
        """The state now; looks at the disk at most once a second."""
        if self.busy:
            verbs = {"check": "Checking", "remove": "Removing"}
            text = verbs.get(self._action, self.progress.line)
            return Status(state=State.INSTALLING, text=text, button=Action.CANCEL, python=self.python())
        now = time.monotonic()
        if self._seen is None or now - self._seen[0] > _LOOK_SECONDS:
            self._seen = (now, self._look())
        return self._seen[1]

    def python(self) -> Path | None:
        """The interpreter to start the backend with; None where there is none."""
        if self.settings.chosen is not None:
            return self.settings.chosen if self.settings.chosen.is_file() else None
        return layout.interpreter(self.settings.root)

    def forget(self) -> None:
        """Look at the disk again at the next ``status``."""
        self._seen = None

    def _look(self) -> Status:
        """The state by what lies on disk."""
        chosen, root = self.settings.chosen, self.settings.root
        python = self.python()
        if chosen is not None:
            if python is None:
                return Status(state=State.BROKEN, text=f"There is no Python at {chosen}", button=Action.CHOOSE)
            failed = self.trouble is not None and self.trouble.code == "broken"
            state = State.BROKEN if failed else State.READY
            button = Action.CHOOSE if failed else Action.CHECK
            return Status(state=state, text=f"Uses {python}", button=button, python=python)
        now = layout.installed(root)
        interrupted = (root / layout.BUILDING).is_file()
        if now is None:
            state = State.INCOMPLETE if interrupted else State.ABSENT
            text = "The installation was interrupted" if interrupted else "The backend is not installed"
            return Status(state=state, text=text, button=BUTTONS[state])
        state, text = State.READY, f"Ready: {TITLES.get(now.build, now.build)}, {now.bytes / 1e9:.1f} GB"
        if python is None:
            state, text = State.BROKEN, "Files of the backend are missing"
        elif not Path(now.base).exists():
            state, text = State.BROKEN, f"The Python it was made from is gone: {now.base}"
        elif now.problem:
            state, text = State.BROKEN, now.problem
        elif not self._is_current(now):
            state, text = State.OUTDATED, "This version needs other packages"
        return Status(state=state, text=text, button=BUTTONS[state], python=python if state != State.BROKEN else None)

    def _is_current(self, now: layout.Installed) -> bool:
        """Whether it was made of what the lock names for one of this system's builds."""
        if now.python not in self._keys:
            self._keys[now.python] = _keys(self._lock, now.python)
        return now.key in self._keys[now.python]

    # Actions ----------------------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Install, go on, update or repair: a new environment beside the old one, which it then replaces."""
        self._start("install")

    def remove(self) -> None:
        """Delete the environment and the downloads. Raises ``ValueError`` while the backend runs from it."""
        if self._in_use():
            raise ValueError("The backend is at work: cancel the job first.")
        self._start("remove")

    def check(self) -> None:
        """Load every library, ask the backend, and note the outcome."""
        self._start("check")

    def look_around(self) -> None:
        """Find out what would be installed here; ``survey`` has the answer later. Touches neither disk nor network."""
        if self._child is None and not self.survey:
            self._start("survey")

    def cancel(self) -> None:
        """Stop; what has been downloaded stays. ``pump`` reports the end."""
        if self._client is not None and not self._deadline:
            self._client.close()
            self._deadline = time.monotonic() + CANCEL_SECONDS

    def stop(self) -> None:
        """End the builder at once: Blender quits, or the extension is disabled. Safe at any time, and twice."""
        child, client = self._child, self._client
        self._child = self._client = None
        self._deadline = 0.0
        if client is not None:
            client.close()
        if child is not None:
            child.kill()
            child.wait()

    def pump(self) -> bool:
        """Take in what the builder has said; True where something changed."""
        client = self._client
        if client is None:
            return False
        changed = False
        for message in client.receive():
            changed = True
            self._take(message)
        if client.ended:
            self._ended()
            return True
        if self._deadline and time.monotonic() > self._deadline and self._child is not None:
            self._child.kill()
        return changed

    def wait(self, seconds: float = 3600.0) -> Status:
        """Pump until the builder has ended (no window, tests). Returns the state."""
        end = time.monotonic() + seconds
        while self.running and time.monotonic() < end:
            self.pump()
            time.sleep(0.02)
        return self.status()

    def _start(self, action: str) -> None:
        """Start the builder. Raises ``ValueError`` where it is at work already."""
        if self._child is not None:
            if self._action not in {"survey", "sweep"}:
                raise ValueError("The backend's environment is being worked on.")
            self.stop()
        self.progress, self._outcome, self._action = Progress(), "", action
        if action not in {"survey", "sweep"}:
            self.trouble = None
        self.forget()
        plan = self._plan(action)
        # Any Python runs the builder; which one makes the environment, the builder decides.
        python = next((path for path in self.settings.pythons if Path(path).is_file()), "python3")
        try:
            self._child = subprocess.Popen(
                [python, "-I", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=tools.clean_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            hint = "Install Python 3.11 or newer, or use an existing environment."
            self.trouble = Trouble(code="no_python", message=f"{python} cannot be started: {error}.", hint=hint)
            return
        if self._child.stdin is None or self._child.stdout is None:
            raise RuntimeError("expected pipes to the builder, got none")
        with suppress(OSError):  # it may have died already: ``pump`` says so
            self._child.stdin.write(json.dumps(plan).encode() + b"\n")
            self._child.stdin.flush()
        self._client = Client(self._child.stdin, self._child.stdout)

    def _plan(self, action: str) -> dict[str, Any]:
        settings = self.settings
        chosen = str(settings.chosen) if settings.chosen and action == "check" else ""
        return {
            "action": action, "root": str(settings.root), "lock": str(self._lock), "backend": str(self._backend),
            "pythons": settings.pythons, "packages": settings.packages, "online": settings.online,
            "in_use": self._in_use(), "chosen": chosen,
        }  # fmt: skip

    def _take(self, event: dict[str, Any]) -> None:
        """One event of the builder."""
        kind = event.pop("event", "")
        if kind == "progress":
            self.progress = Progress(**event)
        elif kind == "build":
            self.survey = event
        elif kind == "failed":
            if self._action not in {"survey", "sweep"}:
                self.trouble = Trouble(**event)
            self._outcome = kind
        elif kind in {"done", "cancelled"}:
            self._outcome = kind

    def _ended(self) -> None:
        """The builder has closed its end."""
        child, client, action, cancelled = self._child, self._client, self._action, bool(self._deadline)
        self._child = self._client = None
        self._deadline = 0.0
        if client is not None:
            client.close()
        if child is not None:
            child.wait()
        self.forget()
        if not self._outcome and not cancelled and action not in {"survey", "sweep"}:
            status = child.returncode if child is not None else None
            message = f"The installer stopped unexpectedly (exit status {status})."
            self.trouble = Trouble(code="died", message=message, hint="Try again: what has come so far is kept.")
        if action == "survey" and not self.survey:
            self.survey = {"title": ""}

    def tidy(self) -> None:
        """Delete what an update left because the backend was running from it; asked for when it no longer is."""
        if self._child is None and not self._in_use() and layout.unused(self.settings.root):
            self._start("sweep")


def _keys(path: Path, python: str) -> set[str]:
    """Keys of all builds for this system and a Python; empty where the lock cannot be read."""
    try:
        return {build.key for build in Lock(path).builds(this_platform(), python)}
    except LockError:
        return set()


__all__ = ["BUTTONS", "Action", "Build", "File", "Manager", "Progress", "Settings", "State", "Status", "Trouble"]
