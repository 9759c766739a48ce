# SPDX-License-Identifier: GPL-3.0-or-later
"""The session against a backend that follows a plan: every way in which a job may end. No Blender here."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from turnaround.addon import process, session
from turnaround.addon.session import Problem, Session, State
from turnaround.protocol import ERRORS, JobSpec

Fake = Callable[..., Path]


@pytest.fixture
def start(tmp_path: Path, fake_backend: Fake) -> Iterator[Callable[..., Session]]:
    """``start(plan)``: a session whose backend follows ``plan``; ended after the test."""
    made: list[Session] = []

    def build(plan: str = "done", version: int = 1) -> Session:
        made.append(Session(Path(sys.executable), tmp_path / "logs" / "backend.log", fake_backend(plan, version)))
        return made[-1]

    yield build
    for item in made:
        item.stop()


def spec(tmp_path: Path) -> JobSpec:
    return JobSpec(capture=str(tmp_path), job=str(tmp_path / "job"))


def until(item: Session, condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still {item.state}"
        item.pump()
        time.sleep(0.01)


def test_a_job_is_followed_to_its_end(start, tmp_path):
    item = start()
    item.submit(spec(tmp_path))
    assert item.state is State.STARTING
    seen = []
    assert item.wait(lambda job: seen.append((job.stage, job.fraction, job.seconds_left))) is State.DONE
    assert item.job.result == str(tmp_path / "job" / "result.json")
    assert item.job.finished == ["frames"]
    assert item.job.warnings == [Problem(code="few", message="Few photos.", hint="Take more.", stage="cameras")]
    assert item.job.fraction == 1.0
    assert seen
    assert not item.busy
    assert item.running, "the backend stays for the next job"


def test_the_same_backend_takes_the_next_job(start, tmp_path):
    item = start()
    item.submit(spec(tmp_path))
    item.wait()
    child = item._child
    item.submit(spec(tmp_path))
    assert item.wait() is State.DONE
    assert item._child is child


def test_progress_has_stage_fraction_message_and_time_left(start, tmp_path):
    item = start("waits")
    item.submit(spec(tmp_path))
    until(item, lambda: item.state is State.RUNNING and item.job.stage == "frames")
    assert (item.job.fraction, item.job.message, item.job.seconds_left) == (0.25, "3 of 12", 42.0)
    with pytest.raises(ValueError, match="A job is running"):
        item.submit(spec(tmp_path))


def test_cancel_ends_the_job_and_keeps_the_backend(start, tmp_path):
    item = start("waits")
    item.submit(spec(tmp_path))
    until(item, lambda: item.state is State.RUNNING)
    item.cancel()
    assert item.state is State.CANCELLING
    item.cancel()
    assert item.wait() is State.CANCELLED
    assert item.running


def test_cancel_before_the_backend_has_answered(start, tmp_path):
    item = start("deaf")
    item.submit(spec(tmp_path))
    item.cancel()
    assert item.state is State.CANCELLED
    assert not item.running


def test_a_backend_that_ignores_cancel_is_killed(start, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "CANCEL_SECONDS", 0.5)
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.2)
    item = start("stubborn")
    item.submit(spec(tmp_path))
    until(item, lambda: item.state is State.RUNNING)
    child = item._child
    item.cancel()
    assert item.wait() is State.CANCELLED
    assert child.wait(5) != 0


def test_a_failure_brings_its_hint_and_remedy(start, tmp_path):
    item = start("fails")
    item.submit(spec(tmp_path))
    assert item.wait() is State.FAILED
    problem = item.job.problem
    assert (problem.stage, problem.code) == ("cameras", "cameras_failed")
    assert problem.message == "No two photos match."
    assert problem.hint == "Take photos closer together."
    assert problem.remedy == ERRORS["cameras_failed"]


def test_a_refused_job_fails_with_the_backends_reason(start, tmp_path):
    item = start("refuses")
    item.submit(spec(tmp_path))
    assert item.wait() is State.FAILED
    assert item.job.problem == Problem(code="job_busy", message="Another program uses this job.", hint="Wait for it.")


def test_a_dying_backend_fails_the_job_with_its_last_words_and_may_be_started_again(start, tmp_path, fake_backend):
    item = start("dies")
    item.submit(spec(tmp_path))
    assert item.wait() is State.FAILED
    assert item.job.problem.code == "backend_died"
    assert "exit status 9" in item.job.problem.message
    assert "out of luck" in item.job.problem.hint
    assert item.job.problem.remedy == "run_again"
    fake_backend("done")
    item.submit(spec(tmp_path))
    assert item.wait() is State.DONE


def test_a_backend_that_cannot_start_says_why(start, tmp_path):
    item = start("dies_at_start")
    item.submit(spec(tmp_path))
    assert item.wait() is State.FAILED
    assert item.job.problem.remedy == "repair_backend"
    assert "No module named 'numba'" in item.job.problem.hint


def test_another_version_is_refused_with_a_remedy(start, tmp_path):
    item = start(version=99)
    item.submit(spec(tmp_path))
    assert item.wait() is State.FAILED
    assert item.job.problem.code == "version_mismatch"
    assert "99" in item.job.problem.message
    assert not item.running


def test_a_silent_backend_is_given_up(start, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "HELLO_SECONDS", 0.5)
    item = start("deaf")
    item.submit(spec(tmp_path))
    assert item.wait() is State.FAILED
    assert item.job.problem.message == "The backend does not answer."
    assert not item.running


@pytest.mark.parametrize("python", [None, Path("/no/such/python")])
def test_no_interpreter_is_an_error_not_a_crash(tmp_path, python):
    item = Session(python, tmp_path / "backend.log")
    item.submit(spec(tmp_path))
    assert item.wait() is State.FAILED
    assert item.job.problem.code == "backend_missing"
    with pytest.raises(ValueError, match="backend"):
        item.ask("doctor", {})


def test_ask_returns_the_answer_or_the_cause(start, tmp_path, monkeypatch):
    picture = tmp_path / "p.ppm"
    picture.write_bytes(b"P6 1 1 255\n000")
    monkeypatch.setenv("FAKE_PREVIEW", str(picture))
    item = start()
    assert item.ask("preview", {})["source_width"] == 400
    monkeypatch.setenv("FAKE_PREVIEW", str(tmp_path / "absent"))
    dying = start()
    with pytest.raises(ValueError, match="stopped unexpectedly"):
        dying.ask("preview", {})


def test_the_child_sees_nothing_of_this_python(start, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/blender/scripts")
    monkeypatch.setenv("PYTHONHOME", sys.prefix)
    monkeypatch.setenv("PYTHONSTARTUP", "x.py")
    item = start()
    item.call("doctor", {}, lambda *_: None)
    until(item, lambda: bool(item.capabilities))
    assert item.capabilities == {"leaked": [], "isolated": True}


def test_stop_leaves_no_process_and_may_be_called_twice(start, tmp_path):
    item = start("waits")
    item.submit(spec(tmp_path))
    until(item, lambda: item.state is State.RUNNING)
    child = item._child
    item.stop()
    assert item.state is State.CANCELLED
    assert child.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    item.stop()


def test_pump_never_waits(start, tmp_path):
    item = start("waits")
    item.submit(spec(tmp_path))
    until(item, lambda: item.state is State.RUNNING)
    before = time.perf_counter()
    for _ in range(100):
        item.pump()
    assert time.perf_counter() - before < 0.5


def test_a_spec_out_of_range_starts_nothing(start, tmp_path):
    item = start()
    with pytest.raises(ValueError, match="preset"):
        item.submit(JobSpec(capture=str(tmp_path), job=str(tmp_path), preset="best"))
    assert not item.running
    assert not item.busy


class TestFindPython:
    def test_the_preference_wins_then_the_variable_then_the_folder(self, tmp_path, monkeypatch):
        chosen, named = tmp_path / "chosen", tmp_path / "named"
        inside = tmp_path / "environment" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        inside.parent.mkdir(parents=True)
        for path in (chosen, named, inside):
            path.touch()
        monkeypatch.setenv(process.PYTHON_VARIABLE, str(named))
        assert process.find_python(str(chosen), tmp_path) == chosen
        assert process.find_python("", tmp_path) == named
        monkeypatch.delenv(process.PYTHON_VARIABLE)
        assert process.find_python("", tmp_path) == inside
        assert process.find_python("", None) is None

    def test_a_wrong_name_is_not_replaced_silently(self, tmp_path, monkeypatch):
        monkeypatch.setenv(process.PYTHON_VARIABLE, str(tmp_path / "absent"))
        assert process.find_python("", tmp_path) is None
