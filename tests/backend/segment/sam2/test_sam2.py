# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 with random weights: everything but what the weights know."""

from __future__ import annotations

import gc
import itertools
import json
import sys

import numpy as np
import pytest
from turnaround.backend.errors import JobCancelled, PipelineError
from turnaround.backend.images import read_grey, write_image
from turnaround.backend.models import store
from turnaround.backend.records import Frame, Frames, Masks
from turnaround.backend.segment import engines
from turnaround.backend.segment.sam2 import points, walk
from turnaround.backend.stage import Context
from turnaround.backend.stages import masks
from turnaround.backend.workspace import Workspace
from turnaround.protocol import JobSpec, stage_options

BOX = {"type": "box", "xyxy": [30, 20, 130, 100]}
CLICK = {"type": "point", "xy": [80, 60], "label": 1}


def picture(path, name: str = "a") -> engines.Picture:
    return engines.Picture(
        name=name, source=f"{name}.jpg", path=path, width=96, height=64, source_width=192, source_height=128
    )


def pictures(folder, count: int) -> list[engines.Picture]:
    """A bright square that moves over noise."""
    random = np.random.default_rng(0)
    ground = random.integers(0, 90, (64, 96, 3)).astype(np.uint8)
    made = []
    for i in range(count):
        image = ground.copy()
        x = 20 + (i * 3) % 40
        image[20:44, x : x + 24] = (200, 160, 40)
        path = folder / f"{i:03d}.png"
        write_image(path, image)
        made.append(picture(path, f"{i:03d}"))
    return made


def task(folder, count: int = 7, **more) -> engines.Task:
    return engines.Task(pictures=pictures(folder, count), side=96, ordered=True, **more)


def test_prompts_become_points():
    made = points.points_of(
        picture(None),
        [
            {"type": "point", "xy": [96, 64], "label": 0},
            {"type": "stroke", "points": [[0, 0], [19.2, 0], [192, 0]], "radius": 3},
            {"type": "box", "xyxy": [48, 32, 96, 64]},
            {"type": "box", "xyxy": [72, 16, 144, 60]},
        ],
    )
    assert made.labels.tolist() == [2, 3, 0, 1, 1, 1]
    expected = [[0.25, 0.125], [0.75, 0.5], [0.5, 0.5], [1 / 6, 0], [0.5, 0], [5 / 6, 0]]
    assert np.allclose(made.places, expected, atol=1e-6)
    assert points.points_of(picture(None), []) is None
    dot = {"type": "stroke", "points": [[96, 64], [96, 64]], "radius": 3, "label": 0}
    assert points.points_of(picture(None), [dot]).places.tolist() == [[0.5, 0.5]]


def test_frames_in_time_are_walked_both_ways_from_the_nearest_prompt(tmp_path):
    parent = walk.parents(task(tmp_path, 9), [2, 7])
    assert parent == {0: 1, 1: 2, 3: 2, 4: 3, 5: 6, 6: 7, 8: 7}
    visited = list(walk.order(parent, [2, 7]))
    assert {v[0] for v in visited} == set(parent)
    seen = {2, 7}
    for frame, source, _, _ in visited:
        assert source in seen
        seen.add(frame)
    assert [v[0] for v in visited if not v[3]] == [0, 4, 5, 8]
    assert {source: list(group)[-1][2] for source, group in itertools.groupby(visited, lambda v: v[1])}[2] is True


def test_photos_in_any_order_are_walked_by_likeness(tmp_path):
    made = task(tmp_path, 9)
    shuffle = np.random.default_rng(1).permutation(9)
    made.pictures = [made.pictures[i] for i in shuffle]
    made.ordered = False
    parent = walk.parents(made, [0])
    assert set(parent) == set(range(1, 9))
    assert len(list(walk.order(parent, [0]))) == 8


def run_job(folder, prompts, **overrides):
    """The stage ``masks`` on a few frames, forced to SAM 2."""
    workspace = Workspace(folder)
    frames_folder = workspace.folder("frames")
    (frames_folder / "images").mkdir(parents=True)
    made = pictures(frames_folder / "images", 6)
    records = [
        Frame(
            name=p.name, source=p.source, image=f"images/{p.name}.png", width=96, height=64,
            source_width=192, source_height=128,
        )
        for p in made
    ]  # fmt: skip
    Frames(frames=records).save(frames_folder)
    spec = JobSpec(
        capture=str(folder), job=str(folder), prompts=prompts, overrides={"masks.engine": "sam2", **overrides}
    )
    options = masks.Options(**stage_options("masks", "balanced", spec.overrides))
    context = Context(
        stage="masks", spec=spec, options=options, workspace=workspace, output=workspace.begin("masks"),
        inputs=("frames",),
    )  # fmt: skip
    masks.run(context)
    workspace.commit("masks", {})
    return workspace, context


def test_a_job_runs_with_an_imported_model(installed, tmp_path):
    workspace, context = run_job(tmp_path / "a", {"002.jpg": [BOX]}, **{"masks.model": "sam2-random"})
    result = Masks.load(workspace.folder("masks"))
    assert context.facts.method == result.method == "SAM 2.1"
    assert context.facts.details["engine"] == "sam2"
    assert [m.name for m in result.masks] == [f"{i:03d}" for i in range(6)]
    assert {m.method for m in result.masks} == {"prompt", "memory"}
    assert all(0 < m.confidence < 1 for m in result.masks)
    assert read_grey(workspace.folder("masks") / "000.png").shape == (64, 96)
    again, _ = run_job(tmp_path / "b", {"002.jpg": [BOX]})
    files = [[(w.folder("masks") / f"{i:03d}.png").read_bytes() for i in range(6)] for w in (workspace, again)]
    assert files[0] == files[1]
    assert json.loads((workspace.folder("masks") / "prompts.json").read_text()) == {"002.jpg": [BOX]}
    assert not [name for name in sys.modules if name.split(".")[0] == "torchvision"]


def test_prompts_and_corrections_change_what_is_found(installed, tmp_path):
    engine = engines.load("sam2")

    def found(**more):
        return {f.index: f for f in engine.segment(task(tmp_path, **more))}

    plain = found(prompts={0: [BOX]})
    assert set(plain) == set(range(7))
    corrected = found(prompts={0: [BOX], 5: [CLICK, {**CLICK, "xy": [20, 10], "label": 0}]})
    assert np.array_equal(plain[0].mask, corrected[0].mask)
    # A frame beside the corrected one now follows it, and one beside the first remembers both.
    assert not np.array_equal(plain[6].mask, corrected[6].mask)
    assert not np.array_equal(plain[1].mask, corrected[1].mask)


def test_a_drawn_mask_is_taken_as_it_is(installed, tmp_path):
    drawn = np.zeros((64, 96), np.float32)
    drawn[16:48, 24:72] = 1
    found = {f.index: f for f in engines.load("sam2").segment(task(tmp_path, drawn={3: drawn}))}
    mask = found[3].mask > 0.5
    assert (mask & (drawn > 0.5)).sum() / (mask | (drawn > 0.5)).sum() > 0.9
    assert found[3].confidence == 0.95
    assert len(found) == 7


def live_bytes() -> int:
    """Bytes of all tensors that exist now, shared storage counted once."""
    import torch

    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor:
            storages[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
    return sum(storages.values())


@pytest.mark.parametrize("count", [80, pytest.param(500, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_frames(installed, tmp_path, count):
    made = task(tmp_path, count, prompts={count // 2: [BOX]})
    marks = [count // 4, count // 2 - 5, 3 * count // 4, count - 5]
    held = []
    for number, _ in enumerate(engines.load("sam2").segment(made)):
        if number in marks:
            held.append(live_bytes())
    assert number == count - 1
    # Where the walk turns back to the prompted frame fewer steps lie behind; nowhere are there more.
    assert max(held) <= 1.02 * held[0], held


def test_cancel_is_heard_at_every_frame(installed, tmp_path):
    calls = []

    def progress(share, message):
        calls.append(share)
        if len(calls) == 5:
            raise JobCancelled("masks")

    done = []
    with pytest.raises(JobCancelled):
        done.extend(engines.load("sam2").segment(task(tmp_path, 30, prompts={0: [BOX]}, progress=progress)))
    assert len(calls) == 5


def test_a_second_click_looks_at_the_picture_no_more(installed, tmp_path, monkeypatch):
    from turnaround.backend.segment.sam2 import engine

    clicker = engine.Clicker("cpu", "sam2-random")
    looks = []
    look = clicker.network.look
    monkeypatch.setattr(clicker.network, "look", lambda image: looks.append(1) or look(image))
    shown = pictures(tmp_path, 10)
    first = clicker.cut(shown[0], [CLICK], None)
    assert first.mask.shape == (64, 96)
    assert 0 < first.confidence < 1
    second = clicker.cut(shown[0], [CLICK, {**CLICK, "label": 0, "xy": [10, 10]}], first)
    assert len(looks) == 1
    assert not np.array_equal(first.mask, second.mask)
    for p in shown:
        clicker.cut(p, [BOX], None)
    assert len(clicker._seen) == engine.Clicker.KEPT_PICTURES
    with pytest.raises(PipelineError, match="cannot be used"):
        clicker.cut(shown[1], [{**CLICK, "label": 0}], None)


def test_a_checkpoint_of_another_network_is_refused(installed, tmp_path, monkeypatch):
    import torch

    path = store.path_of(installed)
    size = path.stat().st_size
    torch.save({"model": {"something": torch.zeros(3)}}, path)
    with path.open("ab") as stream:  # a zip may be followed by anything
        stream.truncate(size)
    with pytest.raises(PipelineError) as caught:
        list(engines.load("sam2").segment(task(tmp_path, 3, prompts={0: [BOX]})))
    assert caught.value.code == "model_refused"


def test_without_a_model_the_next_engine_runs_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path))
    assert "sam2" in engines.missing("sam2") or "installed" in engines.missing("sam2")
    choice = engines.choose("auto", ordered=False)
    assert choice.name == "photos"
    assert "turnaround models install" in choice.hint
