# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in worker processes: killed, deaf, noisy, cancelled, orphaned, and two in one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from turnaround.backend import jobs
from turnaround.backend.workspace import FOLDERS
from turnaround.protocol import STAGES, Event, from_dict

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def run(fake_worker):
    """Run a spec in a worker; return the final event. ``run.events`` has all of them."""

    def go(spec, cancel=None, on_event=lambda event: None):
        go.events = []

        def listen(event):
            go.events.append(event)
            on_event(event)

        return jobs.run_job(spec, listen, cancel, fake_worker)

    return go


def digests(spec) -> dict[str, str]:
    root = Path(spec.job)
    return {n: (root / f / "out.txt").read_text() for n, f in FOLDERS.items()}


def worker_of(descendants) -> int:
    """The worker that this process has started."""
    return next(p for p in descendants(os.getpid()) if b"worker.py" in Path(f"/proc/{p}/cmdline").read_bytes())


def test_a_job_leaves_its_record(run, fake_capture):
    spec = fake_capture.spec()
    final = run(spec)
    assert final.kind == "done"
    assert final.result == str(Path(spec.job) / "result.json")
    assert [e.kind for e in run.events if e.kind not in {"progress", "stage_finished"}] == ["started", "done"]
    assert [e.stage for e in run.events if e.kind == "stage_finished"] == list(STAGES)
    assert all(e.job == spec.job and e.time > 1e9 for e in run.events)
    written = [from_dict(Event, json.loads(line)) for line in (Path(spec.job) / "events.jsonl").open()]
    assert written == run.events
    assert json.loads((Path(spec.job) / "job.json").read_text())["capture"] == spec.capture
    assert "job begins" in (Path(spec.job) / "log.txt").read_text()


def test_printing_libraries_do_not_reach_the_pipe(run, fake_capture):
    fake_capture.behave(frames="print", surface="print")
    spec = fake_capture.spec()
    assert run(spec).kind == "done"
    log = (Path(spec.job) / "log.txt").read_text()
    assert log.count("a library says") == log.count("so does Python") == log.count("and a child") == 2


@linux
@pytest.mark.parametrize("stage", STAGES)
def test_killed_worker_resumes_to_the_same_result(run, fake_capture, descendants, stage):
    whole = fake_capture.spec("whole")
    run(whole)
    fake_capture.behave(**{stage: "slow"})
    spec = fake_capture.spec("killed")

    def kill(event):
        if event.kind == "progress" and event.message == "slowly":
            os.kill(worker_of(descendants), signal.SIGKILL)

    final = run(spec, on_event=kill)
    assert (final.kind, final.code) == ("failed", "worker_died")
    assert "SIGKILL" in final.message
    assert "Run the job again" in final.hint
    assert not (Path(spec.job) / FOLDERS[stage]).exists()
    fake_capture.behave()
    fake_capture.ran()
    assert run(spec).kind == "done"
    assert fake_capture.ran() == list(STAGES[STAGES.index(stage) :])
    assert digests(spec) == digests(whole)


def test_out_of_memory_kill_is_named_where_the_kernel_says_so(run, fake_capture, monkeypatch):
    counts = iter((4, 5))
    monkeypatch.setattr(jobs, "_oom_kills", lambda: next(counts))
    fake_capture.behave(masks="slow")

    def kill(event):
        if event.message == "slowly":
            os.killpg(jobs_started[-1].pid, signal.SIGKILL)

    jobs_started = []
    start = jobs._start
    monkeypatch.setattr(jobs, "_start", lambda *a: jobs_started.append(start(*a)) or jobs_started[-1])
    final = run(fake_capture.spec(), on_event=kill)
    assert final.code == "out_of_memory"
    assert "draft" in final.hint


def test_segmentation_fault_is_told(run, fake_capture):
    fake_capture.behave(cutouts="segfault")
    spec = fake_capture.spec()
    final = run(spec)
    assert final.code == "worker_died"
    assert "SIGSEGV" in final.message
    assert "Segmentation fault" in (Path(spec.job) / "log.txt").read_text()  # faulthandler's account of where
    assert json.loads((Path(spec.job) / "events.jsonl").read_text().splitlines()[-1])["code"] == "worker_died"


def test_worker_that_cannot_start_is_told(fake_capture):
    final = jobs.run_job(
        fake_capture.spec(), lambda e: None, command=[sys.executable, "-c", "raise SystemExit('no numpy here')"]
    )
    assert final.code == "worker_died"
    assert "no numpy here" in final.message


def test_cancel_is_cooperative_first(run, fake_capture):
    fake_capture.behave(masks="slow")
    cancel = threading.Event()
    spec = fake_capture.spec()
    started = []

    def cancel_it(event):
        if event.message == "slowly" and not cancel.is_set():
            started.append(time.monotonic())
            cancel.set()

    final = run(spec, cancel, cancel_it)
    assert time.monotonic() - started[0] < 2
    assert (final.kind, final.code, final.stage) == ("failed", "cancelled", "masks")
    assert "force" not in final.message
    fake_capture.behave()
    fake_capture.ran()
    assert run(spec).kind == "done"
    assert fake_capture.ran() == list(STAGES[1:])


def test_cancel_of_a_deaf_stage_takes_less_than_five_seconds(run, fake_capture, alive, wait_for):
    fake_capture.behave(cameras="deaf")
    cancel = threading.Event()
    started = []

    def cancel_it(event):
        if event.stage == "cameras" and not cancel.is_set():
            wait_for((fake_capture.root / "child.txt").exists)
            started.append(time.monotonic())
            cancel.set()

    final = run(fake_capture.spec(), cancel, cancel_it)
    assert time.monotonic() - started[0] < 5
    assert final.code == "cancelled"
    assert not alive(int((fake_capture.root / "child.txt").read_text()))


@linux
def test_nothing_outlives_a_killed_parent(fake_capture, fake_worker, descendants, alive, wait_for):
    fake_capture.behave(masks="deaf")
    program = (
        "import sys; from turnaround.backend import jobs; from turnaround.protocol import JobSpec;"
        f"jobs.run_job(JobSpec(capture={fake_capture.spec().capture!r}, job={fake_capture.spec().job!r},"
        f" prompts={fake_capture.spec().prompts!r}), lambda e: None, None, {fake_worker!r})"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_for(lambda: "masks" in fake_capture.root.joinpath("runs.txt").read_text().split()
                 if fake_capture.root.joinpath("runs.txt").exists() else False, 20)  # fmt: skip
        workers = [p for p in descendants(parent.pid) if b"worker.py" in Path(f"/proc/{p}/cmdline").read_bytes()]
        assert len(workers) == 1
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not alive(workers[0]), 5)


def test_two_runs_in_one_folder_are_refused(run, fake_capture, fake_worker):
    fake_capture.behave(masks="slow")
    spec = fake_capture.spec()
    cancel = threading.Event()
    seen = []

    def second(event):
        if event.message == "slowly" and not seen:
            seen.append(jobs.run_job(spec, lambda e: None, None, fake_worker))
            cancel.set()

    run(spec, cancel, second)
    assert seen[0].code == "job_busy"
    assert "Another run (process" in seen[0].message


def test_lock_of_a_dead_process_is_taken_over(run, fake_capture):
    spec = fake_capture.spec()
    Path(spec.job).mkdir()
    (Path(spec.job) / ".lock").write_text("1\n")  # a process that certainly lives, but holds nothing
    assert run(spec).kind == "done"


def test_foreign_folder_is_refused_and_untouched(run, fake_capture):
    spec = fake_capture.spec()
    root = Path(spec.job)
    root.mkdir()
    (root / "thesis.txt").write_text("years of work")
    final = run(spec)
    assert final.code == "job_foreign"
    assert [p.name for p in root.iterdir()] == ["thesis.txt"]


def test_another_captures_job_is_refused_and_untouched(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    before = {p: p.stat().st_mtime_ns for p in Path(spec.job).rglob("*")}
    other = fake_capture.root / "other"
    other.mkdir()
    final = run(replace(spec, capture=str(other)))
    assert final.code == "job_foreign"
    assert str(fake_capture.folder) in final.message
    assert {p: p.stat().st_mtime_ns for p in Path(spec.job).rglob("*")} == before


@pytest.mark.parametrize("inside", ["", "deep/er"])
def test_job_in_the_capture_is_refused(run, fake_capture, inside):
    before = sorted(fake_capture.folder.rglob("*"))
    final = run(replace(fake_capture.spec(), job=str(fake_capture.folder / inside)))
    assert final.code == "job_unwritable"
    assert sorted(fake_capture.folder.rglob("*")) == before


def test_missing_capture_is_told(run, fake_capture):
    final = run(replace(fake_capture.spec(), capture=str(fake_capture.root / "nowhere")))
    assert final.code == "capture_missing"
    assert not Path(final.job).exists()


def test_bad_spec_is_told(run, fake_capture):
    final = run(replace(fake_capture.spec(), preset="best"))
    assert final.code == "bad_request"
    assert "expected preset to be one of draft, balanced, quality" in final.message


@linux
def test_worker_runs_at_low_priority(run, fake_capture, descendants):
    fake_capture.behave(masks="slow")
    cancel = threading.Event()
    seen = []

    def look(event):
        if event.message == "slowly" and not seen:
            seen.append(os.getpriority(os.PRIO_PROCESS, worker_of(descendants)))
            cancel.set()

    run(fake_capture.spec(), cancel, look)
    assert seen[0] >= min(10, os.getpriority(os.PRIO_PROCESS, 0) + 10)


@pytest.mark.parametrize(("cores", "used"), [(1, "1"), (2, "2"), (3, "2"), (16, "15")])
def test_a_core_is_left_free_where_there_are_more_than_two(monkeypatch, cores, used):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    for name in jobs._THREADS:
        monkeypatch.delenv(name, raising=False)
    environment = jobs.environment(deterministic=False)
    assert {environment[name] for name in jobs._THREADS} == {used}
    assert {jobs.environment(deterministic=True)[name] for name in jobs._THREADS} == {"1"}
