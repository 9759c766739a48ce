# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's hold on the one ``environment.Manager``: made on first use, pumped by a timer while there is news."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import Any

import bpy

from . import process
from .environment import layout
from .environment.manager import Manager, Settings, State
from .preferences import environment_root, preferences, user_folder

_TICK_SECONDS = 0.2
_manager: Manager | None = None


def manager() -> Manager | None:
    """The manager, with the preferences as they are now; None where the package is not installed as an extension."""
    global _manager  # noqa: PLW0603 - there is one environment for each Blender, and this is where it is kept
    root = environment_root()
    if root is None:
        return None
    settings = _settings(root)
    if _manager is None:
        _manager = Manager(settings, in_use)
        atexit.register(_manager.stop)
    elif _manager.settings != settings:
        _manager.settings = settings
        _manager.forget()
    return _manager


def in_use() -> bool:
    """Whether the backend is at work, so that its files must stay."""
    from . import models, runtime

    session = runtime.current()
    return session is not None and (session.active or models.fetching())


def release() -> None:
    """End a backend that only idles: its files are about to be replaced or removed."""
    from . import runtime

    session = runtime.current()
    if session is not None and not in_use():
        session.stop()


def listen() -> None:
    """Pump the manager from now on, where there is a window."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK_SECONDS, persistent=True)


def shut_down() -> None:
    """Remove the timer and end the builder; what it has downloaded stays."""
    global _manager  # noqa: PLW0603 - see above
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _manager is not None:
        _manager.stop()
        atexit.unregister(_manager.stop)
        _manager = None


def redraw() -> None:
    """Draw the preferences and sidebars again."""
    windows: Any = bpy.context.window_manager
    for window in windows.windows if windows else ():
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                area.tag_redraw()


def _settings(root: Path) -> Settings:
    """What the manager needs of the preferences."""
    kept = preferences()
    return Settings(
        root=root,
        pythons=_own_pythons(),
        chosen=_chosen(root, kept),
        packages=_packages(kept.packages if kept else ""),
        online=bool(bpy.app.online_access),
    )


def _chosen(root: Path, kept: Any) -> Path | None:
    """An interpreter that the user names, or has put where the hand-made one belongs."""
    named = (kept.python if kept else "") or os.environ.get(process.PYTHON_VARIABLE, "").strip()
    if named:
        return Path(bpy.path.abspath(named)).expanduser()
    folder = user_folder()
    return process.find_python("", folder) if layout.installed(root) is None else None


def _packages(text: str) -> str:
    """A folder as an absolute path; an address as it is."""
    return text.strip() if "://" in text or not text.strip() else bpy.path.abspath(text.strip())


def _own_pythons() -> list[str]:
    """Blender's own interpreter. Builds that use the system's Python may name Blender itself."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    named = [Path(sys.executable)] if "python" in Path(sys.executable or "blender").name.lower() else []
    inside = [Path(sys.prefix) / "bin" / name for name in (version, "python3", "python.exe", "python")]
    return [str(path) for path in (*named, *inside) if path.is_file()]


def _tick() -> float | None:
    """Pump once; end with the builder."""
    if _manager is None:
        return None
    if _manager.pump():
        redraw()
    if _manager.running:
        return _TICK_SECONDS
    if _manager.status().state is State.READY:
        if not in_use():
            release()
        _manager.tidy()
    redraw()
    return _TICK_SECONDS if _manager.running else None
