# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and end the backend process. No Blender here.

The backend has an interpreter of its own, which must see nothing of Blender's: every ``PYTHON…`` variable is taken out
of its environment. It ends by itself when its input closes or its parent dies; ``end`` makes sure of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "backend" / "__main__.py"
"""What is started, in the extension's own folder."""
PYTHON_VARIABLE = "TURNAROUND_PYTHON"
_GRACE_SECONDS = 2.0


def find_python(chosen: str, user_folder: Path | None) -> Path | None:
    """The interpreter to use: the ``chosen`` one, else ``TURNAROUND_PYTHON``, else ``environment`` in ``user_folder``.

    A name that is given but is no file is an answer too: None, instead of silently another interpreter.
    """
    named = chosen.strip() or os.environ.get(PYTHON_VARIABLE, "").strip()
    if named:
        path = Path(named).expanduser()
        return path if path.is_file() else None
    if user_folder is None:
        return None
    inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    path = user_folder.joinpath("environment", *inside)
    return path if path.is_file() else None


def clean_environment() -> dict[str, str]:
    """This process's environment without what would lead another Python astray."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("PYTHON") and k not in {"VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    }
    return kept | {"PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"}


def start(python: Path, log: Path, script: Path = SCRIPT) -> subprocess.Popen[bytes]:
    """Start ``python -P script serve`` with pipes; what it writes to stderr is added to ``log``.

    Raises ``OSError`` where the interpreter cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # Without a flag of its own a console program opens a window on Windows.
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with log.open("ab") as errors:
        return subprocess.Popen(
            [str(python), "-P", str(script), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=clean_environment(),
            cwd=log.parent,
            creationflags=flags,
        )


def end(child: subprocess.Popen[bytes], grace: float = _GRACE_SECONDS) -> None:
    """Wait ``grace`` seconds for the child, whose input is closed by now, then kill it."""
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def tail(log: Path, lines: int = 3) -> str:
    """The last lines of a log, as far as it can be read."""
    try:
        text = log.read_bytes()[-4000:].decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])
