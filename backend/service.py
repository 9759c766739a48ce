# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend as Blender keeps it: JSON-RPC 2.0, one object a line, on standard input and output.

Jobs run one after another, each in a worker process. The service ends when its input closes (the running job is
cancelled, nothing is left behind), on ``shutdown``, and after ``idle_seconds`` without a job or a request. A line that
is no request is answered by an error, never by a crash.
"""

from __future__ import annotations

import inspect
import json
import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..protocol import ERRORS, FINAL_EVENTS, RECIPES, REQUESTS, VERSION, Event, JobSpec, from_dict, to_dict
from . import device, jobs, stdio
from .errors import PipelineError
from .mask_session.host import Host
from .models.errand import Errand
from .result import product_version

IDLE_SECONDS = 1800.0
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
REFUSED = -32000
"""JSON-RPC's code for every ``PipelineError``; ``data`` has its code, hint and remedy."""
_KEPT = 50  # finished jobs that status still lists
LOG = logging.getLogger("turnaround")


@dataclass
class Job:
    """A submitted job. ``state``: queued, running, done, failed or cancelled."""

    id: str
    spec: JobSpec
    state: str = "queued"
    last: Event | None = None
    cancel: threading.Event = field(default_factory=threading.Event)

    def describe(self) -> dict[str, Any]:
        """One row of ``status``."""
        last = to_dict(self.last) if self.last else {}
        return {"id": self.id, "state": self.state, "job": self.spec.job, "capture": self.spec.capture, "last": last}


class RequestError(Exception):
    """A request that cannot be answered: JSON-RPC's code, and what was wrong."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Service:
    """Answers requests in one thread, runs jobs in a second, looks at pictures in a third."""

    def __init__(self, out: stdio.Lines, idle_seconds: float = IDLE_SECONDS, command: Sequence[str] | None = None):
        self._out = out
        self._idle_seconds = idle_seconds
        self._command = command
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._greeted = False
        self._slow = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pictures")
        self._masks = Host()
        self._errand = Errand()
        # One thread of its own: requests of a mask session are answered in order, and it may load a model first.
        self._mask_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="masks")
        self._pending = 0
        self._runner = threading.Thread(target=self._run_jobs, name="jobs")

    def serve(self) -> int:
        """Answer until the input closes, ``shutdown`` or idleness; return the exit status."""
        inbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_fill, args=(inbox,), name="stdin", daemon=True).start()
        self._runner.start()
        last = time.monotonic()
        while not self._closing and not self._out.broken:
            try:
                line = inbox.get(timeout=min(1.0, self._idle_seconds))
            except queue.Empty:
                if self._busy():
                    last = time.monotonic()
                if time.monotonic() - last > self._idle_seconds:
                    break
                continue
            if line is None:
                break
            last = time.monotonic()
            if line.strip():
                self._handle(line)
        self._close()
        return 0

    def _close(self) -> None:
        """Cancel everything and wait for the worker to be gone."""
        with self._changed:
            self._closing = True
            for job in self._jobs.values():
                job.cancel.set()
            self._changed.notify_all()
        self._slow.shutdown(wait=False, cancel_futures=True)
        self._errand.stop()
        self._masks.end()
        self._mask_thread.shutdown(wait=True, cancel_futures=True)
        self._runner.join()

    def _busy(self) -> bool:
        """Whether a job runs or waits, a picture is being looked at, or a model fetched."""
        return (
            self._pending > 0
            or self._errand.busy
            or any(j.state in {"queued", "running"} for j in list(self._jobs.values()))
        )

    # Requests ---------------------------------------------------------------------------------------------------------

    def _handle(self, line: str) -> None:
        """Answer one line."""
        number: Any = None
        try:
            number, method, params = parse(line)
            if not self._greeted and method != "hello":
                raise RequestError(INVALID_REQUEST, "expected 'hello' as the first request")
            pool = self._mask_thread if method.startswith("masks_") else self._slow
            if method in {"inspect", "preview", "convert", "doctor"} or pool is self._mask_thread:
                with self._changed:
                    self._pending += 1
                pool.submit(self._answer_slowly, number, method, params)
                return
        except RequestError as error:
            self._refuse(number, error)
            return
        self._answer(number, method, params)

    def _answer_slowly(self, number: Any, method: str, params: dict[str, Any]) -> None:
        try:
            self._answer(number, method, params)
        finally:
            with self._changed:
                self._pending -= 1

    def _answer(self, number: Any, method: str, params: dict[str, Any]) -> None:
        """Call the method and send its result or its error (a process edge: no request may end the service)."""
        handler = getattr(self, f"_on_{method}")
        try:
            inspect.signature(handler).bind(**params)
        except TypeError:
            self._refuse(number, RequestError(INVALID_PARAMS, f"expected {REQUESTS[method]}, got {sorted(params)}"))
            return
        try:
            self._send({"id": number, "result": handler(**params)})
        except (RequestError, PipelineError) as error:
            self._refuse(number, error)
        except Exception as error:  # noqa: BLE001 - the process edge
            LOG.error("%s", traceback.format_exc())
            self._refuse(number, RequestError(INTERNAL, f"{type(error).__name__}: {error}"))

    def _on_hello(self, version: int) -> dict[str, Any]:
        if version != VERSION:
            raise PipelineError(
                "version_mismatch",
                "",
                f"The add-on speaks version {version} of the protocol, the backend version {VERSION}.",
                "Repair the backend in the preferences, or restart Blender if the add-on has just been updated.",
            )
        self._greeted = True
        capabilities = {"devices": device.devices(), "recipes": list(RECIPES[1:]), "methods": sorted(REQUESTS)}
        return {"version": VERSION, "product": product_version(), "capabilities": capabilities}

    def _on_submit(self, spec: dict[str, Any]) -> dict[str, Any]:
        try:
            wanted = from_dict(JobSpec, spec)
            wanted.check()
        except (ValueError, TypeError, AttributeError) as error:
            raise RequestError(INVALID_PARAMS, str(error)) from error
        with self._changed:
            job = Job(id=f"job{len(self._jobs) + 1}", spec=wanted)
            self._jobs[job.id] = job
            self._queue.append(job)
            self._changed.notify_all()
        self._tell(job, Event(kind="queued", job=wanted.job, time=round(time.time(), 3)))
        return {"id": job.id}

    def _on_cancel(self, id: str) -> dict[str, Any]:
        job = self._jobs.get(id)
        if job is None:
            raise RequestError(INVALID_PARAMS, f"expected the id of a job, got {id!r}")
        open_yet = job.state in {"queued", "running"}
        job.cancel.set()
        return {"cancelled": open_yet}

    def _on_status(self) -> dict[str, Any]:
        return {"jobs": [job.describe() for job in list(self._jobs.values())[-_KEPT:]]}

    def _on_inspect(self, capture: str) -> dict[str, Any]:
        from . import capture as captures

        return captures.inspect(Path(capture))

    def _on_preview(self, capture: str, frame: str, max_side: int, folder: str) -> dict[str, Any]:
        from . import capture as captures

        return captures.preview(Path(capture), frame, max_side, Path(folder))

    def _on_convert(
        self, source: str, target: str, up: str = "", turn: str = "", transform: list[list[float]] | None = None
    ) -> dict[str, Any]:
        import numpy as np

        from .splat_files.convert import convert

        try:
            matrix = None if transform is None else np.array(transform, np.float64)
            return convert(Path(source), Path(target), up or None, turn or None, matrix)
        except (ValueError, OSError) as error:
            hint = "Check that the file opens in the program that wrote it, and export it from there again."
            raise PipelineError("splats_unreadable", "", f"{Path(source).name}: {error}.", hint) from error

    def _on_doctor(self) -> dict[str, Any]:
        from . import doctor

        return {"checks": doctor.checks()}

    def _on_models(self) -> dict[str, Any]:
        from .models import commands

        return {**commands.listed().facts, "errand": self._errand.state()}

    def _on_model_install(self, name: str, file: str = "") -> dict[str, Any]:
        self._errand.start(name, Path(file) if file else None)
        return self._errand.state()

    def _on_model_stop(self) -> dict[str, Any]:
        self._errand.stop()
        return self._errand.state()

    def _on_model_remove(self, name: str) -> dict[str, Any]:
        return {"removed": self._errand.remove(name)}

    def _on_masks_open(
        self, capture: str, folder: str, engine: str = "auto", model: str = "auto", device: str = "auto",
        max_side: int = 1280,
    ) -> dict[str, Any]:  # fmt: skip
        chosen = _device(device).device
        params = {"capture": capture, "folder": folder, "engine": engine, "model": model, "device": chosen}
        return self._masks.ask("masks_open", {**params, "max_side": max_side})

    def _on_masks_prompt(self, session: str, frame: str, prompts: list[dict[str, Any]]) -> dict[str, Any]:
        return self._masks.ask("masks_prompt", {"session": session, "frame": frame, "prompts": prompts})

    def _on_masks_undo(self, session: str, frame: str) -> dict[str, Any]:
        return self._masks.ask("masks_undo", {"session": session, "frame": frame})

    def _on_masks_propagate(self, session: str) -> dict[str, Any]:
        return self._masks.ask("masks_propagate", {"session": session})

    def _on_masks_state(self, session: str, frame: str = "") -> dict[str, Any]:
        return self._masks.ask("masks_state", {"session": session, "frame": frame})

    def _on_masks_stop(self, session: str) -> dict[str, Any]:
        return self._masks.ask("masks_stop", {"session": session})

    def _on_masks_close(self, session: str) -> dict[str, Any]:
        return self._masks.ask("masks_close", {"session": session})

    def _on_shutdown(self) -> dict[str, Any]:
        self._closing = True
        return {}

    # Sending ----------------------------------------------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":")))

    def _refuse(self, number: Any, error: RequestError | PipelineError) -> None:
        """Send an error; its ``data`` always has code, message, hint and the id of the remedy."""
        if isinstance(error, PipelineError):
            code, name, hint = REFUSED, error.code, error.hint
        else:
            code, name, hint = error.code, "bad_request", ""
        text = error.message if isinstance(error, PipelineError) else str(error)
        data = {"code": name, "message": text, "hint": hint, "remedy": ERRORS[name]}
        self._send({"id": number, "error": {"code": code, "message": text, "data": data}})

    def _tell(self, job: Job, event: Event) -> None:
        """Send an event as a notification; the last one settles the job's state before anybody can ask for it."""
        job.last = event
        if event.kind in FINAL_EVENTS:
            job.state = "done" if event.kind == "done" else "cancelled" if event.code == "cancelled" else "failed"
        self._send({"method": "event", "params": to_dict(event)})

    # Jobs -------------------------------------------------------------------------------------------------------------

    def _run_jobs(self) -> None:
        """Take jobs from the queue until the service closes. This thread starts workers, so it outlives them."""
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if not self._queue:
                    return
                job = self._queue.popleft()
            self._run(job)

    def _run(self, job: Job) -> None:
        """Run one job to its end."""
        if job.cancel.is_set():
            message = "Cancelled before it began."
            self._tell(job, Event(kind="failed", job=job.spec.job, code="cancelled", message=message))
            return
        job.state = "running"
        try:
            jobs.run_job(job.spec, self._teller(job), job.cancel, self._command)
        except Exception as error:  # noqa: BLE001 - a process edge: one job's failure must not end the service
            LOG.error("%s", traceback.format_exc())
            self._tell(job, Event(kind="failed", job=job.spec.job, code="internal", message=str(error)))

    def _teller(self, job: Job) -> Callable[[Event], None]:
        return lambda event: self._tell(job, event)


def _device(wanted: str) -> Any:
    """``device.choose``, where a parameter is called ``device`` as well."""
    return device.choose(wanted)


def parse(line: str) -> tuple[Any, str, dict[str, Any]]:
    """Split a request into id, method and parameters. Raises ``RequestError``."""
    try:
        message = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise RequestError(PARSE_ERROR, f"expected a line of JSON, got {line[:80]!r}") from error
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        raise RequestError(INVALID_REQUEST, "expected {'jsonrpc': '2.0', 'id': ..., 'method': ..., 'params': {...}}")
    if message["method"] not in REQUESTS:
        raise RequestError(METHOD_NOT_FOUND, f"expected one of {', '.join(REQUESTS)}, got {message['method']!r}")
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise RequestError(INVALID_PARAMS, f"expected parameters by name, got {type(params).__name__}")
    return message.get("id"), message["method"], params


def _fill(inbox: queue.SimpleQueue[str | None]) -> None:
    """Put the lines of standard input into ``inbox``, and None at their end."""
    for line in stdio.input_lines():
        inbox.put(line)
    inbox.put(None)
