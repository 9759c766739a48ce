# SPDX-License-Identifier: GPL-3.0-or-later
"""The job list against a backend that follows a plan. No Blender here."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from turnaround.addon import joblist
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
    again = JobList(jobs.file)
    assert [(e.spec, e.state) for e in again.entries] == [
        (done.spec, "done"), (spec(tmp_path, "later"), "stopped"), (spec(tmp_path, "now"), "stopped"),
    ]  # fmt: skip
    assert "goes on" in again.entries[1].reason
    again.retry(again.entries[2].job)
    assert again.waiting


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
