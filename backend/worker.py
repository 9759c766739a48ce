# SPDX-License-Identifier: GPL-3.0-or-later
"""The process in which one job runs. Its parent (``jobs.py``) gives it the job and may cancel it.

Standard input: one line ``{"spec": JobSpec, "parent": process id}``, later perhaps a line ``cancel``; its end means
that the parent has gone. Standard output: one ``Event`` a line and nothing else. All that libraries print goes to
``log.txt`` in the job folder. Exit status 0: the last event is ``done`` or ``failed``.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from ..protocol import Event, JobSpec, from_dict, to_json
from . import compile_cache, folder, orphans, pipeline, stdio
from .errors import JobCancelled, PipelineError
from .stage import Stage

PROGRESS_SECONDS = 0.1
"""Progress is written no more often than this; the parent shows the newest only."""
ORPHAN_SECONDS = 2.0
"""What a stage gets to stop by itself once the parent has gone."""


def main(load: Callable[[str], Stage] = pipeline.load_stage) -> int:
    """Run the job that standard input describes. ``load`` finds a stage by its name."""
    compile_cache.use()
    out = stdio.take_stdout()
    lines = stdio.input_lines()
    request = json.loads(next(lines))
    orphans.end_with_parent(int(request["parent"]))
    cancelled = threading.Event()
    threading.Thread(target=_listen, args=(lines, cancelled), name="stdin", daemon=True).start()
    speaker = Speaker(out, str(request["spec"].get("job", "")))
    try:
        spec = from_dict(JobSpec, request["spec"])
        spec.check()
        pipeline.recipe(spec)
        run(spec, speaker, cancelled.is_set, load)
    except ValueError as error:
        speaker.fail(PipelineError("bad_request", "", f"The job's description is wrong: {error}."))
    except PipelineError as error:
        speaker.fail(error)
    return 0


def run(spec: JobSpec, speaker: Speaker, is_cancelled: Callable[[], bool], load: Callable[[str], Stage]) -> None:
    """Run ``spec`` in its folder and say how it ended. Raises ``PipelineError`` where it may not begin."""
    with folder.claimed(spec) as root:
        stdio.send_output_to(root / folder.LOG)
        faulthandler.enable(sys.stderr)
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("numba").setLevel(logging.WARNING)
        log = logging.getLogger("turnaround")
        log.info("job begins: %s", to_json(spec))
        with (root / folder.EVENTS).open("w", encoding="utf-8") as record:
            speaker.record = record
            speaker.say(Event(kind="started", job=""))
            try:
                result = pipeline.run_recipe(spec, speaker.say, is_cancelled, load)
                speaker.say(Event(kind="done", job="", fraction=1.0, seconds_left=0.0, result=str(result)))
            except JobCancelled as cancelled:
                message = "Cancelled. Finished steps are kept and used when the job runs again."
                speaker.fail(PipelineError("cancelled", str(cancelled), message))
            except PipelineError as error:
                log.error("failed: %s", error)
                speaker.fail(error)
            except Exception as error:  # noqa: BLE001 - a process edge: whatever happened, the user is told
                log.error("between stages: %s", traceback.format_exc())
                speaker.fail(pipeline.explain("", error))
            speaker.record = None


class Speaker:
    """Writes events to the pipe and to ``events.jsonl``, thinning out progress."""

    def __init__(self, out: stdio.Lines, job: str) -> None:
        self._out = out
        self._job = job
        self._quiet_until = 0.0
        self._stage = ""
        self.record: TextIO | None = None

    def say(self, event: Event) -> None:
        """Send ``event``, with its time and the job folder filled in."""
        now = time.monotonic()
        if event.kind == "progress":
            if now < self._quiet_until and event.stage == self._stage:
                return
            self._quiet_until, self._stage = now + PROGRESS_SECONDS, event.stage
        line = to_json(replace(event, job=self._job, time=round(time.time(), 3)))
        self._out.write(line)
        if self.record:
            self.record.write(line + "\n")
            self.record.flush()

    def fail(self, error: PipelineError) -> None:
        """Send ``failed``."""
        self.say(
            Event(kind="failed", job="", stage=error.stage, code=error.code, message=error.message, hint=error.hint)
        )


def _listen(lines: Iterator[str], cancelled: threading.Event) -> None:
    """Wait for ``cancel`` or for the end of ``lines``; after the end, leave soon whatever the stage does."""
    for line in lines:
        if line.strip() == "cancel":
            cancelled.set()
    cancelled.set()
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)


def command() -> list[str]:
    """How the worker is started: by file, so that no folder of ours gets onto ``sys.path``."""
    return [sys.executable, "-P", str(Path(__file__).resolve().parent / "__main__.py"), "worker"]
