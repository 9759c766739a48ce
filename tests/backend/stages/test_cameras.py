# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras' stage on a rendered scene: estimated and given cameras, what it writes, and how it fails."""

import importlib.util
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from turnaround import protocol
from turnaround.backend import pipeline, stamps
from turnaround.backend.camera_files import read_cameras
from turnaround.backend.errors import JobCancelled, PipelineError
from turnaround.backend.evaluate_cameras import align_to_truth, camera_metrics
from turnaround.backend.geometry import angle_degrees, apply, camera_in_new_world
from turnaround.backend.images import read_rgb, write_image
from turnaround.backend.lens import LensCamera
from turnaround.backend.ply import read_ply
from turnaround.backend.records import ASSUMED, Camera, Cameras, Frames
from turnaround.backend.stage import Context
from turnaround.backend.stages import cameras as stage
from turnaround.backend.workspace import Workspace

OPENGL = np.diag([1.0, -1, -1, 1])


@pytest.fixture(scope="module")
def box_scene():
    spec = importlib.util.spec_from_file_location("box_scene", Path(__file__).parents[1] / "sfm" / "box_scene.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def context_of(job, cameras=None, is_cancelled=lambda: False, options=None, **spec):
    workspace = Workspace(job)
    inputs = tuple(name for name in stage.INPUTS if workspace.folder(name).exists())
    return Context(
        stage="cameras",
        spec=protocol.JobSpec(capture="", job=str(job), cameras=None if cameras is None else str(cameras), **spec),
        options=stage.Options(**(options or {})),
        workspace=workspace,
        output=workspace.begin("cameras"),
        inputs=inputs,
        is_cancelled=is_cancelled,
    )


def run(job, **arguments):
    context = context_of(job, **arguments)
    stage.run(context)
    return Cameras.load(context.output), context


@pytest.fixture(scope="module")
def scanned(box_scene, tmp_path_factory):
    job = tmp_path_factory.mktemp("scan")
    scene = box_scene.render(box_scene.ring(15))
    scene.write_frames(job)
    cameras, context = run(job, deterministic=True)
    return scene, job, cameras, context


def test_options_are_the_rows_of_the_protocol():
    rows = protocol.stage_options("cameras", "balanced", {})
    assert {f: getattr(stage.Options(), f) for f in rows} == rows
    assert stage.Options(**rows) == stage.Options()


def test_all_frames_are_placed_where_they_were(scanned):
    scene, _, cameras, context = scanned
    metrics = camera_metrics(cameras, scene.truth)
    assert len(cameras.cameras) == 15
    assert metrics["camera_auc_3"] > 95
    assert metrics["camera_centre_rms_percent"] < 0.1
    facts = context.facts.metrics
    assert facts["registered_share"] == 1
    assert facts["frames_used"] == facts["frames_registered"] == 15
    assert facts["reprojection_error_px"] < 0.6
    assert "incremental" in context.facts.method
    assert not cameras.given


def test_the_world_is_upright_on_the_ground_and_of_unit_size(scanned, box_scene):
    scene, _, cameras, _ = scanned
    truth_from_world = align_to_truth(cameras, scene.truth)
    assert cameras.up_from == "plane"
    assert angle_degrees(truth_from_world[:3, 2], np.array([0, 0, 1.0])) < 0.3
    box = apply(truth_from_world, cameras.box)
    assert box[0, 2] == pytest.approx(0, abs=0.01)
    assert np.linalg.norm(cameras.box[1] - cameras.box[0]) == pytest.approx(1)
    middle = apply(truth_from_world, cameras.box.mean(axis=0)[None])[0]
    np.testing.assert_allclose(middle, [0, 0, box_scene.SIZE[2] / 2], atol=0.12)


@pytest.mark.parametrize(("every", "expected"), [(8, ["v00", "v08"]), (0, []), (7, ["v00", "v07", "v14"])])
def test_readers_say_how_many_frames_are_held_out(scanned, every, expected):
    folder = scanned[3].output
    assert [c.name for c in Cameras.load(folder, every).cameras if c.held_out] == expected


def test_assumed_cameras_are_never_held_out(tmp_path):
    one = Camera(name="a", image="", width=1, height=1, K=np.eye(3), cam_from_world=np.eye(4))
    Cameras(cameras=[one], up_from=ASSUMED).save(tmp_path)
    assert not Cameras.load(tmp_path, 8).cameras[0].held_out


def test_another_number_held_out_finds_no_cameras_again(tmp_path):
    def digests(hold_out):
        spec = protocol.JobSpec(capture="", job=str(tmp_path), prompts={"a": []}, hold_out=hold_out)
        steps = stamps.plan(spec, pipeline.full_recipe(spec), pipeline.load_stage, Workspace(tmp_path))
        return {step.name: step.digest for step in steps}

    before, after = digests(8), digests(5)
    assert {name for name in before if before[name] == after[name]} == {
        "frames", "masks", "cameras", "masks_refined", "cutouts"
    }  # fmt: skip


def test_points_and_model_agree_with_the_cameras(scanned):
    _, job, cameras, context = scanned
    vertices, _ = read_ply(context.output / "points.ply")
    assert vertices.dtype.names == ("x", "y", "z", "red", "green", "blue")
    assert len(vertices) > 300
    model = read_cameras(context.output / "sparse")
    np.testing.assert_allclose(model.points, np.stack([vertices[a] for a in "xyz"], axis=1), atol=1e-5)
    by_name = {c.name: c for c in cameras.cameras}
    for i, lens in enumerate(model.cameras):
        camera = by_name[lens.name]
        np.testing.assert_allclose(lens.cam_from_world, camera.cam_from_world, atol=1e-9)
        np.testing.assert_allclose(lens.K, camera.K)
        seen = model.observed_camera == i
        pixels, _ = camera.project(model.points[model.observed_point[seen]])
        assert np.median(np.linalg.norm(pixels - model.observed_xy[seen], axis=1)) < 0.6
    for camera in cameras.cameras:
        assert read_rgb(context.output / camera.image).shape == (camera.height, camera.width, 3)
        if not camera.distortion:
            source = job / "01_frames" / "images" / f"{camera.name}.png"
            assert (context.output / camera.image).read_bytes() == source.read_bytes()


def test_nothing_but_the_promised_files_is_left(scanned):
    assert {p.name for p in scanned[3].output.iterdir()} == set(stage.OUTPUTS)


def test_deterministic_means_the_same_to_the_last_bit(scanned, box_scene, tmp_path):
    scene, _, cameras, _ = scanned
    scene.write_frames(tmp_path)
    again, _ = run(tmp_path, deterministic=True)
    for a, b in zip(cameras.cameras, again.cameras, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.cam_from_world, b.cam_from_world)
        np.testing.assert_array_equal(a.K, b.K)


def test_cancel_returns_within_seconds(scanned):
    started = time.monotonic()
    context = context_of(scanned[1], is_cancelled=lambda: time.monotonic() - started > 1.0)
    with pytest.raises(JobCancelled):
        stage.run(context)
    assert time.monotonic() - started < 6


def test_photos_without_anything_in_common_are_an_error_with_a_way_out(box_scene, tmp_path):
    scene = box_scene.BoxScene()
    for i in range(4):
        other = box_scene.render([box_scene.camera_at(80 * i, 30, 3.2)], seed=i)
        scene.photos[f"v{i}"] = other.photos["v00"]
    scene.write_frames(tmp_path, with_masks=False)
    with pytest.raises(PipelineError) as error:
        run(tmp_path, options={"features": 500})
    assert error.value.code in {"cameras_failed", "cameras_too_few"}
    assert "overlap" in error.value.hint
    report = (tmp_path / "capture_report.html").read_text(encoding="utf-8")
    assert "0 of 4 frames have a camera" in report
    assert report.count("<td>no camera: ") == 4


def test_of_two_objects_mixed_the_larger_group_stays_and_the_rest_is_named(box_scene, tmp_path):
    scene = box_scene.render([box_scene.camera_at(12 * i, 35, 3.2) for i in range(8)])
    other = box_scene.render([box_scene.camera_at(12 * i, 35, 3.2) for i in range(5)], seed=1)
    scene.photos |= {f"w{name[1:]}": photo for name, photo in other.photos.items()}
    scene.write_frames(tmp_path, with_masks=False)
    cameras, context = run(tmp_path)
    assert [c.name for c in cameras.cameras] == [f"v{i:02d}" for i in range(8)]
    assert {u["name"] for u in cameras.unregistered} == {f"w{i:02d}" for i in range(5)}
    assert all("another part of the capture, of 5 frames" in u["reason"] for u in cameras.unregistered)
    parts = next(w for w in context.facts.warnings if w["code"] == "cameras_parts")
    assert "5 from w00 to w04" in parts["message"]
    assert len(context.facts.details["ladder"]) == 1


def test_one_picture_over_and_over_is_told_apart(box_scene, tmp_path):
    scene = box_scene.BoxScene()
    photo = box_scene.render([box_scene.camera_at(0, 30, 3.2)]).photos["v00"]
    random = np.random.default_rng(0)
    for i in range(4):
        noise = random.normal(scale=2, size=photo.shape)
        scene.photos[f"v{i}"] = np.clip(photo + noise, 0, 255).astype(np.uint8)
    scene.write_frames(tmp_path, with_masks=False)
    with pytest.raises(PipelineError, match="no camera motion") as error:
        run(tmp_path)
    assert error.value.code == "cameras_failed"


@pytest.mark.slow
def test_a_turntable_before_a_textured_wall_is_told_by_its_masks(box_scene, tmp_path):
    scene = box_scene.render(box_scene.ring(30), standing_still=True)
    scene.write_frames(tmp_path)
    cameras, context = run(tmp_path)
    assert "inside the masks" in context.facts.method
    assert len(cameras.cameras) >= 27
    assert camera_metrics(cameras, scene.truth)["camera_auc_5"] > 80


@pytest.mark.slow
def test_photos_cropped_on_one_side_have_their_principal_point_found(box_scene, tmp_path):
    scene = box_scene.render(box_scene.ring(18))
    scene.write_frames(tmp_path)
    frames = Frames.load(tmp_path / "01_frames")
    for frame in frames.frames:
        frame.width -= 30
        write_image(tmp_path / "01_frames" / frame.image, np.ascontiguousarray(scene.photos[frame.name][:, 30:]))
        write_image(tmp_path / "02_masks" / f"{frame.name}.png", np.ascontiguousarray(scene.masks[frame.name][:, 30:]))
    frames.save(tmp_path / "01_frames")
    cameras, _ = run(tmp_path)
    np.testing.assert_allclose(cameras.cameras[0].K[:2, 2], [170, 150], atol=3)
    assert camera_metrics(cameras, scene.truth)["camera_auc_3"] > 95


# Given cameras


@pytest.fixture(scope="module")
def ten(box_scene):
    return box_scene.render(box_scene.ring(10))


@pytest.fixture
def given(box_scene, ten, tmp_path):
    scene = box_scene.BoxScene(dict(ten.photos), dict(ten.masks), dict(ten.truth))
    scene.write_frames(tmp_path / "job")

    def write(poses=None, width=box_scene.WIDTH, **shared):
        poses = scene.truth if poses is None else poses
        scale = width / box_scene.WIDTH
        frames = [
            {"file_path": f"images/{n}.jpg", "transform_matrix": (np.linalg.inv(p) @ OPENGL).tolist()}
            for n, p in poses.items()
        ]
        data = {"w": width, "h": box_scene.HEIGHT * scale, "fl_x": box_scene.FOCAL * scale, "frames": frames} | shared
        (tmp_path / "transforms.json").write_text(json.dumps(data))
        return tmp_path / "transforms.json"

    return scene, tmp_path / "job", write


FAST = {"triangulate": False}


def test_given_cameras_are_kept_as_they_are(given, box_scene):
    scene, job, write = given
    cameras, context = run(job, cameras=write(width=1200), options=FAST)
    assert context.facts.method == "given"
    assert cameras.given
    assert cameras.up_from == "given"
    for camera in cameras.cameras:
        np.testing.assert_allclose(camera.K, box_scene.K, rtol=1e-12)
        assert camera.distortion == {}
        np.testing.assert_allclose(
            camera.cam_from_world, camera_in_new_world(scene.truth[camera.name], cameras.world_from_sfm), atol=1e-9
        )
    assert camera_metrics(cameras, scene.truth)["up_error_degrees"] < 1e-4
    assert len(read_ply(context.output / "points.ply")[0]) == 0
    assert cameras.reprojection_error_px is None


def test_given_cameras_keep_two_focal_lengths(given, box_scene):
    _, job, write = given
    cameras, _ = run(job, cameras=write(fl_x=box_scene.FOCAL, fl_y=1.1 * box_scene.FOCAL), options=FAST)
    for camera in cameras.cameras:
        np.testing.assert_allclose(np.diag(camera.K), [box_scene.FOCAL, 1.1 * box_scene.FOCAL, 1])


def test_points_for_given_cameras_tell_the_ground_and_move_nothing(given, box_scene):
    scene, job, write = given
    cameras, context = run(job, cameras=write())
    assert context.facts.details["ground_from"] == "plane"
    assert len(read_ply(context.output / "points.ply")[0]) > 100
    assert cameras.reprojection_error_px < 1
    truth_from_world = np.linalg.inv(cameras.world_from_sfm)
    assert apply(truth_from_world, cameras.box)[0, 2] == pytest.approx(0, abs=0.01)
    assert camera_metrics(cameras, scene.truth)["camera_centre_rms_percent"] < 1e-6


def test_a_lens_is_undone(given, ten, box_scene):
    """Photos bent by a known lens come back as the pinhole photos, zoomed by the factor that avoids black borders."""
    scene, job, write = given
    coefficients = np.array([-0.2, 0.05, 0.001, -0.0005, 0, 0, 0, 0])
    lens = LensCamera(
        name="",
        width=box_scene.WIDTH,
        height=box_scene.HEIGHT,
        K=box_scene.K,
        cam_from_world=np.eye(4),
        coefficients=coefficients,
    )
    y, x = np.mgrid[0 : box_scene.HEIGHT, 0 : box_scene.WIDTH] + 0.5
    directions = lens.undistort(np.stack([x.ravel(), y.ravel()], axis=1))
    source = (directions * box_scene.FOCAL + box_scene.K[:2, 2] - 0.5).reshape(*x.shape, 2).astype(np.float32)
    for name, photo in scene.photos.items():
        scene.photos[name] = cv2.remap(
            photo, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
    scene.write_frames(job)
    cameras, context = run(job, cameras=write(k1=-0.2, k2=0.05, p1=0.001, p2=-0.0005), options=FAST)
    for camera in cameras.cameras[:3]:
        assert camera.distortion["model"][:4] == [-0.2, 0.05, 0.001, -0.0005]
        zoom = camera.K[0, 0] / box_scene.FOCAL
        A = np.diag([zoom, zoom, 1.0])
        A[:2, 2] = (1 - zoom) * (box_scene.K[:2, 2] - 0.5)
        expected = cv2.warpAffine(ten.photos[camera.name], A[:2], (box_scene.WIDTH, box_scene.HEIGHT))
        found = read_rgb(context.output / camera.image)
        inner = (slice(30, -30), slice(30, -30))
        difference = (
            cv2.GaussianBlur(found, (0, 0), 2)[inner].astype(float) - cv2.GaussianBlur(expected, (0, 0), 2)[inner]
        )
        assert np.abs(difference).mean() < 2.5


def test_frames_without_a_camera_are_named(given):
    scene, job, write = given
    poses = {n: p for n, p in scene.truth.items() if n not in {"v03", "v07"}}
    cameras, context = run(job, cameras=write(poses), options=FAST)
    assert [u["name"] for u in cameras.unregistered] == ["v03", "v07"]
    assert context.facts.metrics["frames_registered"] == 8
    assert context.facts.warnings[0]["code"] == "frames_unregistered"
    assert "v03, v07" in context.facts.warnings[0]["message"]


def test_names_match_whatever_their_case(given):
    scene, job, write = given
    cameras, _ = run(job, cameras=write({n.upper(): p for n, p in scene.truth.items()}), options=FAST)
    assert len(cameras.cameras) == 10


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"poses": {f"other{i}": np.eye(4) for i in range(5)}}, "cameras_unmatched"),
        ({"h": 4000}, "cameras_unmatched"),
        ({"fl_x": -1}, "cameras_unreadable"),
        ({"frames": []}, "cameras_unreadable"),
    ],
)
def test_cameras_that_do_not_fit_are_errors(given, change, code):
    _, job, write = given
    with pytest.raises(PipelineError) as error:
        run(job, cameras=write(**change), options=FAST)
    assert error.value.code == code
    assert error.value.hint


def test_a_path_that_is_no_camera_file_is_an_error(given, tmp_path):
    with pytest.raises(PipelineError) as error:
        run(given[1], cameras=tmp_path / "nothing")
    assert error.value.code == "cameras_unreadable"


def test_an_alpha_channel_is_the_mask_where_masks_come_later(box_scene, ten, tmp_path):
    scene = ten
    scene.write_frames(tmp_path, with_masks=False)
    frames = Frames.load(tmp_path / "01_frames")
    (tmp_path / "01_frames" / "alpha").mkdir()
    for frame in frames.frames:
        frame.alpha = f"alpha/{frame.name}.png"
        write_image(tmp_path / "01_frames" / frame.alpha, scene.masks[frame.name])
    frames.save(tmp_path / "01_frames")
    poses = {n: p.tolist() for n, p in scene.truth.items()}
    entries = {
        f"{n}.png": {
            "w": 400,
            "h": 300,
            "K": box_scene.K.tolist(),
            "R": np.array(p)[:3, :3].tolist(),
            "t": [r[3] for r in p[:3]],
        }
        for n, p in poses.items()
    }
    (tmp_path / "cameras_gt.json").write_text(json.dumps({"images": entries}))
    _, context = run(tmp_path, cameras=tmp_path / "cameras_gt.json", options=FAST)
    assert context.facts.details["box_from"] == "masks"
