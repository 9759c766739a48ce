# SPDX-License-Identifier: GPL-3.0-or-later
"""Order, stamps, resume, failures and ``result.json``, with fake stages in this process."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from turnaround.backend import estimate, pipeline
from turnaround.backend.errors import JobCancelled, PipelineError
from turnaround.backend.workspace import FOLDERS
from turnaround.protocol import STAGES


@pytest.fixture
def run(fake_stages, fake_capture):
    """Run a spec; return the stages that really ran and the events."""

    def go(spec, is_cancelled=lambda: False):
        events = []
        fake_capture.ran()
        try:
            pipeline.run_recipe(spec, events.append, is_cancelled, fake_stages.load)
        finally:
            go.events = events
        return fake_capture.ran()

    return go


def result_of(spec) -> dict:
    return json.loads((Path(spec.job) / "result.json").read_text())


def contents(spec) -> dict[str, str]:
    root = Path(spec.job)
    return {n: (root / f / "out.txt").read_text() for n, f in FOLDERS.items() if (root / f).exists()}


def test_runs_in_the_recipes_order(run, fake_capture):
    spec = fake_capture.spec()
    assert run(spec) == list(STAGES)
    result = result_of(spec)
    assert result["complete"] is True
    assert list(result["stages"]) == list(STAGES)
    assert result["artefacts"] == [{"kind": "mesh", "path": "07_export/out.txt"}]
    assert result["metrics"] == {f"{n}_metric": 1.0 for n in STAGES}
    assert result["methods"] == dict.fromkeys(STAGES, "fake")
    for stage in result["stages"].values():
        assert stage["peak_mb"] > 1
        assert stage["cpu_seconds"] >= 0
        assert stage["device"] == "cpu"


def test_without_prompt_cameras_come_first(run, fake_capture):
    ran = run(fake_capture.spec(prompts={}))
    assert ran.index("cameras") < ran.index("masks")
    assert sorted(ran) == sorted(STAGES)


def test_second_run_reuses_everything(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    before = result_of(spec)
    assert run(spec) == []
    assert [e.message for e in run.events if e.kind == "stage_finished"] == ["reused"] * len(STAGES)
    assert result_of(spec) == before


def test_a_changed_option_redoes_from_there_only(run, fake_capture, fake_stages, monkeypatch):
    spec = fake_capture.spec()
    run(spec)
    assert run(replace(spec, length=0.16)) == ["export"]
    assert run(replace(spec, length=0.16, overrides={"frames.max_frames": 7})) == list(STAGES)


def test_a_newer_version_of_a_stage_redoes_it_and_what_follows(run, fake_capture, fake_stages, monkeypatch):
    spec = fake_capture.spec()
    run(spec)
    original = fake_stages.load

    def newer(name):
        stage = original(name)
        stage.VERSION += name == "cutouts"
        return stage

    monkeypatch.setattr(fake_stages, "load", newer)
    assert run(spec) == list(STAGES[STAGES.index("cutouts") :])


def test_changed_photos_redo_everything(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    os.utime(fake_capture.folder / "photo.jpg", (1, 1))
    assert run(spec) == list(STAGES)


def test_files_in_subfolders_of_the_capture_count_only_when_read(run, fake_capture):
    spec = fake_capture.spec()
    (fake_capture.folder / "masks").mkdir()
    run(spec)
    (fake_capture.folder / "masks" / "new.png").write_bytes(b"x")
    assert run(spec) == []
    deep = replace(spec, overrides={"frames.subfolders": True})
    run(deep)
    (fake_capture.folder / "masks" / "newer.png").write_bytes(b"x")
    assert run(deep) == list(STAGES)


def test_a_capture_that_may_not_be_read_is_left_to_the_stage_that_reads_it(run, fake_capture, monkeypatch):
    spec = fake_capture.spec()

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert run(spec) == list(STAGES)


def test_deleting_a_folder_redoes_from_here(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    shutil.rmtree(Path(spec.job) / "04_cameras")
    assert run(spec) == list(STAGES[2:])


def test_an_incomplete_folder_is_not_reused(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    (Path(spec.job) / "06_surface" / "out.txt").unlink()
    assert run(spec) == ["surface", "texture", "export"]


def test_from_redoes_even_what_is_current(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    before = contents(spec)
    assert run(replace(spec, from_stage="hull")) == ["hull", "splats", "surface", "texture", "export"]
    assert contents(spec) == before


def test_interrupted_from_leaves_no_mixed_result(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    fake_capture.behave(splats="crash")
    with pytest.raises(PipelineError):
        run(replace(spec, from_stage="hull"))
    fake_capture.behave()
    assert run(spec) == ["splats", "surface", "texture", "export"]  # the old ones were made from another surface


def test_until_leaves_a_true_result(run, fake_capture):
    spec = fake_capture.spec(until_stage="cameras")
    assert run(spec) == ["frames", "masks", "cameras"]
    result = result_of(spec)
    assert result["complete"] is False
    assert list(result["stages"]) == ["frames", "masks", "cameras"]
    assert result["artefacts"] == []


def test_until_on_a_finished_job_keeps_it_whole(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    assert run(replace(spec, until_stage="masks")) == []
    assert result_of(spec)["complete"] is True


def test_from_after_until_is_refused(fake_capture):
    with pytest.raises(ValueError, match="expected --from no later than --until masks, got export"):
        pipeline.recipe(fake_capture.spec(from_stage="export", until_stage="masks"))


def test_outdated_results_wait_beside_and_come_back(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    before = contents(spec)
    changed = replace(spec, seed=1)
    fake_capture.behave(cameras="fail")
    with pytest.raises(PipelineError):
        run(changed)
    root = Path(spec.job)
    assert not (root / "07_export").exists()
    assert (root / "07_export.outdated" / "out.txt").read_text() == before["export"]
    assert list(result_of(spec)["stages"]) == ["frames", "masks"]
    assert result_of(spec)["artefacts"] == []
    fake_capture.behave()
    run(spec)
    assert contents(spec) == before
    assert not list(root.glob("*.outdated"))


def test_returning_to_the_earlier_settings_computes_nothing(run, fake_capture):
    spec = fake_capture.spec()
    run(spec)
    fake_capture.behave(frames="fail")
    with pytest.raises(PipelineError):
        run(replace(spec, seed=1))
    assert run(spec) == []
    assert result_of(spec)["complete"] is True


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("fail", "mask_empty", "The mask is empty."),
        ("crash", "internal", "KeyError"),
        ("no_memory", "out_of_memory", "not enough memory"),
        ("disk_full", "disk_full", "is full"),
    ],
)
def test_every_failure_has_a_code_a_cause_and_a_way_out(run, fake_capture, behaviour, code, words):
    spec = fake_capture.spec()
    fake_capture.behave(masks=behaviour)
    with pytest.raises(PipelineError) as caught:
        run(spec)
    assert caught.value.code == code
    assert caught.value.stage == "masks"
    assert words in caught.value.message
    assert caught.value.hint
    assert not list(Path(spec.job).glob(".*.partial"))
    fake_capture.behave()
    assert run(spec) == list(STAGES[1:])


def test_cancelling_keeps_what_is_finished(run, fake_capture):
    spec = fake_capture.spec()
    count = iter(range(1000))
    with pytest.raises(JobCancelled):
        run(spec, lambda: next(count) > 8)
    finished = set(contents(spec))
    assert finished
    assert set(run(spec)) == set(STAGES) - finished


def test_fraction_rises_to_one(run, fake_capture):
    run(fake_capture.spec())
    fractions = [e.fraction for e in run.events if e.kind in {"progress", "stage_finished"}]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_asking_for_cuda_is_answered_truly(run, fake_capture):
    spec = fake_capture.spec(device="cuda")
    run(spec)
    assert [e.code for e in run.events if e.kind == "warning"] == ["fallback"]
    result = result_of(spec)
    assert result["device"] == "cpu"
    assert "CUDA" in result["warnings"][0]["message"]


def test_clock_predicts_by_what_was_measured():
    clock = estimate.Clock({"frames": 10.0, "masks": 30.0})
    clock.started -= 20.0  # the first stage took twice as long as expected
    clock.finish("frames")
    fraction, left = clock.read("masks", 0.0)
    assert fraction == pytest.approx(0.25)
    assert left == pytest.approx(60.0, rel=0.01)
    assert clock.read("masks", 1.0) == (1.0, 0.0)


def test_forecast_grows_with_the_capture():
    few, many = estimate.forecast("draft", 10, 960), estimate.forecast("draft", 40, 960)
    options = {"method": "auto", "side": 640, "steps": 10**6, "minutes": 3.0}
    assert estimate.training_seconds(options) == 180.0
    assert estimate.training_seconds(options | {"method": "untrained"}) == 0.0
    assert 0 < estimate.training_seconds(options | {"steps": 10}) < 3.0
    assert few.frames == 10
    assert many.seconds > few.seconds
    assert many.disk_mb > few.disk_mb
    assert estimate.forecast("draft", 1000, 960).frames == 48
