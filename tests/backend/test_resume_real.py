# SPDX-License-Identifier: GPL-3.0-or-later
"""The real stages, killed one after the other: the job goes on, and its result is that of a job left in peace."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from turnaround.backend.workspace import FOLDERS
from turnaround.protocol import STAGES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "elephant"
SMALL = [
    "frames.max_frames=14", "frames.long_side=640", "masks.side=320", "masks_refined.side=320",
    "masks_refined.rounds=1",
    "hull.resolution=64", "splats.count=3000", "splats.steps=150", "splats.side=200", "export.points=1000",
]  # fmt: skip


def command(capture, job):
    sets = [word for option in SMALL for word in ("--set", option)]
    prompt = ["--prompts", str(SAMPLE / "prompts.json")]
    base = [sys.executable, "-P", str(ROOT / "backend" / "__main__.py"), "run", str(capture), "--job", str(job)]
    return [*base, *prompt, "--preset", "draft", "--deterministic", "--json", *sets]


def run(capture, job, kill_in=None):
    """Run the job; SIGKILL its worker when it begins stage ``kill_in``. Exit status and events."""
    process = subprocess.Popen(command(capture, job), stdout=subprocess.PIPE, text=True)
    events, killed = [], False
    for line in process.stdout:
        event = json.loads(line)
        events.append(event)
        if not killed and event["kind"] == "progress" and event.get("stage") == kill_in:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            threads = Path(f"/proc/{process.pid}/task").iterdir()
            children = children or [c for t in threads for c in (t / "children").read_text().split()]
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            killed = True
    return process.wait(), events


def contents(job):
    """Digest of every file a stage delivered, without what tells of time."""
    digests = {}
    for folder in FOLDERS.values():
        for path in sorted((job / folder).rglob("*")):
            if path.is_file() and path.name not in {"stamp.json", "splats.json", "history.csv", "preview.jpg"}:
                digests[str(path.relative_to(job))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker through /proc")
def test_killed_in_every_stage_the_job_ends_as_if_left_in_peace(tmp_path):
    capture = SAMPLE / "images"
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in capture.iterdir()}
    status, _ = run(capture, tmp_path / "peace")
    assert status == 0
    for stage in STAGES:
        status, events = run(capture, tmp_path / "killed", kill_in=stage)
        assert status == 3, stage
        assert events[-1]["code"] in {"worker_died", "out_of_memory"}, events[-1]
        assert events[-1]["hint"]
        finished = [e["stage"] for e in events if e["kind"] == "stage_finished"]
        assert finished == list(STAGES[: STAGES.index(stage)])
    status, events = run(capture, tmp_path / "killed")
    assert status == 0
    reused = [e["stage"] for e in events if e["kind"] == "stage_finished" and e.get("message") == "reused"]
    assert reused == list(STAGES[:-1])
    peace, killed = contents(tmp_path / "peace"), contents(tmp_path / "killed")
    assert peace.keys() == killed.keys()
    assert [name for name in peace if peace[name] != killed[name]] == []
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in capture.iterdir()} == before


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the right to ignore mode bits through setpriv")
def test_a_capture_that_may_not_be_written_is_enough(tmp_path):
    unprivileged = []
    if os.geteuid() == 0:  # root ignores mode bits until it gives up the capability to
        if shutil.which("setpriv") is None:
            pytest.skip("root without setpriv cannot be held to mode bits")
        dropped = "-dac_override,-dac_read_search"
        unprivileged = ["setpriv", f"--inh-caps={dropped}", f"--bounding-set={dropped}"]
    capture = tmp_path / "capture"
    capture.mkdir()
    for photo in sorted((SAMPLE / "images").iterdir())[:6]:
        (capture / photo.name).write_bytes(photo.read_bytes())
        (capture / photo.name).chmod(0o444)
    capture.chmod(0o555)
    refused = subprocess.run([*unprivileged, "touch", str(capture / "new")], stderr=subprocess.PIPE, check=False)
    assert refused.returncode, "the capture must really be read-only"
    done = subprocess.run(
        [*unprivileged, *command(capture, tmp_path / "job"), "--until", "masks"],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "job" / "02_masks" / "000.png").exists()
    assert sorted(p.name for p in capture.iterdir()) == [f"{k:03d}.jpg" for k in range(6)]
