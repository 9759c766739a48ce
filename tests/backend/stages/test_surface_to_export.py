# SPDX-License-Identifier: GPL-3.0-or-later
"""Surface, splats and export on objects whose cameras, masks and shape are known exactly."""

import csv
import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from turnaround.backend.errors import PipelineError
from turnaround.backend.evaluate import evaluate, mesh_figures, resulting_mesh
from turnaround.backend.images import read_grey, read_rgb, write_image
from turnaround.backend.mesh.textured import TexturedMesh
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.ply import read_ply, write_ply
from turnaround.backend.records import Cameras
from turnaround.backend.splat_files import load as load_splats
from turnaround.backend.splat_files import save as save_splats
from turnaround.backend.splat_files.splats import empty as empty_splats
from turnaround.backend.workspace import Workspace
from turnaround.protocol import ARTEFACTS, AXES, DELIVERABLES, METRICS, USUAL_DELIVERABLES, Artefact, to_json

trimesh = pytest.importorskip("trimesh")
SMALL = {
    "hull.resolution": 56, "splats.count": 3000, "splats.method": "untrained", "surface.method": "hull",
    "texture.size": 256,
    "export.points": 2000, "export.renders": 4, "export.render_side": 64, "export.turntable_frames": 8,
}  # fmt: skip


def chamfer(scene):
    """Per cent of the object's diagonal, over what the cameras see."""
    mesh = Mesh.load(Path(scene.spec.job) / "04_hull" / "mesh.ply")
    cameras = Cameras.load(Path(scene.spec.job) / "04_cameras")
    return 100 * mesh_figures(mesh, scene.truth, cameras, np.eye(4))["chamfer"]


@pytest.fixture(scope="module")
def finished(synthetic, tmp_path_factory):
    """A torus taken through all three stages, its length unknown."""
    scene = synthetic.scene(tmp_path_factory.mktemp("torus"), synthetic.torus())
    return scene, synthetic.run_stages(scene.spec, ("hull", "splats", "surface", "texture", "export"), **SMALL)


def test_the_surface_is_closed_and_where_it_should_be(finished):
    scene, contexts = finished
    facts = contexts["hull"].facts.details
    assert facts["watertight"]
    assert facts["islands_removed"] == 0
    assert chamfer(scene) < 0.2
    mesh = Mesh.load(Path(scene.spec.job) / "04_hull" / "mesh.ply")
    closed = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert closed.is_watertight
    assert closed.euler_number == 0  # the hole is there
    np.testing.assert_allclose(mesh.vertices.min(axis=0)[2], 0.0, atol=0.005)


def test_the_surfaces_colours_are_the_photos(finished):
    scene, _ = finished
    mesh = Mesh.load(Path(scene.spec.job) / "04_hull" / "mesh.ply")
    truth = scene.truth
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(truth.vertices).query(mesh.vertices)
    error = np.abs(mesh.colours.astype(int) - truth.colours[nearest]).mean(axis=1)
    assert np.median(error) < 4
    assert (error < 16).mean() > 0.9


def test_splats_lie_flat_on_the_surface(finished):
    scene, contexts = finished
    splats = load_splats(Path(scene.spec.job) / "05_splats" / "splats.ply", up="z")
    assert abs(len(splats) - 3000) < 300
    assert len(splats) == contexts["splats"].facts.details["count"]
    assert contexts["splats"].facts.method == "surface-placed"
    # The thinnest axis is the last, and it is the torus's normal.
    assert (splats.scales.argmin(axis=1) == 2).all()
    from turnaround.kernels.splatting.reference import rotations

    world = np.linalg.inv(scene.job_from_truth)
    points = splats.means @ world[:3, :3].T + world[:3, 3] - (0, 0, 1.4)
    spoke = points * (1, 0, 1)
    middle = spoke / np.linalg.norm(spoke, axis=1, keepdims=True)
    normal = (points - middle) / np.linalg.norm(points - middle, axis=1, keepdims=True)
    cosine = np.einsum("ij,ij->i", rotations(splats.quats)[:, :, 2], normal)
    assert np.median(cosine) > 0.995
    assert (cosine > 0.9).mean() > 0.97
    assert contexts["splats"].facts.metrics["splats_psnr"] > 26
    assert contexts["splats"].facts.metrics["splats_ssim"] > 0.95


def test_export_lists_what_it_wrote(finished):
    scene, contexts = finished
    job, facts = Path(scene.spec.job), contexts["export"].facts
    artefacts = [Artefact(**a) for a in facts.details["artefacts"]]
    expected = "mesh mesh_uv texture seen_map model lod usdz obj stl points sparse_points splats cameras render video"
    assert {a.kind for a in artefacts} == {*expected.split(), "report", "metrics"}
    assert {a.kind for a in artefacts} <= set(ARTEFACTS)
    assert all((job / a.path).exists() and a.axes in {*AXES} and a.count > 0 for a in artefacts)
    listed = {a.path for a in artefacts} | {"07_export/model.mtl", "07_export/stamp.json"}
    assert {f"07_export/{p.name}" for p in (job / "07_export").iterdir()} == listed
    assert facts.details["unit"] == "relative"
    assert facts.details["metres_per_unit"] is None
    assert facts.metrics["mesh_psnr"] > 25
    assert set(facts.metrics) <= set(METRICS)
    stl = trimesh.load(job / "07_export" / "model.stl")
    assert np.linalg.norm(stl.extents) == pytest.approx(100, rel=1e-4)
    assert any(w["code"] == "stl_size_unknown" for w in facts.warnings)
    points, _ = read_ply(job / "07_export" / "pointcloud.ply")
    assert (points["radius"] > 0).all()
    cameras = Cameras.load(job / "07_export")
    assert read_rgb(job / "07_export" / cameras.cameras[3].image).shape == (200, 200, 3)
    told = json.loads((job / "07_export" / "metrics.json").read_text(encoding="utf-8"))
    assert told["metrics"]["texture_psnr"] == contexts["texture"].facts.metrics["texture_psnr"]
    assert contexts["texture"].facts.metrics["surface_unseen_share"] > 0
    assert set(np.unique(read_grey(job / "07_export" / "seen.png"))) == {0, 255}
    assert told["bytes"]["model.glb"] == (job / "07_export" / "model.glb").stat().st_size


def test_a_known_length_scales_everything_alike(finished, synthetic):
    scene, _ = finished
    job = Path(scene.spec.job)
    before = TexturedMesh.load(job / "06_texture")
    asked = ("glb", "stl", "splats", "spz", "photos", "splat_renders")
    spec = replace(scene.spec, length=0.25, length_of="height", deliverables=asked)
    facts = synthetic.run_stages(spec, ("export",), **SMALL)["export"].facts
    after = Mesh.load(job / "07_export" / "mesh.ply")
    assert np.ptp(after.vertices[:, 2]) == pytest.approx(0.25, rel=1e-5)
    factor = 0.25 / np.ptp(before.vertices[:, 2])
    np.testing.assert_allclose(after.vertices[after.faces], before.vertices[before.faces] * factor, atol=1e-6)
    assert facts.details["unit"] == "m"
    assert facts.details["metres_per_unit"] == 1.0
    assert not (job / "07_export" / "pointcloud.ply").exists()
    stl = trimesh.load(job / "07_export" / "model.stl")
    assert stl.extents[2] == pytest.approx(250, rel=1e-4)
    cameras, metric = Cameras.load(job / "04_cameras"), Cameras.load(job / "07_export")
    point = np.array([[0.1, -0.05, 0.3]])
    for one, other in zip(cameras.cameras, metric.cameras, strict=True):
        np.testing.assert_allclose(one.project(point)[0], other.project(point * factor)[0], atol=1e-6)
    # With its photos the folder stands alone.
    assert not any(".." in c.image for c in metric.cameras)
    copied = [(job / "07_export" / c.image).read_bytes() for c in metric.cameras]
    assert copied == [(job / "04_cameras" / c.image).read_bytes() for c in cameras.cameras]
    splats, scaled = (load_splats(job / folder / "splats.ply", up="z") for folder in ("05_splats", "07_export"))
    np.testing.assert_allclose(scaled.scales, splats.scales + np.log(factor), atol=1e-4)
    np.testing.assert_allclose(scaled.means, splats.means * factor, atol=1e-6)
    packed = load_splats(job / "07_export" / "splats.spz", up="z")
    np.testing.assert_allclose(packed.means, scaled.means, atol=1e-3)
    assert len([*(job / "07_export").glob("splats_render_*.png")]) == SMALL["export.renders"]


def test_a_length_between_two_clicked_points_scales_everything(finished, synthetic):
    scene, _ = finished
    job = Path(scene.spec.job)
    vertices = TexturedMesh.load(job / "06_texture").vertices
    ends = vertices[[vertices[:, 0].argmin(), vertices[:, 0].argmax()]]
    shown = Cameras.load(job / "04_cameras").cameras[1:6:4]
    clicks = {f"{c.name}.png": [float(v) for v in c.project(ends)[0].ravel()] for c in shown}
    spec = replace(scene.spec, length=0.3, segment=clicks, deliverables=("glb",))
    facts = synthetic.run_stages(spec, ("export",), **SMALL)["export"].facts
    assert (facts.details["unit"], facts.details["scale_from"]) == ("m", "segment, triangulated")
    delivered = Mesh.load(job / "07_export" / "mesh.ply").vertices
    assert np.linalg.norm(np.ptp(delivered, axis=0)) == pytest.approx(
        0.3 * np.linalg.norm(np.ptp(vertices, axis=0)) / np.linalg.norm(ends[1] - ends[0]), rel=1e-3
    )
    lost = replace(spec, segment={"elsewhere.png": [1, 2, 3, 4]})
    facts = synthetic.run_stages(lost, ("export",), **SMALL)["export"].facts
    assert facts.details["unit"] == "relative"
    assert [w["code"] for w in facts.warnings if w["code"] == "segment_lost"] == ["segment_lost"]


def test_each_preset_delivers_its_own(finished, synthetic):
    scene, _ = finished
    for preset, usual in USUAL_DELIVERABLES.items():
        spec = replace(scene.spec, preset=preset, deliverables=("auto",))
        small = SMALL | {"export.render_side": 32, "export.renders": 1, "export.turntable_frames": 2}
        facts = synthetic.run_stages(spec, ("export",), **small)["export"].facts
        assert facts.details["deliverables"] == sorted(usual)
        assert set(usual) <= set(DELIVERABLES)


def test_without_a_splat_the_rest_is_delivered(finished, synthetic, tmp_path):
    scene, _ = finished
    shutil.copytree(scene.spec.job, tmp_path / "job")
    save_splats(tmp_path / "job" / "05_splats" / "splats.ply", empty_splats(), up="z")
    spec = replace(scene.spec, job=str(tmp_path / "job"), deliverables=("glb", "splats", "spz", "splat_renders"))
    facts = synthetic.run_stages(spec, ("export",), **SMALL)["export"].facts
    assert [w["code"] for w in facts.warnings] == ["splats_empty"]
    assert {a["kind"] for a in facts.details["artefacts"]}.isdisjoint({"splats", "spz", "render"})
    assert (tmp_path / "job" / "07_export" / "model.glb").stat().st_size > 1000


@pytest.mark.parametrize("all_of_them", [False, True])
def test_splats_that_are_not_numbers_are_left_out(finished, synthetic, tmp_path, all_of_them):
    scene, _ = finished
    shutil.copytree(scene.spec.job, tmp_path / "job")
    columns, _ = read_ply(tmp_path / "job" / "05_splats" / "splats.ply")
    columns = columns.copy()
    columns["x"][: len(columns) if all_of_them else 5] = np.nan
    write_ply(tmp_path / "job" / "05_splats" / "splats.ply", columns)
    spec = replace(scene.spec, job=str(tmp_path / "job"), deliverables=("glb", "splats"))
    facts = synthetic.run_stages(spec, ("export",), **SMALL)["export"].facts
    expected = ["splats_broken", "splats_empty"] if all_of_them else ["splats_broken"]
    assert [w["code"] for w in facts.warnings] == expected
    counts = {a["kind"]: a["count"] for a in facts.details["artefacts"]}
    assert counts.get("splats") == (None if all_of_them else len(columns) - 5)
    assert counts["model"] > 0


def test_an_error_leaves_the_earlier_surface(finished, synthetic, tmp_path):
    scene, _ = finished
    shutil.copytree(scene.spec.job, tmp_path / "job")
    job = tmp_path / "job"
    kept = {p: p.read_bytes() for folder in ("04_hull", "06_surface") for p in (job / folder).iterdir()}
    for path in (job / "04_masks").glob("*.png"):
        write_image(path, np.zeros((200, 200), np.uint8))
    spec = replace(scene.spec, job=str(job))
    with pytest.raises(PipelineError) as error:
        synthetic.run_stages(spec, ("hull",), **SMALL)
    assert error.value.code == "surface_empty"
    assert error.value.hint
    assert {p: p.read_bytes() for p in kept} == kept


def test_an_open_surface_is_printed_closed_and_told_of(finished, synthetic, tmp_path):
    scene, _ = finished
    shutil.copytree(scene.spec.job, tmp_path / "job")
    mesh = TexturedMesh.load(tmp_path / "job" / "06_texture")
    height = mesh.vertices[mesh.faces][:, :, 2].max(axis=1)
    mesh.faces = mesh.faces[height < 0.8 * height.max()]
    mesh.save(tmp_path / "job" / "06_texture")
    spec = replace(scene.spec, job=str(tmp_path / "job"), length=0.1, deliverables=("glb", "obj", "usdz", "stl"))
    facts = synthetic.run_stages(spec, ("export",), **SMALL)["export"].facts
    assert [w["code"] for w in facts.warnings] == ["stl_holes_closed"]
    stl = trimesh.load(tmp_path / "job" / "07_export" / "model.stl")
    assert stl.is_watertight
    assert stl.volume > 0
    assert not trimesh.load(tmp_path / "job" / "07_export" / "mesh.ply").is_watertight


def test_a_full_disk_leaves_the_earlier_result(finished, synthetic, monkeypatch):
    from turnaround.backend.deliver import glb_container
    from turnaround.backend.pipeline import explain

    scene, _ = finished
    folder = Path(scene.spec.job) / "07_export"
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}

    class Full:
        """A file on a full disk."""

        def __getattr__(self, name):
            raise OSError(errno.ENOSPC, "No space left on device")

        def __enter__(self):
            return self

        def __exit__(self, *ignored):
            return False

    monkeypatch.setattr(glb_container.Path, "open", lambda *a, **k: Full())
    with pytest.raises(OSError, match="No space") as error:
        glb_container.write_chunks(folder / "model.glb", {}, glb_container.Binary())
    assert explain("export", error.value).code == "disk_full"
    monkeypatch.undo()
    monkeypatch.setattr("turnaround.backend.stages.export.write_preview", lambda *a: Full().write)
    with pytest.raises(OSError, match="No space"):
        synthetic.run_stages(scene.spec, ("export",), **SMALL)
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_training_improves_on_the_start_and_goes_on_where_it_was_stopped(finished, synthetic):
    pytest.importorskip("torch", reason="training needs torch")
    from turnaround.backend.errors import JobCancelled
    from turnaround.backend.training import checkpoint, session

    scene, _ = finished
    job = Path(scene.spec.job)
    options = SMALL | {"splats.method": "trained", "splats.steps": 120, "splats.minutes": 0.0, "splats.side": 200}
    kept = session.CHECKPOINT_SECONDS
    session.CHECKPOINT_SECONDS = 0.0
    try:
        calls = iter(range(10_000))
        with pytest.raises(JobCancelled):
            synthetic.run_stages(scene.spec, ("splats",), is_cancelled=lambda: next(calls) > 80, **options)
        assert (job / session.CHECKPOINT).exists()
    finally:
        session.CHECKPOINT_SECONDS = kept
    facts = synthetic.run_stages(scene.spec, ("splats",), **options)["splats"].facts
    assert facts.method == "trained-numba"
    assert facts.details["steps"] == 120
    assert facts.details["count"] <= 3000
    with (job / "05_splats" / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert float(history[-1]["psnr"]) > float(history[0]["psnr"]) + 1
    assert float(history[-1]["iou"]) > 0.95
    assert facts.metrics["splats_psnr"] > 26
    assert not (job / session.CHECKPOINT).exists()
    assert checkpoint.load(job / "nothing", "", "cpu") is None


@pytest.mark.parametrize("bad", ["half", "empty", "everything", "none of it"])
def test_one_bad_mask_does_not_ruin_the_surface(synthetic, tmp_path, bad):
    mesh = synthetic.superquadric((1.0, 0.7, 0.8))
    clean = synthetic.photograph(mesh, synthetic.ring_of_cameras(mesh, 16, (15.0, 50.0), 200)[5])[1]
    mask = {"half": clean.copy(), "empty": clean * 0, "everything": clean * 0 + 255, "none of it": 255 - clean}[bad]
    if bad == "half":
        mask[:, :100] = 0
    scene = synthetic.scene(tmp_path, mesh, spoil={"005": mask})
    synthetic.run_stages(scene.spec, ("hull",), **SMALL)
    assert chamfer(scene) < 0.35


def test_distrusted_masks_are_overruled(synthetic, tmp_path):
    mesh = synthetic.superquadric((1.0, 0.7, 0.8))
    cameras = synthetic.ring_of_cameras(mesh, 16, (15.0, 50.0), 200)
    spoil = {}
    for index in (2, 7, 12):
        spoil[f"{index:03d}"] = synthetic.photograph(mesh, cameras[index])[1].copy()
        spoil[f"{index:03d}"][:95] = 0
    scene = synthetic.scene(tmp_path, mesh, spoil=spoil, confidence=dict.fromkeys(spoil, 0.15))
    weights = synthetic.run_stages(scene.spec, ("hull",), **SMALL)["hull"].facts.details["weights"]
    assert max(weights[name] for name in spoil) == 0.0
    assert min(w for name, w in weights.items() if name not in spoil) > 0.9
    assert chamfer(scene) < 0.35


def test_masks_that_have_nothing_in_common_are_an_error(synthetic, tmp_path):
    corner = np.zeros((200, 200), np.uint8)
    corner[:20, :20] = 255
    mesh = synthetic.sphere()
    scene = synthetic.scene(tmp_path, mesh, count=6, spoil={f"{i:03d}": corner for i in range(6)})
    with pytest.raises(PipelineError) as error:
        synthetic.run_stages(scene.spec, ("hull",), **SMALL)
    assert error.value.code == "surface_empty"
    assert error.value.hint


def test_too_small_a_box_is_enlarged(synthetic, tmp_path):
    mesh = synthetic.sphere()
    scene = synthetic.scene(tmp_path, mesh)
    folder = tmp_path / "04_cameras"
    cameras = Cameras.load(folder)
    cameras.box = cameras.box * 0.5
    cameras.save(folder)
    facts = synthetic.run_stages(scene.spec, ("hull",), **SMALL)["hull"].facts
    assert [w["code"] for w in facts.warnings] == ["box_enlarged"]
    assert chamfer(scene) < 0.5


def test_evaluate_knows_the_truth(finished, synthetic, tmp_path):
    scene, _ = finished
    job = Path(scene.spec.job)
    frames = []
    for index, camera in enumerate(scene.cameras):
        world_from_cam = np.linalg.inv(camera.cam_from_world) @ np.diag([1.0, -1, -1, 1])
        frames.append({"file_path": f"images/{index:03d}.png", "transform_matrix": world_from_cam.tolist()})
        (tmp_path / "masks").mkdir(exist_ok=True)
        mask = (job / "04_masks" / f"{index:03d}.png").read_bytes()
        (tmp_path / "masks" / f"{index:03d}.png").write_bytes(mask)
    K = scene.cameras[0].K
    lens = {"w": 200, "h": 200, "fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2]}
    (tmp_path / "transforms.json").write_text(json.dumps({**lens, "frames": frames}))
    scene.mesh.save(tmp_path / "gt_mesh.ply")
    (job / "job.json").write_text(to_json(scene.spec))
    (job / "07_export").rename(tmp_path / "kept")
    figures = evaluate(job, tmp_path)
    # What is measured is what was delivered, in whatever unit, and not the surface before it was textured.
    (tmp_path / "kept").rename(job / "07_export")
    assert evaluate(job, tmp_path)["chamfer"] == pytest.approx(figures["chamfer"], rel=0.02)
    cameras, exported = Cameras.load(job / "04_cameras"), Mesh.load(job / "07_export" / "mesh.ply")
    found, own = resulting_mesh(Workspace(job), cameras)
    np.testing.assert_array_equal(found.vertices, exported.vertices)
    np.testing.assert_array_equal(
        own.cameras[2].cam_from_world, Cameras.load(job / "07_export").cameras[2].cam_from_world
    )
    assert set(figures) <= set(METRICS)
    assert figures["camera_auc_3"] > 99.99
    assert figures["up_error_degrees"] < 1e-4
    assert figures["registered_share"] == 1.0
    assert figures["mask_iou_min"] == 1.0
    assert figures["mask_boundary_f_mean"] == 1.0
    diagonal = np.linalg.norm(np.ptp(scene.mesh.vertices, axis=0))
    assert figures["chamfer"] < 0.002 * diagonal
    assert figures["f_score_1pct"] > 0.99


def test_evaluate_refuses_what_cannot_be_compared(tmp_path):
    with pytest.raises(ValueError, match="folder of a job"):
        evaluate(tmp_path, tmp_path)
    with pytest.raises(ValueError, match="folder with the truth"):
        evaluate(tmp_path, tmp_path / "nowhere")


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "limit"), [("rendered_duck", 0.2), ("rendered_monkey", 0.5)])
def test_real_objects_from_true_cameras_and_masks(given, synthetic, data, tmp_path, name, limit):
    spec, world = given.real_job(data / name, tmp_path)
    contexts = synthetic.run_stages(spec, ("hull", "splats", "surface", "texture", "export"))
    assert contexts["hull"].facts.details["watertight"]
    mesh, truth = Mesh.load(tmp_path / "04_hull" / "mesh.ply"), Mesh.load(data / name / "gt_mesh.ply")
    figures = mesh_figures(mesh, truth, Cameras.load(tmp_path / "04_cameras"), np.linalg.inv(world))
    # Measured: 0.28 mm (0.11 % of the diagonal) for the duck, 1.93 mm (0.43 %) for the monkey, which is not convex.
    assert 100 * figures["chamfer"] / np.linalg.norm(np.ptp(truth.vertices, axis=0)) < limit
    assert contexts["splats"].facts.metrics["splats_psnr"] > 22
