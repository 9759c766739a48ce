# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's end: starts the process of mask sessions when it is first needed, and passes requests to it.

All calls but ``end`` come from one thread that lives as long as the service (``orphans.py`` says why).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import jobs, orphans
from ..errors import PipelineError


class Host:
    """Owns the process. ``command`` starts another program than ours."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = list(command or _command())
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The process's answer. Raises ``PipelineError`` with what it refused, or where it died."""
        process = self._running(method)
        line = json.dumps({"method": method, "params": params}, ensure_ascii=False)
        answer = b""
        if process.stdin and process.stdout:
            with contextlib.suppress(BrokenPipeError, ValueError):
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()
                answer = process.stdout.readline()
        if not answer.endswith(b"\n"):
            self.end()
            message = "The process that makes masks ended unexpectedly."
            raise PipelineError("worker_died", "masks", message, "Open the photos again; your prompts are kept.")
        said = json.loads(answer)
        if error := said.get("error"):
            raise PipelineError(error["code"], "masks", error["message"], error["hint"])
        result: dict[str, Any] = said["result"]
        return result

    def end(self) -> None:
        """End the process, whatever it does. Safe to call from any thread, and twice."""
        process, self._process = self._process, None
        if process is not None:
            orphans.kill(process)
            process.wait()

    def _running(self, method: str) -> subprocess.Popen[bytes]:
        """The process; it is started for ``masks_open`` alone, since any other request belongs to a session."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        if method != "masks_open":
            hint = "Open the capture again."
            raise PipelineError("bad_request", "masks", "No mask session is open.", hint)
        self.end()
        windows = sys.platform == "win32"
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=jobs.environment(deterministic=False),
            start_new_session=not windows,
            creationflags=0x08000000 if windows else 0,
        )
        orphans.adopt(process)
        if process.stdin:
            process.stdin.write(json.dumps({"parent": os.getpid()}).encode() + b"\n")
        self._process = process
        return process


def _command() -> list[str]:
    """By file, as the worker is started."""
    return [sys.executable, "-P", str(Path(__file__).resolve().parent.parent / "__main__.py"), "mask-session"]
