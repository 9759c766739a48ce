# SPDX-License-Identifier: GPL-3.0-or-later
"""Fake stages, the worker and the service that run them, and a capture that tells them what to do."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path

import pytest
from turnaround.protocol import JobSpec

FAKES = Path(__file__).parent / "fakes"


@pytest.fixture(scope="session")
def fake_stages():
    """The module ``fakes/stages.py``."""
    spec = importlib.util.spec_from_file_location("fake_stages", FAKES / "stages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_worker() -> list[str]:
    """The command of a worker with fake stages."""
    return [sys.executable, str(FAKES / "worker.py")]


@pytest.fixture
def fake_service() -> list[str]:
    """The command of a service whose workers run fake stages; its idle time is to be added."""
    return [sys.executable, str(FAKES / "service.py")]


class FakeCapture:
    """A capture folder, the behaviour of the stages on it, and which of them ran."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "capture"
        self.folder.mkdir(parents=True)
        (self.folder / "photo.jpg").write_bytes(b"not really")

    def behave(self, **stages: str) -> None:
        (self.root / "behaviour.json").write_text(json.dumps(stages))

    def spec(self, job: str = "job", **fields) -> JobSpec:
        prompts = {"photo.jpg": [{"type": "point", "xy": [1, 1], "label": 1}]}
        return JobSpec(capture=str(self.folder), job=str(self.root / job), **{"prompts": prompts, **fields})

    def ran(self) -> list[str]:
        """Stages run since the last call."""
        path = self.root / "runs.txt"
        names = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return names


@pytest.fixture
def fake_capture(tmp_path) -> FakeCapture:
    """A capture whose path has spaces and letters outside ASCII."""
    return FakeCapture(tmp_path / "my photos é")


def wait_for(condition, seconds: float = 10.0) -> None:
    """Wait until ``condition()`` holds; fail the test where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"expected within {seconds} s: {condition}")
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs (one that has ended and was not collected does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def descendants(pid: int) -> list[int]:
    """Processes below ``pid`` (Linux)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            found += [child, *descendants(child)]
    return found


@pytest.fixture(name="wait_for")
def _wait_for():
    return wait_for


@pytest.fixture(name="alive")
def _alive():
    return alive


@pytest.fixture(name="descendants")
def _descendants():
    return descendants
