# SPDX-License-Identifier: GPL-3.0-or-later
"""A *world* for environments made for real by venv and pip: a lock with two tiny wheels, a folder of them, a server of
them that may break off, and a backend that says it is well.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from turnaround.addon.environment import layout
from turnaround.addon.environment.machine import this_platform
from turnaround.addon.environment.manager import Manager, Settings, State

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
DOCTOR = 'import json, sys, tiny\nprint(json.dumps({"checks": [{"name": "tiny", "ok": %s, "required": True, '
DOCTOR += '"detail": tiny.VERSION, "hint": "Do this."}]}))\n'


def wheel(name: str, version: str, code: str, size: int = 0) -> tuple[str, bytes]:
    """A pure wheel with one module; ``size`` bytes that do not compress are added."""
    folder, out = f"{name}-{version}.dist-info", io.BytesIO()
    texts = {
        f"{name}.py": code.encode(),
        f"{name}_data.bin": hashlib.shake_128(name.encode()).digest(size),
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    texts[f"{folder}/RECORD"] = "".join(f"{path},,\n" for path in [*texts, f"{folder}/RECORD"]).encode()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in texts.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return f"{name}-{version}-py3-none-any.whl", out.getvalue()


class World:
    """Everything outside the manager; ``base`` has spaces and letters that are not ASCII in its name."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.packages, self.root = base / "packages", base / "Benutzer Müller" / "ünï cödé"
        self.packages.mkdir(parents=True)
        self.lock, self.backend = base / "lock.json", base / "backend.py"
        self.server: Any = None
        self.release("1.0")
        self.well()

    def release(self, version: str, code: str = "", size: int = 3_000_000) -> None:
        """Write the lock of a version; its packages are ``tiny`` and the larger ``torchlike``."""
        made = dict([
            wheel("tiny", version, code or f"VERSION = {version!r}\n"),
            wheel("torchlike", version, "", size),
        ])  # fmt: skip
        for name, data in made.items():
            (self.packages / name).write_bytes(data)
        self.files = {n: ["here", n, len(d), hashlib.sha256(d).hexdigest()] for n, d in made.items()}
        self.write_lock("https://packages.invalid/")

    def write_lock(self, source: str) -> None:
        names = list(self.files)
        row = {"base": names[:1], "torch": {"cpu": names[1:]}}
        self.lock.write_text(
            json.dumps({
                "sources": {"here": source},
                "imports": ["tiny"],
                "files": self.files,
                "platforms": {this_platform(): {PYTHON: row}},
            })
        )  # fmt: skip

    def well(self, ok: bool = True) -> None:
        self.backend.write_text(DOCTOR % ok)

    def manager(self, **changes: Any) -> Manager:
        settings: dict[str, Any] = {"root": self.root, "pythons": [sys.executable], "packages": str(self.packages)}
        return Manager(Settings(**(settings | changes)), lock=self.lock, backend=self.backend)

    def version(self, manager: Manager) -> str:
        """What the environment in use imports as ``tiny``."""
        command = [str(manager.python()), "-I", "-c", "import tiny; print(tiny.VERSION)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    @staticmethod
    def until(manager: Manager, condition: Callable[[], Any], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (manager.progress, manager.trouble)
            manager.pump()
            time.sleep(0.005)

    @staticmethod
    def leftovers(root: Path) -> set[str]:
        """Names in the folder but the environment in use and what always stays."""
        now = layout.installed(root)
        return {p.name for p in root.iterdir()} - {
            now.folder if now else "",
            "environment.json",
            "install.lock",
            "install.log",
        }

    @staticmethod
    def alive(word: str) -> list[str]:
        """Command lines of processes that have ``word`` in them (Linux)."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                text = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                if word in text and str(os.getpid()) != path.parent.name:
                    found.append(text)
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "a world")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which version 1.0 is installed; tests that use it leave it so."""
    made = World(tmp_path_factory.mktemp("ready") / "a world")
    manager = made.manager()
    manager.install()
    assert manager.wait().state is State.READY, manager.trouble
    return made


@pytest.fixture
def managers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Manager]]:
    """Ended after the test, whatever happens."""
    made: list[Manager] = []
    begin = Manager.__init__

    def note(self: Manager, *args: Any, **named: Any) -> None:
        begin(self, *args, **named)
        made.append(self)

    monkeypatch.setattr(Manager, "__init__", note)
    yield made
    for manager in made:
        manager.stop()


class Server:
    """Serves a folder on this computer. ``breaks``: bytes after which each connection breaks off; 0 never."""

    def __init__(self, folder: Path) -> None:
        self.breaks, self.pause, self.asked, self.resumes, self.ranges = 0, 0.0, 0, [], True
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                return

            def do_GET(self) -> None:
                outer.asked += 1
                path = folder / self.path.strip("/")
                if not path.is_file():
                    self.send_error(404)
                    return
                data, wanted = path.read_bytes(), self.headers.get("Range") if outer.ranges else None
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if wanted:
                    outer.resumes.append(start)
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                rest = data[start : start + outer.breaks] if outer.breaks else data[start:]
                with contextlib.suppress(OSError):
                    for at in range(0, len(rest), 1 << 16):
                        self.wfile.write(rest[at : at + (1 << 16)])
                        time.sleep(outer.pause)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    made = Server(world.packages)
    yield made
    made.http.shutdown()
    made.http.server_close()
