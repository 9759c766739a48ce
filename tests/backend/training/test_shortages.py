# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said and done where memory runs short, and where a part of the CUDA path is missing."""

import importlib.util
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.pipeline import load_stage  # noqa: E402
from turnaround.backend.stage import Context  # noqa: E402
from turnaround.backend.training import rasterisers, session  # noqa: E402
from turnaround.backend.workspace import Workspace  # noqa: E402
from turnaround.protocol import stage_options  # noqa: E402

SMALL = {"splats.count": 400, "splats.steps": 20, "splats.minutes": 0.0, "splats.side": 96}


@pytest.fixture
def context(synthetic, tmp_path):
    """A scene's splats stage, about to run on a job that asked for CUDA."""
    scene = synthetic.scene(tmp_path, synthetic.torus(), count=9, size=96)
    workspace, stage = Workspace(Path(scene.spec.job)), load_stage("splats")
    options = stage.Options(**stage_options("splats", "balanced", SMALL))
    output = workspace.begin("splats")
    return Context(
        stage="splats", spec=scene.spec, options=options, workspace=workspace, output=output, inputs=("cameras",),
        device="cuda",
    )  # fmt: skip


def scarce(monkeypatch, failures, error):
    """Let the first ``failures`` trainings run out of memory; returns the plans that were tried."""
    plans, real = [], session._run

    def run(context, start, plan, views, rasteriser):
        plans.append((plan, max(views[0].size)))
        if len(plans) <= failures:
            raise error
        return real(context, start, plan, views, rasteriser)

    monkeypatch.setattr(session, "_run", run)
    return plans


@pytest.mark.parametrize("error", [MemoryError("host"), torch.OutOfMemoryError("device")])
def test_the_budget_is_halved_once_and_said(monkeypatch, context, error):
    plans = scarce(monkeypatch, 1, error)
    load_stage("splats").run(context)
    (first, whole), (second, half) = plans
    assert (second.schedule.cap, second.side) == (first.schedule.cap // 2, first.side // 2) == (200, 48)
    assert (whole, half) == (96, 48)
    said = [f for f in context.facts.fallbacks if "memory ran short" in f["reason"]]
    assert len(said) == 1
    assert str(error) in said[0]["reason"]
    assert "draft" in said[0]["hint"]
    assert context.facts.details["steps"] == 20


def test_a_second_shortage_ends_the_stage(monkeypatch, context):
    plans = scarce(monkeypatch, 2, MemoryError("host"))
    with pytest.raises(MemoryError):
        load_stage("splats").run(context)
    assert len(plans) == 2


def test_without_cuda_the_cpu_trains_and_says_why(monkeypatch, context):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    load_stage("splats").run(context)
    assert context.facts.method == "trained-numba-scene"
    (said,) = context.facts.fallbacks
    assert (said["method"], said["instead_of"]) == ("numba", "gsplat")
    assert "no CUDA device" in said["reason"]


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    chosen, missing = rasterisers.choose("cuda")
    assert isinstance(chosen, rasterisers.Numba)
    assert "pip install gsplat" in missing
    assert rasterisers.choose("cpu")[1] == ""
