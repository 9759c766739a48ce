# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender: how long each of the extension's functions that Blender calls holds the main thread.

Timers, draw callbacks, panels and operators are wrapped once the extension is there. Wall time is what a person feels;
processor time of the thread tells waiting for a busy machine from work.
"""

from __future__ import annotations

import sys
import time

import bpy

slowest: dict[str, list[float]] = {}
"""Name -> [wall seconds, processor seconds] of the slowest call so far."""
_imports = [0.0, 0.0]
"""What imports have taken so far: they are not counted for whoever calls them."""
_watched: set[tuple[object, str]] = set()
_TIMERS = (("runtime", "_tick"), ("mask_operators", "_tick"), ("follow", "_drawn"), ("follow", "_tell"))


def watch() -> None:
    """Wrap what has not been wrapped yet."""
    root = next((name for name in sys.modules if name.endswith(".turnaround.addon")), None)
    if root is None:
        return
    for module, name in _TIMERS:
        if f"{root}.{module}" in sys.modules:
            _wrap(sys.modules[f"{root}.{module}"], name, f"{module}.{name}")
    for kind in dir(bpy.types):
        if kind.startswith(("TURNAROUND_PT", "TURNAROUND_OT")):
            cls = getattr(bpy.types, kind)
            for name in ("draw", "invoke", "execute", "modal"):
                if name in vars(cls):
                    _wrap(cls, name, f"{kind}.{name}")


def _wrap(owner: object, name: str, title: str) -> None:
    """Put a stopwatch around ``owner.name``."""
    if (owner, name) in _watched:
        return
    _watched.add((owner, name))
    function = getattr(owner, name)

    def run(*args: object) -> object:
        wall, processor, before = time.perf_counter(), time.thread_time(), list(_imports)
        try:
            return function(*args)
        finally:
            within = [now - then for now, then in zip(_imports, before, strict=True)]
            taken = [time.perf_counter() - wall - within[0], time.thread_time() - processor - within[1]]
            if "import_result" in title:
                _imports[:] = [now + more for now, more in zip(_imports, taken, strict=True)]
            if taken[0] > slowest.get(title, [0.0])[0]:
                slowest[title] = taken

    # Blender counts a method's arguments and passes so many: stars would get none.
    wrappers = {
        0: run,
        2: lambda self, context: run(self, context),  # noqa: PLW0108
        3: lambda self, context, event: run(self, context, event),  # noqa: PLW0108
    }
    setattr(owner, name, wrappers[function.__code__.co_argcount])
