# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole scene is trained without masks: what the recipe runs, what it learns, what it delivers."""

from pathlib import Path

import numpy as np
import pytest
from turnaround.backend import pipeline
from turnaround.protocol import JobSpec

pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.splat_files import load
from turnaround.backend.training import starts

SMALL = {"splats.count": 1200, "splats.steps": 150, "splats.minutes": 0.0, "splats.side": 96}


def test_a_scene_is_learnt_from_sparse_points_on_all_pixels(synthetic, tmp_path):
    scene = synthetic.scene(tmp_path, synthetic.torus())
    contexts = synthetic.run_stages(scene.spec, ("splats",), **SMALL)
    facts = contexts["splats"].facts
    assert facts.method == "trained-numba-scene"
    assert facts.details["scene"]
    assert facts.details["held_out"]["psnr"] > 15
    assert facts.metrics["splats_psnr"] > 15
    kinds = {a["kind"]: a for a in facts.details["artefacts"]}
    assert set(kinds) == {"splats", "sparse_points", "cameras"}
    for artefact in kinds.values():
        assert (Path(scene.spec.job) / artefact["path"]).is_file()
    splats = load(Path(scene.spec.job) / kinds["splats"]["path"], up="z")
    # Nothing is removed for lying beside the object, and MCMC adds to the sparse points.
    assert len(splats) == kinds["splats"]["count"] > facts.details["from_sparse_points"] > 100


def test_the_recipe_has_no_masks_and_refuses_prompts():
    given = {"capture": "/c", "job": "/j", "recipe": "scene"}
    spec = JobSpec(**given)
    spec.check()
    assert pipeline.recipe(spec) == ("frames", "cameras", "splats")
    with pytest.raises(ValueError, match="frames, cameras, splats"):
        pipeline.recipe(JobSpec(**given, until_stage="surface"))
    with pytest.raises(ValueError, match="in the recipe"):
        pipeline.recipe(JobSpec(**given, from_stage="masks"))
    with pytest.raises(ValueError, match="scene"):
        JobSpec(**given, masks="/m").check()


def test_sparse_points_start_inside_the_hull_alone(synthetic, tmp_path):
    scene = synthetic.scene(tmp_path, synthetic.torus())
    folder = tmp_path / "04_cameras"
    everywhere = starts.sparse_start(folder / "points.ply", 10_000, 0)
    vertices = scene.truth.vertices[::37]
    assert len(everywhere) == len(vertices)
    inside = starts.sparse_start(folder / "points.ply", 10_000, 0, tmp_path / "04_masks")
    assert 0.9 * len(everywhere) < len(inside) <= len(everywhere)
    few = starts.sparse_start(folder / "points.ply", 7, 0, tmp_path / "04_masks")
    assert len(few) == 7
    assert len(starts.sparse_start(folder / "points.ply", 1, 0)) == 0


def test_points_beside_the_object_do_not_start(given, synthetic, tmp_path):
    scene = synthetic.scene(tmp_path, synthetic.torus())
    stray = np.array([[0.0, 1.2, 0.2], [0.9, 0.9, 0.1]])
    on_it = scene.mesh.vertices[::300]
    given.write_points(tmp_path / "04_cameras" / "points.ply", np.concatenate([on_it, stray]), scene.job_from_truth)
    start = starts.sparse_start(tmp_path / "04_cameras" / "points.ply", 10_000, 0, tmp_path / "04_masks")
    away = stray @ scene.job_from_truth[:3, :3].T + scene.job_from_truth[:3, 3]
    nearest = np.linalg.norm(start.means[:, None] - away[None], axis=2).min(0)
    assert len(start) >= 0.9 * len(on_it)
    assert (nearest > 0.01).all()


def test_a_scene_without_points_says_what_to_do(given, synthetic, tmp_path):
    scene = synthetic.scene(tmp_path, synthetic.torus(), count=8, size=64)
    given.write_points(tmp_path / "04_cameras" / "points.ply", None, scene.job_from_truth)
    with pytest.raises(Exception, match="without sparse points") as error:
        synthetic.run_stages(scene.spec, ("splats",), **SMALL)
    assert error.value.code == "cameras_too_few"
