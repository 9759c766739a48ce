# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures and surfaces that are broken: a texture comes out that says so, or an error with its way out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.images import write_image
from turnaround.backend.mesh.textured import TexturedMesh
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.records import Cameras
from turnaround.protocol import JobSpec

SMALL = {"texture.size": 128}


@pytest.fixture(scope="module")
def made(synthetic, tmp_path_factory):
    """A job with the true surface, of which each test takes a copy."""
    root = tmp_path_factory.mktemp("made") / "job"
    scene = synthetic.scene(root, synthetic.superquadric((0.8, 0.6, 1.0), steps=32), count=8, size=80)
    (root / "06_surface").mkdir()
    for name in ("mesh.ply", "dense.ply"):
        scene.truth.save(root / "06_surface" / name)
    return scene


@pytest.fixture
def job(made, synthetic, tmp_path):
    shutil.copytree(made.spec.job, tmp_path / "job")
    spec = replace(made.spec, job=str(tmp_path / "job"))
    return tmp_path / "job", lambda: synthetic.run_stages(spec, ("texture",), **SMALL)["texture"]


def textured(root: Path) -> TexturedMesh:
    return TexturedMesh.load(root / "06_texture")


def test_empty_masks_everywhere_are_an_error(job):
    root, run = job
    for path in (root / "04_masks").glob("*.png"):
        write_image(path, np.zeros((80, 80), np.uint8))
    with pytest.raises(PipelineError) as error:
        run()
    assert error.value.code == "mask_empty"
    assert error.value.stage == "texture"
    assert "mark the object again" in error.value.hint


def test_a_surface_that_knows_its_colours_keeps_them_and_says_so(job):
    root, run = job
    for path in (root / "04_masks").glob("*.png"):
        write_image(path, np.zeros((80, 80), np.uint8))
    mesh = Mesh.load(root / "06_surface" / "mesh.ply")
    Mesh(mesh.vertices, mesh.faces, np.full((len(mesh.vertices), 3), (200, 90, 30), np.uint8)).save(
        root / "06_surface" / "mesh.ply"
    )
    (root / "06_surface" / "dense.ply").write_bytes((root / "06_surface" / "mesh.ply").read_bytes())
    (root / "06_surface" / "surface.json").write_text('{"own_colours": true}')
    facts = run().facts
    assert facts.fallbacks[0]["reason"] == "no photo shows the surface inside its mask"
    assert facts.metrics["surface_unseen_share"] == 1.0
    assert np.abs(textured(root).colour.reshape(-1, 3).astype(int) - (200, 90, 30)).max() <= 1
    assert not textured(root).seen.any()


def test_no_camera_at_all_is_an_error(job):
    root, run = job
    cameras = Cameras.load(root / "04_cameras")
    cameras.cameras = []
    cameras.save(root / "04_cameras")
    with pytest.raises(PipelineError) as error:
        run()
    assert error.value.code == "masks_unreadable"


def test_one_camera_paints_what_it_sees(job):
    root, run = job
    cameras = Cameras.load(root / "04_cameras")
    cameras.cameras = cameras.cameras[3:4]
    cameras.save(root / "04_cameras")
    facts = run().facts
    assert facts.details["photos"] == 1
    assert facts.details["aligned"] == {"rounds": 0}
    assert 0.5 < facts.metrics["surface_unseen_share"] < 0.9
    assert facts.details["seen_map"] == "06_texture/seen.png"


def test_photos_that_are_all_white_give_a_white_texture(job):
    root, run = job
    for path in (root / "04_cameras" / "images").iterdir():
        write_image(path, np.full((80, 80, 3), 255, np.uint8))
    facts = run().facts
    assert np.allclose([*facts.details["gains"].values()], 1)
    assert textured(root).colour.min() > 250


def test_triangles_that_are_none_are_left_out(job):
    root, run = job
    mesh = Mesh.load(root / "06_surface" / "mesh.ply")
    mesh.vertices[40] = np.nan
    faces = np.concatenate([mesh.faces, [[3, 3, 9], [5, 5, 5]]]).astype(np.int32)
    for name in ("mesh.ply", "dense.ply"):
        Mesh(mesh.vertices, faces, mesh.colours).save(root / "06_surface" / name)
    run()
    found = textured(root)
    lost = (mesh.faces == 40).any(axis=1).sum()
    assert lost >= 3
    assert len(found.faces) == len(mesh.faces) - lost
    assert all(np.isfinite(a).all() for a in (found.vertices, found.normals, found.uvs))


def test_levels_of_detail_leave_out_the_same_triangles(synthetic, tmp_path):
    scene = synthetic.scene(tmp_path / "job", synthetic.superquadric((0.8, 0.6, 1.0), steps=64), count=8, size=80)
    root = Path(scene.spec.job)
    (root / "06_surface").mkdir()
    faces = np.concatenate([scene.truth.faces, [[3, 3, 9]]]).astype(np.int32)
    for name in ("mesh.ply", "dense.ply"):
        Mesh(scene.truth.vertices, faces, scene.truth.colours).save(root / "06_surface" / name)
    spec = replace(scene.spec, deliverables=("lods",))
    synthetic.run_stages(spec, ("texture", "export"), **SMALL)
    assert (root / "07_export" / "model_lod1.glb").stat().st_size > 1000


def test_a_surface_without_triangles_is_an_error_and_the_earlier_result_stays(job):
    root, run = job
    run()
    before = textured(root)
    nothing = Mesh(np.full((4, 3), np.nan), np.array([[0, 1, 2]], np.int32))
    for name in ("mesh.ply", "dense.ply"):
        nothing.save(root / "06_surface" / name)
    with pytest.raises(PipelineError) as error:
        run()
    assert (error.value.code, error.value.stage) == ("surface_empty", "texture")
    assert np.array_equal(textured(root).colour, before.colour)


@pytest.mark.parametrize("size", [0, 63, 8193, 10**9])
def test_absurd_sizes_are_refused_before_anything_runs(size):
    with pytest.raises(ValueError, match=r"texture\.size between 64 and 8192"):
        JobSpec(capture="photos", job="job", overrides={"texture.size": size}).check()
