# SPDX-License-Identifier: GPL-3.0-or-later
"""The process in which mask sessions live: JSON lines in, JSON lines out, one session at a time.

In: ``{"parent": process id}`` once, then ``{"method": ..., "params": {...}}``. Out: ``{"result": ...}`` or
``{"error": {code, message, hint}}`` for each, in order. The end of its input ends it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import compile_cache, orphans, stdio
from ..errors import PipelineError
from .session import MaskSession

_WRONG = (ValueError, RuntimeError, OSError, MemoryError, TypeError)


def main() -> int:
    """Answer until the input ends."""
    compile_cache.use()
    out = stdio.take_stdout()
    lines = stdio.input_lines()
    orphans.end_with_parent(int(json.loads(next(lines))["parent"]))
    desk = Desk()
    for line in lines:
        request = json.loads(line)
        out.write(json.dumps(desk.answer(request["method"], request["params"]), ensure_ascii=False))
    desk.close()
    return 0


class Desk:
    """Takes requests to the open session."""

    def __init__(self) -> None:
        self._session: MaskSession | None = None
        self._opened = 0

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request, or its error."""
        try:
            return {"result": self._call(method, params)}
        except PipelineError as error:
            return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        except _WRONG as error:
            sys.stderr.write(f"{method}: {type(error).__name__}: {error}\n")
            code = "bad_request" if isinstance(error, ValueError) else "internal"
            return {"error": {"code": code, "message": f"{error}", "hint": ""}}

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "masks_open":
            return self._open(**params)
        session = self._of(params.pop("session"))
        methods: dict[str, Callable[..., dict[str, Any]]] = {
            "masks_prompt": session.prompt,
            "masks_undo": session.undo,
            "masks_propagate": session.propagate,
            "masks_state": session.state,
            "masks_stop": session.stop,
            "masks_close": session.close,
        }
        result = methods[method](**params)
        if method == "masks_close":
            self._session = None
        return result

    def _open(self, capture: str, folder: str, engine: str, model: str, device: str, max_side: int) -> dict[str, Any]:
        self.close()
        self._session = MaskSession(Path(capture), Path(folder), engine, model, device, max_side)
        self._opened += 1
        return {
            "session": str(self._opened),
            "engine": self._session.engine,
            "note": self._session.note,
            "frames": self._session.frames.names,
            "masks": "" if self._session.frames.carried_by_job else str(self._session.final),
            "kept": self._session.kept,
        }

    def _of(self, session: str) -> MaskSession:
        if self._session is None or session != str(self._opened):
            hint = "Open the capture again."
            raise PipelineError("bad_request", "masks", "This mask session is closed.", hint)
        return self._session

    def close(self) -> None:
        """Close the open session, if there is one."""
        if self._session is not None:
            self._session.close()
            self._session = None
