# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of a single picture by a checkpoint whose weights are made so that its body is known: shape, colours,
splats and what is delivered are held to that body.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from turnaround.backend import pipeline
from turnaround.backend.images import read_grey, read_rgb
from turnaround.backend.mesh.rendering import looking_at
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.records import Cameras
from turnaround.protocol import JobSpec

torch = pytest.importorskip("torch")

SMALL = {
    "shape.resolution": 64, "shape.triangles": 3000, "shape.views": 12, "shape.view_side": 96, "splats.count": 3000,
    "splats.side": 96, "splats.steps": 200, "splats.minutes": 1.5, "texture.size": 256, "export.points": 1000,
}  # fmt: skip


@pytest.fixture(scope="module")
def networks():
    path = Path(__file__).parent.parent / "tsr" / "networks.py"
    spec = importlib.util.spec_from_file_location("known_tsr_networks", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["known_tsr_networks"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def capture(networks, tmp_path_factory):
    """The body's photo from the network's own camera, and the checkpoint that sees it."""
    from turnaround.backend.tsr import occupancy, shaping
    from turnaround.backend.tsr.field import Field

    folder = tmp_path_factory.mktemp("body")
    model = networks.body_network()
    torch.save(model.state_dict(), folder / "body.ckpt")
    (folder / "body.json").write_text(json.dumps(asdict(networks.BODY)))
    field = Field(model.scene_codes(torch.rand(1, 40, 40, 3))[0], model.decoder, networks.BODY.radius, -1.0)
    seen = shaping.drawn(field, looking_at(np.zeros(3), 0.0, 0.0, 1.9, 192, 40.0), occupancy.occupied(field, 64))
    Image.fromarray(seen).save(folder / "body.png")
    return folder


def run(capture, job, until="", **more):
    spec = JobSpec(
        capture=str(capture / "body.png"), job=str(job), preset="draft", until_stage=until, deterministic=True,
        overrides=SMALL | {"shape.model": str(capture / "body.ckpt")}, **more,
    )  # fmt: skip
    pipeline.run_recipe(spec)
    return json.loads((job / "result.json").read_text())


def in_model(mesh, axes):
    """Vertices in the model's frame but for scale: the picture was taken from +x, which is -y of the world."""
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    x, y, z = ((mesh.vertices - middle) @ [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]).T
    points = np.stack([x, y, z], axis=1)
    return points * (np.linalg.norm(axes) / np.linalg.norm(np.ptp(points, axis=0) / 2))


def test_the_known_body_is_found_and_fills_its_silhouette(networks, capture, tmp_path):
    result = run(capture, tmp_path / "job", "shape")
    assert result["methods"]["shape"] == "TripoSR"
    facts = json.loads((tmp_path / "job" / "06_surface" / "surface.json").read_text())
    assert facts["silhouette_iou"] > 0.97
    assert set(facts["seconds"]) == {"codes", "mesh", "views"}
    mesh = Mesh.load(tmp_path / "job" / "06_surface" / "dense.ply")
    body = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert body.is_watertight
    assert body.volume > 0
    points = in_model(mesh, networks.AXES_OF_BODY)
    assert np.abs(np.linalg.norm(points / networks.AXES_OF_BODY, axis=1) - 1).max() < 0.03
    assert np.abs(mesh.colours / 255 - 1 / (1 + np.exp(-6 * points))).max() < 0.04


def test_views_agree_with_their_cameras(capture, tmp_path):
    run(capture, tmp_path / "job", "shape")
    folder = tmp_path / "job" / "06_surface"
    mesh = Mesh.load(folder / "dense.ply")
    for camera in Cameras.load(folder / "views").cameras:
        mask = read_grey(folder / "views" / "masks" / f"{camera.name}.png") > 127
        pixels, _ = camera.project(mesh.vertices)
        rows, columns = np.nonzero(mask)
        edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]) - edges).max() < 2.5


@pytest.mark.slow
def test_to_the_end_splats_learn_and_deliverables_are_valid(capture, tmp_path):
    wanted = ("glb", "stl", "obj", "splats")
    result = run(capture, tmp_path / "job", deliverables=wanted)
    assert result["methods"]["shape"] == "TripoSR"
    job = tmp_path / "job"
    splats = json.loads((job / "05_splats" / "splats.json").read_text())
    assert splats["trained"]
    assert _psnr_over_views(job) > 32
    stl = trimesh.load(next((job / "07_export").glob("*.stl")))
    assert stl.is_watertight
    assert stl.volume > 0
    told = json.loads((job / "07_export" / "metrics.json").read_text())
    assert {"frames", "masks", "shape", "shape.codes", "shape.mesh", "shape.views", "splats", "texture"} <= set(
        told["seconds"]
    )
    assert all(seconds >= 0 for seconds in told["seconds"].values())


def _psnr_over_views(job: Path) -> float:
    """Mean PSNR of the splats, drawn as the network's views were, inside their masks."""
    from turnaround.backend import splat_files
    from turnaround.backend.stages.splats import render_over_black

    splats = splat_files.load(job / "05_splats" / "splats.ply")
    folder, found = job / "06_surface" / "views", []
    for camera in Cameras.load(folder).cameras:
        inside = read_grey(folder / "masks" / f"{camera.name}.png") > 250
        off = render_over_black(splats, camera).astype(float) - read_rgb(folder / camera.image)
        found.append(10 * np.log10(255**2 / np.square(off[inside]).mean()))
    return float(np.mean(found))
