# SPDX-License-Identifier: GPL-3.0-or-later
"""The test runner tells the truth: a failure, a crash, a hang and an empty run are all failures."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

THREE_TESTS = """
import pytest
def test_right(): pass
def test_wrong(): assert False
@pytest.mark.skip(reason="because")
def test_not_here(): pass
"""


@pytest.fixture
def lanes(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with its logs in a temporary folder."""
    monkeypatch.syspath_prepend(str(repository / "scripts"))
    module = importlib.import_module("_setup.lanes")
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_each_command_is_a_check_and_all_of_them_run(lanes: ModuleType, tmp_path: Path) -> None:
    commands = (python("pass"), python("raise SystemExit(3)"), python("open('reached', 'w')"))
    outcome = lanes.run(lanes.Lane(name="some checks", commands=commands, seconds=60, folder=tmp_path))
    assert (outcome.passed, outcome.failed) == (2, 1)
    assert "status 3" in outcome.reason
    assert (tmp_path / "reached").exists()


def test_a_hang_is_ended_with_all_its_children(lanes: ModuleType, tmp_path: Path) -> None:
    child = "import time; time.sleep(4); open('survived', 'w')"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    start = time.monotonic()
    outcome = lanes.run(lanes.Lane(name="hang", commands=(python(code),), seconds=1.5, folder=tmp_path))
    assert time.monotonic() - start < 30
    assert outcome.failed == 1 and "time limit" in outcome.reason
    time.sleep(4.5)
    assert not (tmp_path / "survived").exists()


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (THREE_TESTS, (1, 1, 1)),
        ("def test_right(): pass", (1, 0, 0)),
        ("import os\ndef test_gone(): os._exit(0)", (0, 1, 0)),
        ("nothing = 1", (0, 1, 0)),
        ("import no_such_module_at_all", (0, 1, 0)),
    ],
    ids=["mixed", "all right", "ends without a report", "no tests", "not importable"],
)
def test_pytest_lanes_count_what_really_passed(
    lanes: ModuleType, tmp_path: Path, text: str, counts: tuple[int, int, int]
) -> None:
    (tmp_path / "test_some.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    pytest_command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_some.py")
    outcome = lanes.run(lanes.Lane(name="t", commands=(pytest_command,), seconds=60, pytest=True, folder=tmp_path))
    assert (outcome.passed, outcome.failed, outcome.skipped) == counts
    assert bool(outcome.reason) == bool(counts[1])
