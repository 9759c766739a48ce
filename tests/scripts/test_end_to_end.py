# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample capture through the command line from one click, measured against its truth; then the same again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
SECONDS = 800


def command(name: str) -> str:
    """A program of the environment that runs the tests."""
    return str(Path(sys.executable).parent / name)


def events_of(arguments: list[str]) -> list[dict[str, Any]]:
    """Run ``turnaround run --json`` and return its events; the run must end with 0."""
    done = subprocess.run(
        [command("turnaround"), "run", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def digest(folder: Path) -> str:
    """Hash of the names and bytes of all files."""
    parts = [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in sorted(folder.iterdir())]
    return "\n".join(parts)


@pytest.fixture(scope="module")
def sample(repository: Path) -> Path:
    """The sample's folder, with its truth."""
    return repository / "samples" / "elephant"


@pytest.fixture(scope="module")
def finished(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], dict[str, Any]]:
    """The job's folder, the arguments that made it, and how it compares with the truth; the capture is a copy."""
    folder = tmp_path_factory.mktemp("a sample")
    capture = folder / "photos of an elephant"
    shutil.copytree(sample / "images", capture)
    before = digest(capture)
    height = json.loads((sample / "transforms.json").read_text())["object_height"]
    job = folder / "job"
    arguments = [str(capture), "--job", str(job), "--prompts", str(sample / "prompts.json")]
    arguments += ["--preset", "draft", "--device", "cpu", "--length", str(height)]
    events = events_of(arguments)
    assert events[-1]["kind"] == "done"
    assert digest(capture) == before, "the capture folder was changed"
    evaluate = [command("turnaround"), "evaluate", str(job), "--truth", str(sample), "--json"]
    done = subprocess.run(evaluate, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return job, arguments, found.get("metrics", found)


def test_every_photo_has_a_camera_and_the_cameras_are_right(finished: Any, sample: Path) -> None:
    job, _, truth = finished
    result = json.loads((job / "result.json").read_text())
    assert result["complete"]
    assert result["metrics"]["frames_registered"] == len(list((sample / "images").iterdir()))
    assert truth["camera_auc_3"] >= 95.0
    assert truth["up_error_degrees"] <= 2.0
    assert truth["scale_error_percent"] <= 2.5  # a pixel of the draft's masks is 0.3 % of the elephant's height


def test_one_click_cuts_the_object_out_of_every_photo(finished: Any) -> None:
    _, _, truth = finished
    assert truth["mask_iou_mean"] >= 0.95
    assert truth["mask_iou_min"] >= 0.85


def test_the_surface_is_the_objects(finished: Any) -> None:
    _, _, truth = finished
    assert truth["chamfer"] <= 0.002  # metres; the elephant is 0.25 long
    assert truth["f_score_1pct"] >= 0.8


def test_what_it_looks_like_is_measured_on_photos_that_were_held_out(finished: Any) -> None:
    job, _, _ = finished
    metrics = json.loads((job / "result.json").read_text())["metrics"]
    assert metrics["mesh_psnr"] >= 16.0
    assert metrics["splats_psnr"] >= 19.0


def test_the_same_command_again_does_nothing_again(finished: Any) -> None:
    job, arguments, _ = finished
    stamps = {p: p.read_bytes() for p in job.glob("*/stamp.json")}
    assert len(stamps) >= 8
    events = events_of(arguments)
    ended = [e for e in events if e["kind"] == "stage_finished"]
    assert ended and all(e["message"] == "reused" for e in ended)
    assert {p: p.read_bytes() for p in job.glob("*/stamp.json")} == stamps
