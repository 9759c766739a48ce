# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender in a root folder, seen from outside: its process, what its reporter says, where its buttons are."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .desktop import HEIGHT, WIDTH, Desktop

REPORTER = Path(__file__).resolve().parent / "reporter.py"
SWEEP = 9
"""Pixels between two looks for a button; the lowest button is 20 high."""
TAB_INSET = 12
"""Pixels from the sidebar's right edge to the middle of its tabs."""


class CheckError(AssertionError):
    """Something is not as it must be."""


def wait_until(what: str, seconds: float, test: Callable[[], Any]) -> Any:
    """Call ``test`` until it gives something true and return that; ``CheckError`` after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := test():
            return value
        time.sleep(0.2)
    raise CheckError(f"expected within {seconds:.0f} s: {what}")


class Blender:
    """One run of Blender with a window on ``desktop``."""

    def __init__(self, root: Path, folder: Path, python: Path, desktop: Desktop) -> None:
        self.root, self.folder, self.python, self.desktop = root, folder, python, desktop
        self.asked = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.slowest: dict[str, list[float]] = {}

    def environment(self) -> dict[str, str]:
        """A home, a profile and a backend of its own; TURNAROUND_CHECK marks every process that descends from us."""
        return {
            "HOME": str(self.folder / "a home"),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "BLENDER_USER_RESOURCES": str(self.folder / "a profile"),
            "TURNAROUND_PYTHON": str(self.python),
            "TURNAROUND_CHECK": str(self.folder),
            "DISPLAY": self.desktop.display,
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }

    def run(self, *arguments: str, seconds: float = 300) -> str:
        """Run Blender to its end, without a window; its output. ``CheckError`` for a bad exit status."""
        done = subprocess.run(
            ["chroot", str(self.root), "blender", *arguments],
            env=self.environment(), capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        if done.returncode:
            raise CheckError(f"expected blender {arguments[0]} to end with 0, got {done.returncode}:\n{output[-3000:]}")
        return output

    def start(self) -> None:
        """Open the window and wait until the reporter answers and the sidebar is there."""
        for name in ("ask.json", "state.json"):
            (self.folder / name).unlink(missing_ok=True)
        window = ["--window-geometry", "0", "0", str(WIDTH), str(HEIGHT)]
        with (self.folder / "blender.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["chroot", str(self.root), "blender", "-noaudio", "--gpu-backend", "opengl", *window,
                 "--python", str(REPORTER)],
                env=self.environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        wait_until("Blender's window with its sidebar", 120, lambda: self.region("VIEW_3D", "UI"))
        time.sleep(3)
        self.choose_tab("Turnaround")

    def choose_tab(self, name: str) -> None:
        """Click down the sidebar's tabs until ``name`` is in front."""
        sidebar = wait_until("the sidebar", 10, lambda: self.region("VIEW_3D", "UI"))
        x, top = sidebar["x"] + sidebar["width"] - TAB_INSET, HEIGHT - (sidebar["y"] + sidebar["height"])
        for y in range(round(top) + 20, round(top + sidebar["height"]) - 20, 3 * SWEEP):
            self.desktop.click(x, y)
            now = self.region("VIEW_3D", "UI")
            if now and now["tab"] == name:
                return
        raise CheckError(f"expected a tab {name} in the sidebar, found none")

    def state(self, **more: str) -> dict[str, Any]:
        """The reporter's answer to a new question; {} while Blender does not answer. ``more`` goes with it."""
        self.asked += 1
        temporary = self.folder / "ask.tmp"
        temporary.write_text(json.dumps({"id": self.asked, **more}))
        temporary.replace(self.folder / "ask.json")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.process is not None and self.process.poll() is not None:
                raise CheckError(f"expected Blender to go on, it ended with {self.process.returncode}")
            try:
                answer = json.loads((self.folder / "state.json").read_text())
            except FileNotFoundError:
                answer = {}
            if answer.get("id") == self.asked:
                for name, taken in answer.get("slowest", {}).items():
                    self.slowest[name] = max(self.slowest.get(name, [0.0, 0.0]), taken)
                return answer
            time.sleep(0.03)
        return {}

    def region(self, area: str, region: str) -> dict[str, Any] | None:
        """A region's place by type, or None."""
        found = [r for r in self.state().get("regions", []) if (r["area"], r["region"]) == (area, region)]
        return found[0] if found else None

    def button(self, name: str, seconds: float = 60) -> tuple[float, float]:
        """Screen place of the button in the 3D view's sidebar whose operator or property contains ``name``."""
        end = time.monotonic() + seconds
        seen: list[str] = []
        while time.monotonic() < end:
            sidebar = self.region("VIEW_3D", "UI")
            if sidebar is None:
                raise CheckError("expected the sidebar of the 3D view, it is not there")
            x = sidebar["x"] + 0.4 * sidebar["width"]
            top = HEIGHT - (sidebar["y"] + sidebar["height"])
            for y in range(round(top) + 6, round(top + sidebar["height"]) - 6, SWEEP):
                self.desktop.move(x, y)
                time.sleep(0.12)
                seen.append(self.hovered())
                if name not in seen[-1]:
                    continue
                # A busy Blender may not have seen the mouse move yet and still name the button that was left.
                self.desktop.move(x, y + 3)
                time.sleep(0.4)
                if name in self.hovered():
                    return x, y + 3
        raise CheckError(f"expected a button for {name}, saw {sorted(set(filter(None, seen)))}")

    def hovered(self) -> str:
        """The operator's call or the property's path of the button under the mouse, or an empty string."""
        under = self.state().get("hovered", {})
        return under.get("operator") or under.get("property") or ""

    def press(self, name: str) -> None:
        """Find a button and click it."""
        self.desktop.click(*self.button(name))

    def kill(self) -> None:
        """End Blender as a crash would."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def relatives(self) -> list[str]:
        """Command lines of all living processes that descend from this check's Blender."""
        mark = f"TURNAROUND_CHECK={self.folder}".encode()
        found = []
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return [f for f in found if f.strip()]
