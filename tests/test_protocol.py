# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract: everything that crosses a process comes back the same, and its tables agree with the code."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
from dataclasses import fields
from pathlib import Path

import pytest
from turnaround import protocol
from turnaround.protocol import (
    ALL_STAGES,
    BUDGETS,
    ERRORS,
    EVENT_KINDS,
    FLAGS,
    OPTIONS,
    PRESETS,
    STAGES,
    Artefact,
    Event,
    JobSpec,
    from_dict,
    option_named,
    stage_options,
    to_dict,
    to_json,
)

ROOT = Path(__file__).resolve().parent.parent
FULL = JobSpec(
    capture="/photos/é ü",
    job="/jobs/1",
    recipe="object_scan",
    preset="draft",
    device="cpu",
    prompts={
        "000.jpg": [
            {"type": "point", "xy": [1.5, 2], "label": 0},
            {"type": "box", "xyxy": [0, 0, 5, 5]},
            {"type": "stroke", "points": [[1, 2], [3, 4]], "radius": 2.5, "label": 1},
        ]
    },
    masks="/masks",
    cameras="/cameras",
    length=0.16,
    length_of="diagonal",
    segment={"000.jpg": [1.5, 2, 30, 4]},
    hold_out=0,
    deterministic=True,
    seed=7,
    deliverables=("glb", "splats"),
    from_stage="masks",
    until_stage="export",
    overrides={"frames.max_frames": 5, "frames.drop_duplicates": False},
)


def through_the_pipe(value):
    return from_dict(type(value), json.loads(to_json(value)))


def test_every_field_of_a_job_comes_back():
    defaults = JobSpec(capture="", job="")
    untouched = [f.name for f in fields(JobSpec) if getattr(FULL, f.name) == getattr(defaults, f.name)]
    assert not untouched, "FULL has to set every field, or the test sees nothing of it"
    assert through_the_pipe(FULL) == FULL
    assert through_the_pipe(defaults) == defaults
    FULL.check()


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_every_event_comes_back(kind):
    event = Event(
        kind=kind, job="/jobs/ä", time=1.25, stage="masks", fraction=0.5, message='a "b"\nc', seconds_left=0.0,
        preview="/p.png", code="disk_full", hint="h", result="/r.json",
    )  # fmt: skip
    assert through_the_pipe(event) == event
    assert through_the_pipe(Event(kind=kind, job="")) == Event(kind=kind, job="")
    assert "\n" not in to_json(event)


def test_artefact_comes_back():
    artefact = Artefact(kind="mesh", path="07_export/mesh.ply", axes="y_up", unit="metres", count=3)
    assert through_the_pipe(artefact) == artefact
    assert set(to_dict(Artefact(kind="mesh", path="x"))) == {"kind", "path"}


@pytest.mark.parametrize("data", [None, [], "x", {"kind": "done"}, {"kind": "done", "job": "", "colour": 1}])
def test_other_things_are_refused(data):
    with pytest.raises(ValueError, match="expected"):
        from_dict(Event, data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": "soup"}, "recipe"),
        ({"preset": "best"}, "preset"),
        ({"device": "abacus"}, "device"),
        ({"length_of": "width"}, "length_of"),
        ({"from_stage": "end"}, "from"),
        ({"until_stage": "end"}, "until"),
        ({"deliverables": ("fbx",)}, "deliverables"),
        ({"length": 0.0}, "length"),
        ({"length": None}, "length with the segment"),
        ({"segment": {"a": [1, 2, 1, 2]}}, "two different ends"),
        ({"segment": {"a": [1, 2, 3]}}, "two different ends"),
        ({"length": float("nan")}, "length"),
        ({"length": float("inf")}, "length"),
        ({"hold_out": 1}, "hold_out"),
        ({"hold_out": -8}, "hold_out"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"overrides": {"frames.colour": 1}}, "option"),
        ({"overrides": {"frames.max_frames": 2}}, "between"),
        ({"overrides": {"frames.max_frames": True}}, "int"),
        ({"overrides": {"frames.drop_duplicates": 1}}, "bool"),
    ],
)
def test_values_out_of_range_are_named(change, words):
    with pytest.raises(ValueError, match=f"expected.*{words}|{words}"):
        dataclasses.replace(FULL, **change).check()


@pytest.mark.parametrize(
    "prompt",
    [
        {},
        None,
        {"type": "lasso"},
        {"type": "point", "xy": [1]},
        {"type": "point", "xy": [1, "2"]},
        {"type": "point", "xy": [1, float("nan")]},
        {"type": "point", "xy": [1, True]},
        {"type": "point", "xy": [1, 2], "label": 2},
        {"type": "box", "xyxy": [5, 0, 1, 5]},
        {"type": "box", "xyxy": [0, 0, 1]},
        {"type": "stroke", "points": [], "radius": 1},
        {"type": "stroke", "points": [[1, 2]], "radius": 0},
        {"type": "stroke", "points": [[1, 2, 3]], "radius": 1},
    ],
)
def test_bad_prompts_are_named(prompt):
    with pytest.raises(ValueError, match=r"prompt on 000\.jpg: expected"):
        dataclasses.replace(FULL, prompts={"000.jpg": [prompt]}).check()


def test_options_are_the_stages_own():
    """Names, order of presets, types and balanced defaults of the table equal the stages' dataclasses."""
    for name in ALL_STAGES:
        if not (ROOT / "backend" / "stages" / f"{name}.py").exists():
            pytest.fail(f"expected backend/stages/{name}.py")
        module = importlib.import_module(f"turnaround.backend.stages.{name}")
        own = {f.name: f.default for f in fields(module.Options)}
        assert stage_options(name, "balanced", {}) == own
        assert module.Options.__dataclass_params__.frozen
        assert len(own) <= 12


def test_stages_have_their_five_names():
    for name in ALL_STAGES:
        module = importlib.import_module(f"turnaround.backend.stages.{name}")
        assert name == module.NAME
        assert isinstance(module.VERSION, int)
        assert set(module.INPUTS) < set(STAGES)
        assert isinstance(module.OUTPUTS, tuple)
        assert set(module.SPEC) <= {f.name for f in fields(JobSpec)}
        assert callable(module.run)


def test_a_known_length_is_the_last_step_s_alone():
    """Changing it, or the points it belongs to, must not compute anything again."""
    for name in ALL_STAGES:
        module = importlib.import_module(f"turnaround.backend.stages.{name}")
        shared = {"length", "length_of", "segment"} & set(module.SPEC)
        assert shared == ({"length", "length_of", "segment"} if name == "export" else set())


def test_options_lie_in_their_own_ranges():
    assert len({o.key for o in OPTIONS}) == len(OPTIONS)
    for option in OPTIONS:
        assert option.stage in ALL_STAGES
        assert option.help
        for preset in PRESETS:
            value = option.default(preset)
            option.check(value)
            assert option.parse(str(value)) == value
        if option.kind in {int, float}:
            assert option.low is not None
            assert option.high is not None


def test_overrides_win_over_the_preset():
    assert stage_options("frames", "draft", {})["max_frames"] == option_named("frames.max_frames").default("draft")
    assert stage_options("frames", "draft", {"frames.max_frames": 9})["max_frames"] == 9


def test_every_field_of_a_job_has_one_flag():
    with_flag = {f.field for f in FLAGS}
    assert with_flag == {f.name for f in fields(JobSpec)} - {"capture"}
    assert len({f.name for f in FLAGS}) == len(FLAGS)
    assert {f.kind for f in FLAGS} <= {
        "path", "choice", "point", "box", "frame", "file", "int", "float", "list", "switch", "set", "segment",
        "triangles"
    }  # fmt: skip


def test_the_presets_take_the_first_three_budgets():
    assert dict(zip(PRESETS, BUDGETS.values(), strict=False)) == {
        preset: option_named("surface.triangles").default(preset) for preset in PRESETS
    }


def test_every_code_that_is_raised_is_in_the_table():
    used = set()
    for path in (ROOT / "backend").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in {"PipelineError", "error"} and isinstance(node.args[0].value, str):
                    used.add((node.args[0].value, path.name))
    logged = {(code, file) for code, file in used if " " in code or "%" in code}
    assert not {(code, file) for code, file in used - logged if code not in ERRORS}


def test_version_is_a_number():
    assert isinstance(protocol.VERSION, int)


@pytest.mark.parametrize("field", ["capture", "job"])
@pytest.mark.parametrize("wrong", [None, 7, ""])
def test_a_path_that_is_none_is_refused(field, wrong):
    with pytest.raises(ValueError, match=f"expected {field} to be a path"):
        JobSpec(**({"capture": "/a", "job": "/b"} | {field: wrong})).check()
