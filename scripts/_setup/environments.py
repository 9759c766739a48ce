# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python environments that development uses, each a folder of ``.environments``, made by venv and pip alone.

A *stamp* (hash of what was asked for) is written when an environment is complete: the next call with the same wishes
returns at once. A *building* mark stands while pip works: an environment that was interrupted is made from nothing.
A folder with neither was made by hand; it is brought up to date in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".environments"
CONSTRAINTS = ROOT / "constraints.txt"
STAMP, BUILDING = "turnaround-stamp.json", "turnaround-building"
BPY_VERSIONS = ("4.2.23", "4.5.15", "5.0.1")
"""Blender modules that exist for Python 3.11: the least version supported, the long-term one and the newest."""
STUB_VERSIONS = ("4.2", "5.2")
STUB_RELEASE = "20260730"


class SetUpError(RuntimeError):
    """An environment cannot be made; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A folder name, what pip installs into it, and whether this checkout is installed as well (editable).

    ``checkout``: "" not at all, "alone" without its dependencies, "dev" with them and the tools.
    """

    name: str
    requirements: tuple[str, ...]
    constrained: bool = True
    checkout: str = ""
    exact_python: tuple[int, int] | None = None

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return FOLDER / self.name

    def executable(self, name: str = "python") -> Path:
        """Path of one of its programs."""
        windows = os.name == "nt"
        return self.folder / ("Scripts" if windows else "bin") / (f"{name}.exe" if windows else name)

    def stamp(self) -> str:
        """Hash of all that decides the content."""
        wishes = [*self.requirements, f"checkout={self.checkout}", f"python={self.exact_python}"]
        if self.constrained:
            wishes += [line for line in CONSTRAINTS.read_text().splitlines() if line and not line.startswith("#")]
        if self.checkout == "dev":
            wishes += _project_requirements()
        return hashlib.sha256("\n".join(wishes).encode()).hexdigest()


def backend() -> Environment:
    """The environment in which jobs, tests and checks run."""
    return Environment(name="backend", requirements=(), checkout="dev")


def blender_module(version: str) -> Environment:
    """Blender ``version`` as the Python module ``bpy``, with pytest."""
    pytest = next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("pytest=="))
    # bpy names the numpy it was built for; the pins of the backend do not apply.
    return Environment(
        name=f"bpy-{version}",
        requirements=(f"bpy=={version}", pytest),
        constrained=False,
        checkout="alone",
        exact_python=(3, 11),
    )


def types(version: str) -> Environment:
    """Type stubs of Blender ``version`` with mypy."""
    return Environment(
        name=f"types-{version}", requirements=(f"fake-bpy-module-{version}=={STUB_RELEASE}", "mypy", "numpy")
    )


def ensure(environment: Environment) -> Environment:
    """Make ``environment`` or bring it up to date, and return it; ``SetUpError`` says what went wrong."""
    stamp, building = environment.folder / STAMP, environment.folder / BUILDING
    if stamp.exists() and json.loads(stamp.read_text()).get("stamp") == environment.stamp():
        return environment
    start = time.monotonic()
    (FOLDER / f"{environment.name}.log").unlink(missing_ok=True)
    print(f"environment {environment.name}: installing (the first time takes a minute or so) …", flush=True)
    if building.exists() or not environment.executable().exists():
        shutil.rmtree(environment.folder, ignore_errors=True)
        _run(environment, [_base_python(environment), "-m", "venv", str(environment.folder)])
    stamp.unlink(missing_ok=True)
    building.touch()
    for arguments in _pip_arguments(environment):
        pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        _run(environment, [str(environment.executable()), *pip, *arguments])
    building.unlink()
    temporary = stamp.with_suffix(".tmp")
    temporary.write_text(json.dumps({"stamp": environment.stamp(), "requirements": environment.requirements}))
    temporary.replace(stamp)
    print(f"environment {environment.name}: ready after {time.monotonic() - start:.0f} s", flush=True)
    return environment


def _pip_arguments(environment: Environment) -> list[list[str]]:
    """Arguments of one or two runs of pip: without dependencies holds for a whole run."""
    constraint = ["--constraint", str(CONSTRAINTS)] if environment.constrained else []
    checkout = ["--editable", f"{ROOT}[dev]"] if environment.checkout == "dev" else []
    runs = [[*environment.requirements, *checkout, *constraint]]
    if environment.checkout == "alone":
        runs.append(["--no-deps", "--editable", str(ROOT)])
    return runs


def _project_requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def _base_python(environment: Environment) -> str:
    """A Python of the version that ``environment`` needs: the running one, or one on the path."""
    wanted = environment.exact_python
    if wanted is None and sys.version_info >= (3, 11):
        return sys.executable
    if wanted == sys.version_info[:2]:
        return sys.executable
    name = f"python{wanted[0]}.{wanted[1]}" if wanted else "python3.11"
    if found := shutil.which(name):
        return found
    raise SetUpError(
        f"{environment.name} needs {name}, and this is Python {sys.version_info[0]}.{sys.version_info[1]}. "
        f"Install {name} so that it is on the PATH, then run this again."
    )


def _run(environment: Environment, command: list[str]) -> None:
    """Run one step of the set-up with its output in a log; show the end of the log when it fails."""
    FOLDER.mkdir(exist_ok=True)
    log = FOLDER / f"{environment.name}.log"
    with log.open("a") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    if status:
        tail = "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-12:])
        raise SetUpError(
            f"environment {environment.name} could not be made: {' '.join(command[:4])} … ended with {status}."
            f"\n{tail}\nThe whole output is in {log}. Check the network (pip must reach a package index) and the disk, "
            f"then run this again; deleting {environment.folder} makes it anew."
        )
