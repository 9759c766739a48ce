# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's hold on the one session: made on first use, pumped by a timer, ended with the extension.

The timer runs only while there is something to hear, and never without a window: there timers do not fire, and one that
is left behind crashes or hangs Blender 4.2 and 4.5 at exit.
"""

from __future__ import annotations

import atexit
import json
import time
from pathlib import Path
from typing import Any, Literal

import bpy

from . import pictures
from .joblist import JobList
from .preferences import backend_python, jobs_folder
from .session import Problem, Session

_TICK_SECONDS = 0.1
_IDLE_SECONDS = 600.0
_session: Session | None = None
_jobs: JobList | None = None
_results: dict[str, tuple[float, dict[str, Any]]] = {}
_captures: dict[str, dict[str, Any]] = {}


def session() -> Session:
    """The session; a changed interpreter takes effect as soon as no job runs."""
    global _session  # noqa: PLW0603 - there is one backend for each Blender, and this is where it is kept
    python = backend_python()
    if _session is not None and _session.python != python and not _session.active:
        _session.stop()
        _session = None
    if _session is None:
        _session = Session(python, jobs_folder() / "backend.log")
        atexit.register(_session.stop)
    return _session


def current() -> Session | None:
    """The session where there is one already; drawing must not make one."""
    return _session


def jobs() -> JobList:
    """The list of jobs in the jobs folder."""
    global _jobs  # noqa: PLW0603 - one list for each Blender, as there is one backend
    file = jobs_folder() / "jobs.json"
    if _jobs is None or _jobs.file != file:
        if _jobs is not None:
            _jobs.leave()
        else:
            atexit.register(_leave)
        _jobs = JobList(file)
    return _jobs


def _leave() -> None:
    """Blender ends: let go of the list, if there is one."""
    if _jobs is not None:
        _jobs.leave()


def listen() -> None:
    """Pump the session from now on, where there is a window."""
    if bpy.app.background:
        return
    # Registered anew: while the backend idles the next tick may be seconds away.
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    bpy.app.timers.register(_tick, first_interval=_TICK_SECONDS, persistent=True)


def shut_down() -> None:
    """Remove the timer and end the backend."""
    from . import mask_operators, models, one_picture

    mask_operators.forget()
    models.forget()
    one_picture.forget()
    global _session, _jobs  # noqa: PLW0603 - see above
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _session is not None:
        _session.stop()
        atexit.unregister(_session.stop)
        _session = None
    if _jobs is not None:
        _jobs.leave()
        atexit.unregister(_leave)
        _jobs = None
    _results.clear()
    _captures.clear()
    pictures.forget()


def look_into(capture: str) -> None:
    """Ask the backend what is in the folder and what a job on it would take; ``looked_into`` has the answer later.

    Only where there is a window to show it in, and an interpreter to ask; whoever runs a job will hear what is wrong.
    """
    if bpy.app.background or not capture or not Path(capture).exists() or backend_python() is None:
        return

    def keep(result: dict[str, Any] | None, problem: Problem | None) -> None:
        _captures[capture] = result or {"advice": [f"{problem.message} {problem.hint}"] if problem else []}

    session().call("inspect", {"capture": capture}, keep)
    listen()


def looked_into(capture: str) -> dict[str, Any]:
    """What the backend said of the capture folder, empty while it has not answered."""
    return _captures.get(capture, {})


def result_record(folder: str) -> dict[str, Any]:
    """``result.json`` of a job, read again only when it has changed: panels draw many times a second."""
    path = Path(folder) / "result.json"
    try:
        changed = path.stat().st_mtime
        if folder not in _results or _results[folder][0] != changed:
            record = json.loads(path.read_text(encoding="utf-8"))
            _results[folder] = (changed, record if isinstance(record, dict) else {})
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return {}
    return _results[folder][1]


def _tick() -> float | None:
    """Pump once; keep the timer while something is awaited, slowly while the backend only idles."""
    if _session is None:
        return None
    changed = _session.pump()
    if jobs().pump(_session) or changed:
        from . import one_picture

        one_picture.bring()
        redraw()
    if _session.active:
        return _TICK_SECONDS
    redraw()
    if _session.running and time.monotonic() - _session.used < _IDLE_SECONDS:
        return 5.0
    _session.stop()
    return None


def say(text: str, icon: Literal["ERROR", "INFO"] = "ERROR") -> None:
    """Show a text outside any operator, which could report it."""
    manager: Any = bpy.context.window_manager

    def draw(menu: Any, _context: Any) -> None:
        for line in text.splitlines():
            menu.layout.label(text=line)

    manager.popup_menu(draw, title="Turnaround", icon=icon)


def redraw() -> None:
    """Draw the sidebars and image editors again."""
    manager: Any = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "IMAGE_EDITOR"}:
                area.tag_redraw()
