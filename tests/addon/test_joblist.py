# SPDX-License-Identifier: GPL-3.0-or-later
"""The job list against a backend that follows a plan. No Blender here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from turnaround.addon import joblist
from turnaround.addon.holding import locked
from turnaround.addon.joblist import JobList
from turnaround.addon.session import Session
from turnaround.protocol import JobSpec


@pytest.fixture
def session(tmp_path, fake_backend):
    """A session whose backend fails on captures called *bad* and finishes the others."""
    item = Session(Path(sys.executable), tmp_path / "backend.log", fake_backend("done"))
    yield item
    item.stop()


def spec(tmp_path, name):
    (tmp_path / name).mkdir(exist_ok=True)
    return JobSpec(capture=str(tmp_path / name), job=str(tmp_path / "jobs" / name), preset="draft")


def run(jobs, session, until, seconds=10.0):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, [e.state for e in jobs.entries]
        session.pump()
        jobs.pump(session)
        time.sleep(0.01)


def test_jobs_run_one_after_another_and_a_failure_stops_none(tmp_path, session):
    jobs = JobList(tmp_path / "jobs.json")
    for name in ("good one", "bad", "good two"):
        jobs.add(spec(tmp_path, name))
    assert jobs.pump(session)
    assert [e.state for e in jobs.entries] == ["running", "waiting", "waiting"]
    assert not jobs.pump(session), "one at a time"
    run(jobs, session, lambda: not any(e.state in joblist.OPEN for e in jobs.entries))
    assert [e.state for e in jobs.entries] == ["done", "failed", "done"]
    assert jobs.entries[1].reason == "cameras: No two photos match. Take photos closer together."
    assert jobs.entries[0].title == "good one, draft"


def test_a_waiting_job_is_taken_out_and_comes_back(tmp_path, session):
    jobs = JobList(tmp_path / "jobs.json")
    first, second = jobs.add(spec(tmp_path, "good a")), jobs.add(spec(tmp_path, "good b"))
    jobs.cancel(second.job, session)
    run(jobs, session, lambda: first.state == "done")
    assert second.state == "cancelled"
    jobs.retry(second.job)
    run(jobs, session, lambda: jobs.find(second.job).state == "done")
    jobs.remove(second.job)
    assert [e.job for e in jobs.entries] == [first.job]


def test_a_running_job_is_cancelled_and_cannot_be_removed_or_added_twice(tmp_path, fake_backend):
    session = Session(Path(sys.executable), tmp_path / "backend.log", fake_backend("waits"))
    try:
        jobs = JobList(tmp_path / "jobs.json")
        entry = jobs.add(spec(tmp_path, "long"))
        run(jobs, session, lambda: session.job is not None and session.job.stage == "frames")
        with pytest.raises(ValueError, match="cancel it first"):
            jobs.remove(entry.job)
        with pytest.raises(ValueError, match="running already"):
            jobs.add(spec(tmp_path, "long"))
        jobs.cancel(entry.job, session)
        run(jobs, session, lambda: entry.state == "cancelled")
    finally:
        session.stop()


def test_the_list_outlives_blender_and_open_jobs_have_stopped(tmp_path, session):
    jobs = JobList(tmp_path / "sub" / "jobs.json")
    done = jobs.add(spec(tmp_path, "good"))
    run(jobs, session, lambda: done.state == "done")
    jobs.add(spec(tmp_path, "later"))
    jobs.started(spec(tmp_path, "now"))
    die(jobs)
    again = JobList(jobs.file)
    assert [(e.spec, e.state) for e in again.entries] == [
        (done.spec, "done"), (spec(tmp_path, "later"), "stopped"), (spec(tmp_path, "now"), "stopped"),
    ]  # fmt: skip
    assert "goes on" in again.entries[1].reason
    again.retry(again.entries[2].job)
    assert again.waiting


def die(jobs):
    """What the system does for a killed process: its locks are released, and nothing is written."""
    os.close(jobs._alive._handle)
    jobs._alive._handle = None


def look(jobs):
    """Look now, not only every other second."""
    jobs._next_look = 0.0
    jobs.look()
    return {e.job.rsplit("/", 1)[-1]: e.state for e in jobs.entries}


class TestTwoBlenders:
    def test_each_sees_the_others_jobs_and_writes_only_its_own(self, tmp_path, session):
        one, two = JobList(tmp_path / "jobs.json"), JobList(tmp_path / "jobs.json")
        mine = one.add(spec(tmp_path, "good a"))
        other = two.add(spec(tmp_path, "good b"))
        assert look(one) == look(two) == {"good a": "waiting", "good b": "waiting"}
        assert one.find(other.job).elsewhere
        assert two.find(mine.job).elsewhere
        run(one, session, lambda: mine.state == "done")
        assert look(two) == {"good a": "done", "good b": "waiting"}
        assert look(one)["good b"] == "waiting", "it is not ours to start"
        two.cancel(other.job, None)
        assert look(one) == {"good a": "done", "good b": "cancelled"}

    def test_an_open_job_elsewhere_can_be_neither_added_cancelled_nor_removed(self, tmp_path):
        one, two = JobList(tmp_path / "jobs.json"), JobList(tmp_path / "jobs.json")
        entry = two.started(spec(tmp_path, "a"))
        with pytest.raises(ValueError, match="running already in another Blender"):
            one.add(spec(tmp_path, "a"))
        one.cancel(entry.job, None)
        with pytest.raises(ValueError, match="is running"):
            one.remove(entry.job)
        assert look(two) == {"a": "running"}

    def test_what_one_removes_is_gone_for_the_other(self, tmp_path, session):
        one, two = JobList(tmp_path / "jobs.json"), JobList(tmp_path / "jobs.json")
        entry = one.add(spec(tmp_path, "good"))
        run(one, session, lambda: entry.state == "done")
        assert look(two) == {"good": "done"}
        two.remove(entry.job)
        two.add(spec(tmp_path, "good b"))
        assert look(one) == {"good b": "waiting"}

    def test_a_job_ended_here_and_run_again_there_keeps_the_newer_state(self, tmp_path, session):
        one, two = JobList(tmp_path / "jobs.json"), JobList(tmp_path / "jobs.json")
        entry = one.add(spec(tmp_path, "good"))
        run(one, session, lambda: entry.state == "done")
        look(two)
        two.retry(entry.job)
        one.add(spec(tmp_path, "good b"))
        assert look(two) == {"good": "waiting", "good b": "waiting"}

    def test_after_leaving_a_job_is_anyones(self, tmp_path):
        one, two = JobList(tmp_path / "jobs.json"), JobList(tmp_path / "jobs.json")
        entry = one.started(spec(tmp_path, "a"))
        assert look(two) == {"a": "running"}
        one.leave()
        assert look(two) == {"a": "stopped"}
        two.retry(entry.job)
        assert not list((tmp_path / "open").glob(f"*{one._alive.name}"))

    def test_a_lock_that_is_held_delays_writing_and_loses_nothing(self, tmp_path, session):
        jobs = JobList(tmp_path / "jobs.json")
        with locked(tmp_path / ".jobs.json.lock", 1.0) as held:
            assert held
            start = time.monotonic()
            entry = jobs.started(spec(tmp_path, "a"))
            assert time.monotonic() - start < 0.1, "nothing blocks Blender"
            assert not jobs.file.exists()
        jobs.pump(session)
        assert entry.job in jobs.file.read_text()

    def test_a_killed_process_lets_go_of_its_jobs(self, tmp_path):
        code = (
            "import sys, time; from turnaround.addon.joblist import JobList; from turnaround.protocol import JobSpec\n"
            "from pathlib import Path; jobs = JobList(Path(sys.argv[1]))\n"
            "jobs.started(JobSpec(capture=sys.argv[2], job=sys.argv[3], preset='draft')); print('up', flush=True)\n"
            "time.sleep(60)"
        )
        wanted = spec(tmp_path, "a")
        command = [sys.executable, "-c", code, str(tmp_path / "jobs.json"), wanted.capture, wanted.job]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout.readline() == "up\n"
            jobs = JobList(tmp_path / "jobs.json")
            assert look(jobs) == {"a": "running"}
            other.kill()
            other.wait()
        assert look(jobs) == {"a": "stopped"}
        jobs.retry(wanted.job)


@pytest.mark.parametrize("content", ["", "{}", "[1, {}]", '[{"spec": {"capture": 3}, "state": "done"}]'])
def test_a_broken_file_is_an_empty_list(tmp_path, content):
    (tmp_path / "jobs.json").write_text(content)
    assert JobList(tmp_path / "jobs.json").entries == []


def test_a_job_whose_backend_went_is_not_running_for_ever(tmp_path, fake_backend):
    session = Session(Path(sys.executable), tmp_path / "backend.log", fake_backend("dies"))
    try:
        jobs = JobList(tmp_path / "jobs.json")
        entry = jobs.add(spec(tmp_path, "x"))
        run(jobs, session, lambda: entry.state == "failed")
        assert "stopped unexpectedly" in entry.reason
    finally:
        session.stop()
