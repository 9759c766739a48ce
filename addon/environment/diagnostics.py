# SPDX-License-Identifier: GPL-3.0-or-later
"""What someone who helps needs to know, as text for the clipboard. Names no folder by the user's name."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from . import layout
from .manager import Manager

_LINES = 40


def report(manager: Manager, host: str, product: str) -> str:
    """The text. ``host``: Blender's version; ``product``: ours. Reads the disk, starts nothing."""
    status, root = manager.status(), manager.settings.root
    now = layout.installed(root)
    rows: dict[str, Any] = {
        "Turnaround": product,
        "Blender": host,
        "System": f"{platform.platform()}, {platform.machine()}",
        "Python": f"{platform.python_version()} at {sys.executable}",
        "State": f"{status.state.value}: {status.text}",
        "Backend's Python": status.python or "none",
        "Folder": root,
        "Free there": _free(root),
        "Online access": manager.settings.online,
        "Packages": manager.settings.packages or "as the lock says",
    }
    if now is not None:
        rows["Installed"] = f"{now.build}, key {now.key}, Python {now.python}, {now.bytes} bytes"
        rows["Note"] = now.note
    if manager.survey:
        rows["Would install"] = ", ".join(f"{key} {value}" for key, value in manager.survey.items())
    if manager.trouble is not None:
        rows["Trouble"] = f"{manager.trouble.code}: {manager.trouble.message} {manager.trouble.hint}"
    text = "\n".join(f"{key}: {value}" for key, value in rows.items() if value not in {"", None})
    return _without_home(f"{text}\n\n{_tail(root / layout.LOG)}")


def _free(root: Path) -> str:
    """Free space on the folder's disk, or on that of the first folder above that exists."""
    there = next((path for path in (root, *root.parents) if path.is_dir()), None)
    return f"{shutil.disk_usage(there).free / 1e9:.1f} GB" if there else "unknown"


def _tail(log: Path) -> str:
    """The last lines of the log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(lines[-_LINES:])


def _without_home(text: str) -> str:
    """The text without the name of the user's own folder, which is often their own name."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
