# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the tools that make an environment, and find a Python that can make one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .problem import Problem

LEASH = Path(__file__).resolve().with_name("leash.py")
_QUESTION = "import json, sys, venv, ensurepip; print(json.dumps([sys.version_info[0], sys.version_info[1]]))"
_SECONDS = 20.0
_POLL = 0.1


@dataclass(frozen=True, kw_only=True)
class Python:
    """An interpreter that can make environments; ``version`` as ``3.11``."""

    path: Path
    version: str


def clean_environment() -> dict[str, str]:
    """This process's environment without what would lead pip or another Python astray."""
    astray = ("PYTHON", "PIP_", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "CONDA_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(astray)}
    # SAM 2 would compile an optional CUDA extension, which we do not use, wherever it finds a compiler.
    return kept | {"PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "PIP_CONFIG_FILE": os.devnull, "SAM2_BUILD_CUDA": "0"}


def run(command: list[str], log: Path, check: Callable[[], None]) -> int:
    """Run a tool with its output in ``log``; its exit status. ``check`` is called often and raises to stop it."""
    with log.open("ab") as out:
        out.write(f"\n$ {' '.join(command)}\n".encode())
        out.flush()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            cwd=log.parent,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        try:
            while child.poll() is None:
                check()
                time.sleep(_POLL)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
    return child.returncode


def leashed(python: Path, kind: str, target: str, *arguments: str) -> list[str]:
    """A command that ends when this process does. ``kind``: module or script."""
    return [str(python), "-P", str(LEASH), str(os.getpid()), kind, target, *arguments]


def find_python(first: list[str], versions: list[str], check: Callable[[], None]) -> Python:
    """An interpreter with venv and ensurepip: one of ``first`` (Blender's own), else one of the system.

    ``versions``: those for which there are packages. Raises ``Problem`` where there is none.
    """
    seen: list[str] = []
    for path in [*first, *_system(versions)]:
        check()
        version = _version(path)
        if version in versions:
            return Python(path=Path(path), version=version)
        seen.append(f"{path} ({f'Python {version}' if version else 'cannot make environments'})")
    wanted = " or ".join(versions) or "3.11"
    message = f"No Python was found that can make the environment. Tried: {'; '.join(seen) or 'none'}."
    hint = f"Install Python {wanted} from python.org or your system's packages (with its venv package), and try again."
    raise Problem("no_python", message, hint)


def _system(versions: list[str]) -> Iterator[str]:
    """Interpreters on the path, and on Windows those that the launcher knows."""
    for version in reversed(versions):
        if found := shutil.which(f"python{version}"):
            yield found
    if found := shutil.which("python3"):
        yield found
    launcher = shutil.which("py") if sys.platform == "win32" else None
    for version in reversed(versions) if launcher else ():
        if path := _ask([str(launcher), f"-{version}", "-c", "import sys; print(sys.executable)"]):
            yield path


def _version(python: str) -> str:
    """Version of an interpreter that can make environments, as ``3.11``; empty where it cannot."""
    answer = _ask([python, "-I", "-c", _QUESTION])
    try:
        major, minor = json.loads(answer or "[]")
    except ValueError:
        return ""
    return f"{major}.{minor}"


def _ask(command: list[str]) -> str:
    """What a short program prints; empty where it fails."""
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
