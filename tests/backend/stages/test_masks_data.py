# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of real captures from one click, against their truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from turnaround.backend.records import Mask, Masks
from turnaround.backend.stage import Context
from turnaround.backend.stages import masks, masks_refined
from turnaround.backend.workspace import Workspace
from turnaround.protocol import JobSpec, stage_options

pytestmark = [pytest.mark.data, pytest.mark.slow]


def run(module, job: JobSpec, inputs: tuple[str, ...]) -> None:
    workspace = Workspace(job.job)
    options = module.Options(**stage_options(module.NAME, job.preset, job.overrides))
    output = workspace.begin(module.NAME)
    module.run(Context(stage=module.NAME, spec=job, options=options, workspace=workspace, output=output, inputs=inputs))
    workspace.commit(module.NAME, {})


@pytest.mark.parametrize(
    ("name", "point", "first", "mean", "least"),
    [("rendered_duck", [468, 411], 0.985, 0.99, 0.98), ("rendered_monkey", [320, 200], 0.78, 0.96, 0.90)],
)
def test_one_click_masks_all_frames(data, given, tmp_path, name, point, first, mean, least):
    given.real_job(data / name, tmp_path)
    workspace = Workspace(tmp_path)
    frames = sorted((data / name / "images").glob("*.jpg"))
    truth = {
        f.stem: cv2.imread(str(data / name / "masks" / f"{f.stem}.png"), cv2.IMREAD_GRAYSCALE) > 127 for f in frames
    }
    source = f"{frames[0].stem}.png"
    job = JobSpec(capture=str(data), job=str(tmp_path), prompts={source: [{"type": "point", "xy": point, "label": 1}]})
    found = {}
    for module, inputs in ((masks, ("frames",)), (masks_refined, ("frames", "masks", "cameras"))):
        run(module, job, inputs)
        found[module.NAME] = []
        for stem, there in truth.items():
            path = workspace.folder(module.NAME) / f"{stem}.png"
            here = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127
            found[module.NAME].append((here & there).sum() / (here | there).sum())
    assert np.mean(found["masks"]) > first
    assert np.mean(found["masks_refined"]) > mean
    assert np.min(found["masks_refined"]) > least


def test_rubbish_in_one_frame_of_the_duck_is_repaired(data, given, tmp_path):
    given.real_job(data / "rendered_duck", tmp_path)
    workspace = Workspace(tmp_path)
    folder = data / "rendered_duck" / "masks"
    truth = {f.stem: cv2.imread(str(f), cv2.IMREAD_GRAYSCALE) for f in sorted(folder.glob("*.png"))}
    out = workspace.folder("masks")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, mask in truth.items():
        written = np.random.default_rng(0).integers(0, 2, (18, 24)).astype(np.uint8) * 255 if name == "007" else mask
        written = cv2.resize(written, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(out / f"{name}.png"), written)
        rows.append(Mask(name=name, image=f"{name}.png", confidence=0.8, method="flow", area=0.1))
    Masks(masks=rows, method="prompt").save(out)
    job = JobSpec(capture=str(data), job=str(tmp_path))
    run(masks_refined, job, ("frames", "masks", "cameras"))
    for name, mask in truth.items():
        here = cv2.imread(str(workspace.folder("masks_refined") / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 127
        assert (here & (mask > 127)).sum() / (here | (mask > 127)).sum() > 0.98, name
