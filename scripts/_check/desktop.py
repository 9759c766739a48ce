# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual screen with a mouse and a keyboard: Xvfb and xdotool. Pixels from the top left corner."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

WIDTH, HEIGHT = 1600, 1000


class Desktop:
    """The screen; a context manager. Screenshots go to ``folder`` as ``01 name.png`` and so on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.display = ""
        self._shots = 0
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Desktop:
        size = f"{WIDTH}x{HEIGHT}x24"
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        number = self._server.stdout.readline().strip() if self._server.stdout else ""
        if not number:
            raise RuntimeError("expected Xvfb to start and name its display, got nothing")
        self.display = f":{number}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.terminate()
            self._server.wait()

    def _tool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], check=True, env={"DISPLAY": self.display, "PATH": "/usr/bin:/bin"})

    def move(self, x: float, y: float) -> None:
        """Move the mouse there in two steps: Blender highlights what the mouse moves over, not what it jumps to."""
        self._tool("mousemove", str(round(x) - 3), str(round(y)), "sleep", "0.03", "mousemove_relative", "3", "0")

    def click(self, x: float, y: float, times: int = 1) -> None:
        """Click the left button, with a person's pauses."""
        self.move(x, y)
        time.sleep(0.3)
        self._tool("click", "--repeat", str(times), "--delay", "60", "1")
        time.sleep(0.3)

    def drag(self, places: list[tuple[float, float]], held: str = "") -> None:
        """Press the left button at the first place, move through the others and let go; ``held``: a key meanwhile."""
        self.move(*places[0])
        time.sleep(0.3)
        if held:
            self._tool("keydown", held)
        self._tool("mousedown", "1")
        # A busy Blender takes a button to have been pressed where the mouse is by then.
        for x, y in places[1:]:
            time.sleep(0.8)
            self._tool("mousemove", str(round(x)), str(round(y)))
        time.sleep(0.3)
        self._tool("mouseup", "1")
        if held:
            self._tool("keyup", held)
        time.sleep(0.3)

    def write(self, text: str) -> None:
        """Type text."""
        self._tool("type", "--delay", "15", text)

    def key(self, name: str) -> None:
        """Press a key, such as ``Return`` or ``ctrl+a``."""
        self._tool("key", name)
        time.sleep(0.2)

    def shot(self, name: str) -> Path:
        """Take a picture of the whole screen."""
        self._shots += 1
        path = self.folder / f"{self._shots:02d} {name}.png"
        subprocess.run(["import", "-display", self.display, "-window", "root", str(path)], check=True)
        return path
