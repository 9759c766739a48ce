# SPDX-License-Identifier: GPL-3.0-or-later
"""Make an environment: five steps, each of which may be stopped at any moment, and a swap at the end.

Nothing that is in use is touched before the new environment has been checked. A step that fails leaves the old one in
use, and the downloads where they are.
"""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import layout, machine, tools
from .download import Fetcher
from .layout import Installed
from .lock import Build, File, Lock, LockError
from .problem import Cancelled, Problem

STEPS = ("Looking at this computer", "Downloading", "Preparing", "Unpacking", "Checking")
_REPORT_SECONDS = 0.2
_SPARE_BYTES = 200_000_000
PROBE = Path(__file__).resolve().with_name("probe.py")


@dataclass(kw_only=True)
class Plan:
    """What Blender asks for. ``pythons``: Blender's own first. ``in_use``: nothing may be deleted that may be running.

    ``chosen``: the user's own interpreter, to check.
    """

    root: str
    lock: str
    backend: str
    pythons: list[str] = field(default_factory=list)
    packages: str = ""
    online: bool = False
    in_use: bool = False
    chosen: str = ""


class Builder:
    """One installation. ``tell`` takes events (dictionaries); ``stopped`` says whether to stop."""

    def __init__(self, plan: Plan, tell: Callable[[dict[str, Any]], None], stopped: Callable[[], bool]) -> None:
        self.plan = plan
        self.root = Path(plan.root)
        self.log = self.root / layout.LOG
        self._tell = tell
        self._stopped = stopped
        self._step = 0
        self._told = 0.0

    def survey(self) -> None:
        """Say what would be installed here and how much it is; touches neither disk nor network."""
        build, python = self._choose()
        self._tell(_facts(build, python))

    def install(self) -> None:
        """Make a new environment and put it in use. Raises ``Problem`` or ``Cancelled``."""
        self.root.mkdir(parents=True, exist_ok=True)
        with _disk_in_words(self.root):
            self.log.write_text("", encoding="utf-8")
            layout.write_json(self.root / layout.BUILDING, {"since": time.time()})
            self._sweep()
            self._install()

    def check(self) -> None:
        """Check the environment in use, and note the outcome beside it. Raises ``Problem`` where it is not whole."""
        now, imports = layout.installed(self.root), Lock(Path(self.plan.lock)).imports
        if self.plan.chosen:
            self._check(Path(self.plan.chosen), imports)
            return
        if now is None:
            raise Problem("absent", "There is no environment to check.", "Install the backend.")
        try:
            self._check(layout.python_in(self.root / now.folder), imports)
        except Problem as problem:
            layout.point_to(self.root, Installed(**(vars(now) | {"problem": problem.message})))
            raise
        layout.point_to(self.root, Installed(**(vars(now) | {"problem": ""})))

    def remove(self) -> None:
        """Delete the environment, the downloads and the marks; whatever else lies there stays."""
        for name in (layout.POINTER, layout.BUILDING, layout.LOG):
            (self.root / name).unlink(missing_ok=True)
        shutil.rmtree(self.root / layout.PACKAGES, ignore_errors=True)
        left = [path for path in layout.unused(self.root) if not layout.delete(path)]
        if left:
            message = f"Some files are still in use: {left[0]}."
            raise Problem("in_use", message, "Close other Blenders and jobs, then remove again.")

    def sweep(self) -> None:
        """Delete what earlier environments left."""
        self.plan.in_use = False
        self._sweep()

    # Steps ------------------------------------------------------------------------------------------------------------

    def _install(self) -> None:
        self._begin(0)
        build, python = self._choose()
        self._tell(_facts(build, python))
        packages = self.root / layout.PACKAGES
        packages.mkdir(exist_ok=True)
        fetcher = Fetcher(packages, self.plan.packages, self.plan.online, self._pause)
        self._need_space(build, fetcher)
        self._begin(1)
        self._download(build, fetcher)
        target = layout.new_folder(self.root)
        with contextlib.ExitStack() as undo:
            undo.callback(layout.delete, target)
            self._begin(2)
            self._prepare(python, target)
            self._begin(3)
            self._unpack(build, target, packages)
            self._begin(4)
            note = self._check(layout.python_in(target), build.imports, expects_cuda=build.kind.startswith("cu"))
            undo.pop_all()  # whole and well: it stays
        now = Installed(
            folder=target.name, key=build.key, build=build.kind, python=python.version, base=str(python.path),
            bytes=_size(target), note=note or build.note,
        )  # fmt: skip
        layout.point_to(self.root, now)
        (self.root / layout.BUILDING).unlink(missing_ok=True)
        shutil.rmtree(packages, ignore_errors=True)
        # The old one stays: a job may have begun in it meanwhile. Blender asks for a sweep when none runs.

    def _choose(self) -> tuple[Build, tools.Python]:
        """The build for this computer, and the Python to make it with."""
        try:
            lock = Lock(Path(self.plan.lock))
            versions = lock.pythons(machine.this_platform())
            if not versions:
                lock.select(machine.Machine(platform=machine.this_platform(), python=""))
            python = tools.find_python(self.plan.pythons, versions, self._go_on)
            return lock.select(machine.detect(python.version)), python
        except LockError as error:
            raise Problem("no_build", str(error), error.hint) from error

    def _need_space(self, build: Build, fetcher: Fetcher) -> None:
        """Refuse before anything is downloaded where it cannot fit."""
        left = sum(max(file.size - fetcher.have(file), 0) for file in build.files)
        need, free = left + build.on_disk + _SPARE_BYTES, shutil.disk_usage(self.root).free
        if free < need:
            message = f"The backend needs {need / 1e9:.1f} GB at {self.root}, and {free / 1e9:.1f} GB are free."
            raise Problem("disk_full", message, "Free some space, or choose another folder in the preferences.")

    def _prepare(self, python: tools.Python, target: Path) -> None:
        """An empty environment with pip."""
        self._run(tools.leashed(python.path, "module", "venv", "--without-pip", str(target)), "make an environment")
        inside = layout.python_in(target)
        self._run(tools.leashed(inside, "module", "ensurepip", "--default-pip"), "put pip into the environment")

    def _download(self, build: Build, fetcher: Fetcher) -> None:
        """All files, one after another; progress in bytes of all of them."""
        # Where the lock does not know a size, what has come counts for both sides.
        done = 0
        start, first = time.monotonic(), sum(fetcher.have(file) for file in build.files)
        for number, file in enumerate(build.files, 1):
            title = f"{file.requirement.split('==')[0]} ({number} of {len(build.files)})"
            came = 0

            def heard(here: int, title: str = title, before: int = done) -> None:
                nonlocal came
                came = here
                self._go_on()
                self._progress(title, before + here, max(build.download, before + here), start, first)

            fetcher.fetch(file, heard)
            done += came

    def _unpack(self, build: Build, target: Path, packages: Path) -> None:
        """Install what was downloaded, and nothing else: no index, no dependencies, every file by its hash."""
        python, site = layout.python_in(target), layout.site_packages(target)
        wheels = [file for file in build.files if file.is_wheel]
        sources = [file for file in build.files if not file.is_wheel]

        def watch() -> None:
            self._go_on()
            if time.monotonic() - self._told > _REPORT_SECONDS:
                count = len(list(site.glob("*.dist-info"))) - 1
                self._progress(f"{max(count, 0)} of {len(build.files)} packages", count, len(build.files))

        fixed = ("--no-index", "--no-deps", "--require-hashes", "--no-cache-dir", "--find-links", str(packages))
        for files, extra in ((wheels, ("--only-binary", ":all:")), (sources, ("--no-build-isolation",))):
            if files:
                wanted = self.root / "requirements.txt"
                wanted.write_text("".join(f"{_pinned(file)}\n" for file in files), encoding="utf-8")
                pip = ("--isolated", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
                command = tools.leashed(python, "module", "pip", *pip, *fixed, *extra, "-r", str(wanted))
                self._run(command, "install the packages", watch)
                wanted.unlink()

    def _check(self, python: Path, imports: tuple[str, ...], expects_cuda: bool = False) -> str:
        """Load every library and ask the backend itself (``doctor``); a note where the card cannot be used."""
        hint = "Repair the backend; if that does not help, copy the diagnostics and report them."
        if not python.is_file():
            raise Problem("broken", f"{python} is gone.", hint)
        facts = self._answer(tools.leashed(python, "script", str(PROBE), *imports))
        if failed := facts.get("failed"):
            name, why = next(iter(failed.items()))
            raise Problem("broken", f"{name} does not load in the environment: {why}", hint)
        if "failed" not in facts:
            raise Problem("broken", f"The environment's Python does not run. {self._said()}".strip(), hint)
        checks = self._answer(tools.leashed(python, "script", self.plan.backend, "doctor", "--json")).get("checks")
        if not checks:
            raise Problem("broken", f"The backend does not answer. {self._said()}".strip(), hint)
        bad = [check for check in checks if check.get("required") and not check.get("ok")]
        if bad:
            found = bad[0]
            raise Problem("broken", f"{found['name']}: {found['detail']}", str(found.get("hint") or hint))
        return "" if facts["cuda"] or not expects_cuda else "PyTorch finds no graphics card it can use."

    # Helpers ----------------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        if not self.plan.in_use:
            for path in layout.unused(self.root):
                layout.delete(path)

    def _run(self, command: list[str], purpose: str, check: Callable[[], None] | None = None) -> None:
        """One tool; a failure says what it said last."""
        try:
            status = tools.run(command, self.log, check or self._go_on)
        except OSError as error:
            raise Problem("tool_failed", f"Could not {purpose}: {error}.", "See the log.") from error
        if status:
            said = self._said()
            if "No space left" in said or "Errno 28" in said:
                raise OSError(errno.ENOSPC, "No space left on device", str(self.root))
            raise Problem("tool_failed", f"Could not {purpose} (status {status}). {said}".strip(), "See the log.")

    def _answer(self, command: list[str]) -> dict[str, Any]:
        """The JSON that a tool prints last; empty where it prints none."""
        before = self.log.stat().st_size if self.log.exists() else 0
        self.log.parent.mkdir(parents=True, exist_ok=True)
        tools.run(command, self.log, self._go_on)
        with self.log.open("rb") as stream:
            stream.seek(before)
            lines = stream.read().decode("utf-8", "replace").splitlines()
        for line in reversed(lines):
            if line.startswith("{"):
                with contextlib.suppress(ValueError):
                    return dict(json.loads(line))
        return {}

    def _said(self) -> str:
        """The last thing a tool said, for people."""
        with contextlib.suppress(OSError):
            lines = self.log.read_bytes()[-3000:].decode("utf-8", "replace").splitlines()
            return next((line.strip() for line in reversed(lines) if "rror" in line), "")
        return ""

    def _begin(self, step: int) -> None:
        self._go_on()
        self._step, self._told = step, 0.0
        self._progress("", 0, 0)

    def _progress(self, text: str, done: int, total: int, start: float = 0.0, first: int = 0) -> None:
        """Tell how far it is, a few times a second; bytes in the step that downloads, packages in the next."""
        now = time.monotonic()
        if now - self._told < _REPORT_SECONDS and done < total:
            return
        self._told = now
        came, seconds = done - first, now - start
        left = (total - done) * seconds / came if start and came > 0 and seconds > 1 else None
        self._tell({
            "event": "progress", "step": self._step + 1, "steps": len(STEPS), "title": STEPS[self._step], "text": text,
            "done": done, "total": total, "seconds_left": left,
        })  # fmt: skip

    def _go_on(self) -> None:
        if self._stopped():
            raise Cancelled

    def _pause(self, seconds: float) -> None:
        """Wait, but not past a cancel."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._go_on()
            time.sleep(0.05)


def _pinned(file: File) -> str:
    return f"{file.requirement} --hash=sha256:{file.sha256}"


def _facts(build: Build, python: tools.Python) -> dict[str, Any]:
    """The event that says what is installed."""
    return {
        "event": "build", "kind": build.kind, "title": build.title, "download": build.download, "key": build.key,
        "on_disk": build.on_disk, "note": build.note, "python": python.version, "files": len(build.files),
    }  # fmt: skip


def _size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@contextlib.contextmanager
def _disk_in_words(root: Path) -> Iterator[None]:
    """What the disk may refuse, as a problem with a way out."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
            message = f"The disk is full at {root}."
            hint = "Free some space and continue: what has come so far is kept."
            raise Problem("disk_full", message, hint) from error
        hint = "Choose a folder you may write to in the preferences."
        raise Problem("unwritable", f"{root} cannot be used: {error.strerror or error}.", hint) from error
