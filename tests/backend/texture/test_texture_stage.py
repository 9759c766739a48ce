# SPDX-License-Identifier: GPL-3.0-or-later
"""The texture of a synthetic object whose pattern is finer than its triangles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.mesh.textured import TexturedMesh
from turnaround.backend.records import Masks
from turnaround.backend.texture.viewing import textured_view

SMALL = {
    "hull.resolution": 56, "surface.triangles": 800, "texture.size": 512, "splats.count": 2000,
    "splats.method": "untrained",
}  # fmt: skip


def painted(synthetic):
    """An egg with stripes that vertex colours of 800 triangles cannot hold; its true mesh is fine enough."""
    egg = synthetic.superquadric((0.8, 0.6, 1.0), power=1.0, steps=240)
    x, _, z = egg.vertices.T
    stripes = np.where(np.sin(14 * z) > 0, 220, 60)[:, None] * np.array([1.0, 0.8, 0.5])
    stripes[np.sin(14 * x) > 0.3] = (40, 90, 200)
    return replace(egg, colours=stripes.astype(np.uint8))


@pytest.fixture(scope="module")
def finished(synthetic, tmp_path_factory):
    scene = synthetic.scene(tmp_path_factory.mktemp("job"), painted(synthetic), count=16, size=240)
    return scene, synthetic.run_stages(scene.spec, ("hull", "splats", "surface", "texture", "export"), **SMALL)


def test_held_out_photos_are_met_much_better_than_by_vertex_colours(finished):
    _, contexts = finished
    texture, vertices = contexts["texture"].facts.metrics, contexts["export"].facts.metrics
    assert contexts["surface"].facts.details["triangles"] <= 800
    assert texture["texture_psnr"] > vertices["mesh_psnr"] + 3
    assert texture["texture_psnr"] > 21


def test_what_no_photo_saw_is_marked(finished):
    scene, contexts = finished
    textured = TexturedMesh.load(Path(scene.spec.job) / "06_texture")
    assert textured.colour.shape == (512, 512, 3)
    assert textured.normal.shape == (512, 512, 3)
    assert textured.surface.shape == (128, 128, 3)
    facts = contexts["texture"].facts.details
    # The cameras look from 15 and 50 degrees above: the underside is not seen, and it is not half of it.
    assert 0.6 < facts["seen"] < 0.97
    assert facts["used"] > 0.5
    assert {*np.unique(textured.seen)} == {0, 255}
    assert len(textured.uvs) == len(textured.vertices) == len(textured.normals)


def test_it_looks_like_the_photo(finished):
    scene, _ = finished
    from turnaround.backend.images import read_rgb
    from turnaround.backend.records import Cameras

    folder = Path(scene.spec.job) / "04_cameras"
    camera = next(c for c in Cameras.load(folder).cameras if not c.held_out)
    seen, covered = textured_view(TexturedMesh.load(Path(scene.spec.job) / "06_texture"), camera)
    photo = read_rgb(folder / camera.image)
    import cv2

    inner = cv2.erode(covered.astype(np.uint8), np.ones((9, 9))) > 0
    error = ((seen.astype(float) - photo)[inner] ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 24


def test_photos_of_another_exposure_leave_no_seams(synthetic, finished, tmp_path):
    """Every second photo 25 per cent darker: the texture is as it was, up to its brightness."""
    from turnaround.backend.images import read_rgb, write_image

    scene = synthetic.scene(tmp_path / "job", painted(synthetic), count=16, size=240)
    for path in sorted((tmp_path / "job" / "04_cameras" / "images").glob("*.png"))[1::2]:
        write_image(path, np.round(read_rgb(path) * 0.75).astype(np.uint8))
    contexts = synthetic.run_stages(scene.spec, ("hull", "splats", "surface", "texture"), **SMALL)
    gains = np.array([*contexts["texture"].facts.details["gains"].values()]).mean(axis=1)
    assert gains.max() / gains.min() == pytest.approx(1 / 0.75, rel=0.05)
    even = TexturedMesh.load(Path(finished[0].spec.job) / "06_texture")
    other = TexturedMesh.load(tmp_path / "job" / "06_texture")
    from turnaround.backend.records import Cameras

    camera = Cameras.load(tmp_path / "job" / "04_cameras").cameras[3]
    a, covered = textured_view(even, camera)
    b, _ = textured_view(other, camera)
    inner = covered & (a.min(axis=2) > 20)
    ratio = b[inner].astype(float).mean(axis=1) / a[inner].mean(axis=1)
    assert np.percentile(ratio, 90) - np.percentile(ratio, 10) < 0.12


def test_no_mask_at_all_is_an_error_that_says_so(synthetic, tmp_path):
    scene = synthetic.scene(tmp_path / "job", synthetic.sphere(steps=32), count=6, size=80)
    synthetic.run_stages(scene.spec, ("hull", "splats", "surface"), **SMALL)
    folder = tmp_path / "job" / "04_masks"
    masks = Masks.load(folder)
    masks.masks = []
    masks.save(folder)
    with pytest.raises(PipelineError) as error:
        synthetic.run_stages(scene.spec, ("texture",), **SMALL)
    assert error.value.code == "masks_unreadable"
