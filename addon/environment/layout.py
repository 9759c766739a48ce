# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in the folder of the backend's environment, and how it is read and replaced.

    environment.json   which of the folders below is in use, what it was made of, whether it was last found whole
    building.json      stands while a new one is made: left over, it says that this was interrupted
    packages/          downloads; kept until an installation has succeeded, so that a broken one goes on
    1a2b3c4d/          an environment; ``gone-…`` one that is being deleted
    install.log        what the tools said

``environment.json`` is replaced by a rename, so at every moment there is the old environment or the new one.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

POINTER, BUILDING, PACKAGES, LOG, LOCK = "environment.json", "building.json", "packages", "install.log", "install.lock"
NAME_DIGITS = 8
LONGEST_INSIDE = 175
"""Characters of the longest path in a wheel (a licence in PyTorch's), measured on torch 2.13."""
_WINDOWS_LIMIT = 259


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The environment in use. ``key`` is of ``lock.Build``; ``problem`` is why the last check failed, else empty."""

    folder: str
    key: str
    build: str
    python: str
    base: str
    bytes: int = 0
    note: str = ""
    problem: str = ""


def default_root(user_folder: Path) -> Path:
    """``backend`` in the extension's own folder.

    On Windows, where a path of more than 259 characters needs an administrator's consent, an extension's folder may be
    too deep for what lies in the wheels: then it is the user's local application data instead.
    """
    root = user_folder / "backend"
    local = os.environ.get("LOCALAPPDATA", "")
    inside = NAME_DIGITS + len("\\\\Lib\\site-packages\\") + LONGEST_INSIDE
    if sys.platform == "win32" and local and len(str(root)) + inside > _WINDOWS_LIMIT:
        return Path(local) / "Turnaround"
    return root


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment.joinpath(*(("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")))


def site_packages(environment: Path) -> Path:
    """Where its packages lie; the folder of an environment that is not there yet need not exist."""
    if sys.platform == "win32":
        return environment / "Lib" / "site-packages"
    return next(environment.glob("lib/python3*/site-packages"), environment / "lib")


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file; empty where there is none or it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object and put it in its place by one rename."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(value, ensure_ascii=False))
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def installed(root: Path) -> Installed | None:
    """What ``environment.json`` says; None where nothing was installed."""
    data = read_json(root / POINTER)
    names = {f.name for f in fields(Installed)}
    try:
        return Installed(**{key: value for key, value in data.items() if key in names})
    except TypeError:
        return None


def point_to(root: Path, now: Installed) -> None:
    """Put another environment in use."""
    write_json(root / POINTER, asdict(now))


def interpreter(root: Path) -> Path | None:
    """The interpreter in use; None where none is installed or its files are gone."""
    now = installed(root)
    if now is None:
        return None
    path = python_in(root / now.folder)
    return path if path.is_file() else None


def new_folder(root: Path) -> Path:
    """A name for a new environment, short because paths inside are long."""
    return root / secrets.token_hex(NAME_DIGITS // 2)


def unused(root: Path) -> list[Path]:
    """Folders of environments that are not in use."""
    now = installed(root)
    used = now.folder if now else ""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and _is_ours(path.name) and path.name != used)


def _is_ours(name: str) -> bool:
    """Whether a folder's name is one that ``new_folder`` or ``delete`` gave."""
    digits = name.removeprefix("gone-")
    return len(digits) == NAME_DIGITS and all(c in "0123456789abcdef" for c in digits)


def delete(folder: Path) -> bool:
    """Delete an environment; whether it is gone. One that is in use (Windows holds its files) stays for the next time.

    It is renamed first, so that half of one never looks like one.
    """
    gone = folder if folder.name.startswith("gone-") else folder.with_name(f"gone-{folder.name}")
    try:
        folder.rename(gone)
    except OSError:
        return not folder.exists()
    shutil.rmtree(gone, onerror=_make_writable)  # Python 3.11 knows no onexc yet
    return not gone.exists()


def _make_writable(function: Callable[..., Any], path: str, _error: Any) -> None:
    """Windows does not delete a read-only file; what still stays is tried again by the next sweep."""
    try:
        Path(path).chmod(0o700)
        function(path)
    except OSError:
        return
