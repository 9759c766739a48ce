# SPDX-License-Identifier: GPL-3.0-or-later
"""A *lane* is a group of checks that runs in a process of its own, with a time limit, its output in a log.

A lane of pytest counts its tests (from the JUnit report, so that a crash cannot pass for success); any other lane is
one check for each command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

from .environments import ROOT

LOGS = ROOT / "build" / "test"
NO_TESTS_COLLECTED = 5
TAIL_LINES = 40


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One group of checks. ``seconds`` limits each command; ``pytest`` tells that tests are to be counted."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    seconds: float
    pytest: bool = False
    folder: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Outcome:
    """What became of a lane; ``reason`` is empty when all is well."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    reason: str = ""


def run(lane: Lane) -> Outcome:
    """Run all commands of ``lane``, also after one failed; print the end of its log if it failed."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{lane.name.replace(' ', '-')}.log"
    report = log.with_suffix(".xml")
    report.unlink(missing_ok=True)
    print(f"\n── {lane.name}", flush=True)
    outcome, start = Outcome(name=lane.name), time.monotonic()
    with log.open("w") as out:
        for command in lane.commands:
            extra = [f"--junitxml={report}"] if lane.pytest else []
            status = _limited([*command, *extra], lane, out)
            if lane.pytest:
                _count(outcome, report, status)
            elif status:
                outcome.failed += 1
                outcome.reason = _meaning(status, command)
            else:
                outcome.passed += 1
    outcome.seconds = time.monotonic() - start
    if outcome.failed:
        text = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        print("\n".join(f"   {line}" for line in text), flush=True)
    verdict = "passed" if not outcome.failed else f"FAILED: {outcome.reason} (log: {log.relative_to(ROOT)})"
    print(f"   {verdict} after {outcome.seconds:.0f} s", flush=True)
    return outcome


def failed(name: str, reason: str) -> Outcome:
    """A lane that could not even start."""
    print(f"\n── {name}\n   FAILED: {reason}", flush=True)
    return Outcome(name=name, failed=1, reason=reason.splitlines()[0])


def _limited(command: list[str], lane: Lane, out: object) -> int:
    """Exit status; -1 when the time limit was reached and the whole process group was ended."""
    with subprocess.Popen(
        command,
        cwd=lane.folder,
        env={**os.environ, **lane.environment},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(timeout=lane.seconds)
        except subprocess.TimeoutExpired:
            out.write(f"\nended after {lane.seconds:.0f} s, its time limit\n")
            return -1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _meaning(status: int, command: tuple[str, ...]) -> str:
    name = " ".join(Path(part).name for part in command[:2])
    return f"{name} reached its time limit" if status == -1 else f"{name} ended with status {status}"


def _count(outcome: Outcome, report: Path, status: int) -> None:
    """Add pytest's own counts; a run that ends badly without a failed test counts as one failure."""
    failures = 0
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 (our own report)
            total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            failures += bad
            outcome.skipped += skipped
            outcome.passed += max(total - skipped - bad, 0)
    outcome.failed += failures
    if failures:
        outcome.reason = f"{failures} tests failed"
    elif status == NO_TESTS_COLLECTED:
        outcome.failed, outcome.reason = outcome.failed + 1, "no tests were found"
    elif status or not report.exists():
        outcome.failed, outcome.reason = outcome.failed + 1, _meaning(status, ("pytest",))
