# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock file ``backend/lock.json``: every file that an environment is made of, by its SHA-256.

It is made by ``scripts/lock_backend.py``. ``platforms`` has, for a platform and a Python, the files that every build
has (``base``) and, for each kind of graphics, those of PyTorch (``torch``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from .machine import Machine

PATH = Path(__file__).resolve().parents[2] / "backend" / "lock.json"
UNPACKED = 3.8
"""Bytes on disk for each byte downloaded: PyTorch's wheel for processors grows 3.6-fold, and bytecode comes on top."""
TITLES = {
    "cpu": "processor",
    "mps": "Apple graphics",
    "cu126": "NVIDIA graphics (CUDA 12.6)",
    "cu130": "NVIDIA graphics (CUDA 13.0)",
}


class LockError(ValueError):
    """The lock has nothing for this computer; ``hint`` is the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class File:
    """One file to install. ``size`` in bytes, 0 where it is not known."""

    name: str
    url: str
    size: int
    sha256: str

    @property
    def requirement(self) -> str:
        """``name==version`` of a wheel or a source archive."""
        stem = self.name.removesuffix(".whl").removesuffix(".tar.gz")
        if self.is_wheel:
            name, version = stem.split("-")[:2]
        else:
            name, _, version = stem.rpartition("-")
        return f"{name}=={version}"

    @property
    def is_wheel(self) -> bool:
        """A wheel is unpacked; a source archive (pure Python here) is built first."""
        return self.name.endswith(".whl")


@dataclass(frozen=True, kw_only=True)
class Build:
    """What to install on this computer. ``note`` says why it is not the fastest build, empty where it is."""

    kind: str
    files: tuple[File, ...]
    imports: tuple[str, ...] = ()
    note: str = ""

    @property
    def key(self) -> str:
        """Changes when anything in it changes."""
        return hashlib.sha256("\n".join(sorted(f.sha256 for f in self.files)).encode()).hexdigest()[:16]

    @property
    def download(self) -> int:
        """Bytes to download."""
        return sum(f.size for f in self.files)

    @property
    def on_disk(self) -> int:
        """Bytes that it will take, roughly."""
        return int(self.download * UNPACKED)

    @property
    def title(self) -> str:
        """What it computes with."""
        return TITLES.get(self.kind, self.kind)


class Lock:
    """The lock file, read."""

    def __init__(self, path: Path = PATH) -> None:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            self._sources: dict[str, str] = data["sources"]
            self._files: dict[str, list[str | int]] = data["files"]
            self._platforms: dict[str, dict[str, dict[str, object]]] = data["platforms"]
            self._imports: tuple[str, ...] = tuple(data.get("imports", ()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LockError(f"{path} cannot be read: {error}.", "Install the extension again.") from error

    def pythons(self, platform: str) -> list[str]:
        """The versions of Python for which a platform has packages, as ``3.11``; newest last."""
        return sorted(self._platforms.get(platform, {}), key=lambda v: [int(p) for p in v.split(".")])

    def select(self, machine: Machine) -> Build:
        """The build for a computer. Raises ``LockError`` where there is none."""
        rows = self._platforms.get(machine.platform)
        if rows is None:
            known = ", ".join(sorted(self._platforms))
            message = f"There are no packages for {machine.platform}; there are for {known}."
            raise LockError(message, "Use an existing environment in which the backend runs.")
        row = rows.get(machine.python)
        if row is None:
            message = f"There are no packages for Python {machine.python}; there are for {', '.join(rows)}."
            raise LockError(message, "Install one of these, or use an existing environment.")
        builds = {build.kind: build for build in self.builds(machine.platform, machine.python)}
        # Each platform has a build that runs on all of its computers: the processor's, or Apple's.
        kind = next((k for k in machine.kinds() if k in builds), next(iter(builds)))
        return replace(builds[kind], note=_note(kind, machine))

    def builds(self, platform: str, python: str) -> list[Build]:
        """All builds for a system and a Python."""
        row = self._platforms.get(platform, {}).get(python, {"base": [], "torch": {}})
        base, torch = row["base"], row["torch"]
        if not isinstance(torch, dict) or not isinstance(base, list):
            raise LockError("The lock file is damaged.", "Install the extension again.")
        return [
            Build(kind=kind, files=tuple(self._file(name) for name in [*base, *names]), imports=self._imports)
            for kind, names in torch.items()
        ]

    @property
    def imports(self) -> tuple[str, ...]:
        """Modules that a whole environment can load."""
        return self._imports

    def _file(self, name: str) -> File:
        source, path, size, sha256 = self._files[name]
        return File(name=name, url=f"{self._sources[str(source)]}{path}", size=int(size), sha256=str(sha256))


def _note(kind: str, machine: Machine) -> str:
    """Why a graphics card stays unused or is used less well; empty where all is as hoped."""
    if machine.note:
        return machine.note
    if machine.card and kind == "cpu":
        return f"There is no build for {machine.card} with driver {machine.driver}: the processor does the work."
    return ""
