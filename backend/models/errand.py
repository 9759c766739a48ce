# SPDX-License-Identifier: GPL-3.0-or-later
"""One model at a time is fetched, taken in or deleted for a panel, which asks now and then how far it is."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import PipelineError
from . import download, registry, store
from .registry import Model

_VERBS = {"install": "Downloading", "import": "Checking"}


class _Stopped(Exception):  # noqa: N818 - no error
    """The user stopped it."""


@dataclass
class State:
    """What was asked for last: ``state`` is idle, running, done, stopped or failed; of a failure, cause and way out."""

    name: str = ""
    action: str = ""
    state: str = "idle"
    fraction: float = 0.0
    text: str = ""
    message: str = ""
    hint: str = ""


class Errand:
    """Works in a thread of its own; every method returns at once."""

    def __init__(self) -> None:
        self._state = State()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being fetched."""
        return self._thread is not None and self._thread.is_alive()

    def state(self) -> dict[str, Any]:
        """``State`` as plain values."""
        return asdict(self._state)

    def start(self, name: str, file: Path | None = None) -> None:
        """Fetch the model called ``name``, or take in ``file``. Raises ``PipelineError`` while another is fetched."""
        if self.busy:
            message = f"{self._state.name} is being fetched."
            raise PipelineError("bad_request", "", message, "Wait for it, or stop it.")
        model = _named(name)
        action = "install" if file is None else "import"
        self._stop.clear()
        self._state = State(name=name, action=action, state="running", text="Connecting")
        self._thread = threading.Thread(target=self._work, args=(model, file), name="models", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; what has come stays, and the next ``start`` goes on from there."""
        self._stop.set()

    def remove(self, name: str) -> bool:
        """Delete a model; whether there was one. Raises ``PipelineError`` where it is being fetched or in use."""
        model = _named(name)
        if self.busy and self._state.name == name:
            raise PipelineError("bad_request", "", f"{name} is being fetched.", "Stop that first.")
        try:
            return store.remove(model)
        except OSError as error:
            message = f"{name} cannot be deleted: {error.strerror or error}."
            raise PipelineError("bad_request", "", message, "Cancel the job that uses it, and try again.") from error

    def _work(self, model: Model, file: Path | None) -> None:
        """Run in the thread."""
        state = self._state
        try:
            if file is not None:
                store.take_copy(model, file, self._progress)
            elif not store.installed(model):
                download.install(model, self._progress)
        except _Stopped:
            state.state = "stopped"
        except PipelineError as error:
            state.message, state.hint = error.message, error.hint
            state.state = "failed"
        except OSError as error:
            state.message = f"{model.name} cannot be written: {error.strerror or error}."
            state.hint = f"It needs {model.size / 1e6:.0f} MB in {store.folder()}."
            state.state = "failed"
        else:
            state.fraction, state.state = 1.0, "done"

    def _progress(self, done: int, size: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._state.fraction = done / max(size, 1)
        self._state.text = f"{_VERBS[self._state.action]}: {done / 1e6:.0f} of {size / 1e6:.0f} MB"


def _named(name: str) -> Model:
    try:
        return registry.named(name)
    except ValueError as error:
        raise PipelineError(
            "bad_request", "", f"There is no model called {name}.", "See the list of models."
        ) from error
