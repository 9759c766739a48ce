# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder's choice between rungs, and the later rungs one by one on scenes known exactly."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from turnaround.backend.evaluate_cameras import camera_metrics
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.records import Camera, Cameras, Frames
from turnaround.backend.sfm import ladder
from turnaround.backend.sfm.chain import chain
from turnaround.backend.sfm.estimate import Estimator, Settings
from turnaround.backend.sfm.global_mapping import map_globally
from turnaround.backend.sfm.ladder import Rung, climb, cross_examined, judge
from turnaround.backend.sfm.learned import match_learned, providers_for, why_not_learned
from turnaround.backend.sfm.mapping import Mapped, scene_of
from turnaround.backend.sfm.merging import joined
from turnaround.backend.sfm.orbit import place_on_orbit
from turnaround.backend.sfm.separate import apart
from turnaround.backend.sfm.witness import agreement


def quiet(fraction, message):
    pass


def estimator_of(job, masks=False, **settings):
    frames = Frames.load(job / "01_frames").frames
    files = {f.name: (job / "02_masks" / f"{f.name}.png", 1.0) for f in frames} if masks else {}
    work = job / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    return Estimator(frames, job / "01_frames" / "images", files, work, Settings(threads=1, **settings), quiet)


def metrics_of(mapped, truth):
    cameras = [
        Camera(name=c.name, image="", width=1, height=1, K=np.eye(3), cam_from_world=c.cam_from_world)
        for c in mapped.scene.cameras
    ]
    return camera_metrics(Cameras(cameras=cameras), truth)


# Choosing, with rungs that only pretend


def model(count, error=0.0, points=200, random_seed=0):
    """A scene of ``count`` cameras whose observations are ``error`` px off."""
    random = np.random.default_rng(random_seed)
    xyz = random.uniform(-1, 1, (points, 3)) + np.array([0, 0, 5])
    cameras = []
    for i in range(count):
        pose = np.eye(4)
        pose[0, 3] = -0.1 * i
        K = np.array([[500.0, 0, 200], [0, 500, 150], [0, 0, 1]])
        cameras.append(LensCamera(name=f"v{i:02d}", width=400, height=300, K=K, cam_from_world=pose))
    seen = np.concatenate([c.project(xyz)[0] for c in cameras]) if cameras else np.zeros((0, 2))
    return Mapped(
        Scene(
            cameras=cameras,
            points=xyz,
            colours=np.zeros((points, 3), np.uint8),
            errors=np.zeros(points),
            observed_point=np.tile(np.arange(points), count),
            observed_camera=np.repeat(np.arange(count), points),
            observed_xy=seen + np.array([error, 0.0]),
        )
    )


@pytest.fixture
def ten(box_scene, tmp_path):
    scene = box_scene.BoxScene()
    blank = np.zeros((box_scene.HEIGHT, box_scene.WIDTH, 3), np.uint8)
    scene.photos = {f"v{i:02d}": blank for i in range(10)}
    scene.write_frames(tmp_path, with_masks=False)
    estimator = estimator_of(tmp_path)
    estimator.keypoints.clear()
    return estimator


def climbed(monkeypatch, estimator, *rungs):
    table = [Rung(name=n, run=lambda e, m=m: m, **more) for n, m, more in rungs]
    monkeypatch.setattr(ladder, "RUNGS", tuple(table))
    return climb(estimator)


def test_the_first_rung_that_places_all_ends_the_climb(monkeypatch, ten):
    found = climbed(monkeypatch, ten, ("one", model(10), {}), ("two", model(10), {}))
    assert found.method == "one"
    assert [a.method for a in found.attempts] == ["one"]


def test_the_best_wins_and_the_rest_is_remembered(monkeypatch, ten):
    found = climbed(
        monkeypatch,
        ten,
        ("one", model(3), {}),
        ("two", model(0), {}),
        ("three", model(6), {}),
        ("not here", model(10), {"why_not": lambda e: "it is Monday"}),
        ("four", model(5), {}),
    )
    assert found.method == "three"
    assert len(found.scene.cameras) == 6
    assert [a.placed for a in found.attempts] == [3, 0, 6, 0, 5]
    assert found.attempts[3].doubt == "not tried: it is Monday"


def test_of_equals_the_one_with_less_error_wins(monkeypatch, ten):
    found = climbed(monkeypatch, ten, ("one", model(6, 1.6), {}), ("two", model(6, 0.2), {}))
    assert found.method == "two"


@pytest.mark.parametrize(("made", "why"), [(model(10, 5.0), "contradict"), (model(10, 0, 30), "too few")])
def test_cameras_that_cannot_be_believed_do_not_count(monkeypatch, ten, made, why):
    found = climbed(monkeypatch, ten, ("one", made, {}), ("two", model(0), {}))
    assert not found.scene.cameras
    assert why in found.attempts[0].doubt


def test_a_doubtful_error_lets_the_climb_go_on(monkeypatch, ten):
    found = climbed(monkeypatch, ten, ("one", model(10, 1.2), {}), ("two", model(10, 0.2), {}))
    assert found.method == "two"


def test_directions_are_counted(box_scene):
    size = {"width": 400, "height": 300, "K": box_scene.K}
    poses = [box_scene.camera_at(a, 20, 3) for a in (0, 2, 4, 30, 60, 62)]
    cameras = [LensCamera(name=str(i), cam_from_world=p, **size) for i, p in enumerate(poses)]
    assert ladder.directions(Scene(cameras=cameras)) == 3
    assert judge(Mapped(Scene(cameras=[])), "none").doubt


# Rungs, each on its own


@pytest.fixture(scope="module")
def ring(box_scene, tmp_path_factory):
    """A ring of twelve, matched."""
    scene = box_scene.render(box_scene.ring(12, distance=3.6))
    job = tmp_path_factory.mktemp("ring")
    scene.write_frames(job)
    estimator = estimator_of(job)
    estimator.match_features()
    return scene, estimator


@pytest.mark.parametrize("rung", [lambda e: e.map_incrementally(), map_globally])
def test_a_ring_is_placed_by_each_rung_alone(ring, rung):
    scene, estimator = ring
    found = rung(estimator)
    attempt = cross_examined(judge(found, ""), found, estimator)
    assert (attempt.placed, attempt.doubt) == (12, "")
    metrics = metrics_of(found, scene.truth)
    assert metrics["camera_auc_3"] > 90
    assert metrics["camera_centre_rms_percent"] < 0.3


def test_bent_cameras_are_contradicted_by_the_matches(ring):
    _, estimator = ring
    found = estimator.map_incrementally()
    cameras = found.scene.cameras
    others = [*cameras[3:], *cameras[:3]]
    shifted = [replace(c, cam_from_world=d.cam_from_world) for c, d in zip(cameras, others, strict=True)]
    assert agreement(found.scene, estimator) > 0.9
    assert agreement(replace(found.scene, cameras=shifted), estimator) < 0.5


def test_a_chain_is_right_or_not_believed(ring):
    scene, estimator = ring
    found = chain(estimator)
    attempt = cross_examined(judge(found, ""), found, estimator)
    assert attempt.doubt or metrics_of(found, scene.truth)["camera_auc_5"] > 80


def test_one_capture_is_not_apart(ring):
    _, estimator = ring
    half = Mapped(Scene(cameras=model(6).scene.cameras), [{f"v{i:02d}" for i in range(6, 12)}])
    assert not apart(half, estimator)


def test_parts_that_share_frames_are_joined(ring):
    scene, estimator = ring
    import pycolmap

    def part(first, last):
        options = pycolmap.IncrementalPipelineOptions()
        options.image_names = [f"v{i:02d}.png" for i in range(first, last)]
        options.num_threads, options.random_seed, options.min_model_size = 1, 0, 3
        output = estimator.work / f"part{first}"
        output.mkdir(exist_ok=True)
        models = pycolmap.incremental_mapping(estimator.keypoints.database, estimator.images, output, options)
        return max(models.values(), key=lambda m: m.num_reg_images())

    one, other, apart_from_both = part(0, 7), part(4, 11), part(0, 3)
    before = [len(list(m.reg_image_ids())) for m in (one, other)]
    union, *rest = joined([one, other], estimator)
    assert before == [7, 7]
    assert not rest
    metrics = metrics_of(Mapped(scene_of(union, estimator.name_of_file)), scene.truth)
    assert metrics["frames_registered"] == 11
    assert metrics["camera_centre_rms_percent"] < 0.5
    left = joined([part(4, 11), apart_from_both], estimator)
    assert [len(list(m.reg_image_ids())) for m in left] == [7, 3]


def test_the_card_runs_learned_features_where_it_can():
    both = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers_for("cuda", both) == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers_for("cpu", both) == ["CPUExecutionProvider"]
    assert providers_for("cuda", ["CPUExecutionProvider"]) == ["CPUExecutionProvider"]


@pytest.fixture(scope="module")
def turntable(box_scene, tmp_path_factory):
    """Twenty-four even steps of a turntable before a wall full of detail."""
    scene = box_scene.render([box_scene.camera_at(15 * i, 25, 3.2) for i in range(24)], standing_still=True)
    job = tmp_path_factory.mktemp("turntable")
    scene.write_frames(job)
    return scene, job


@pytest.mark.slow
def test_a_turntable_is_told_without_masks(turntable):
    scene, job = turntable
    estimator = estimator_of(job)
    estimator.match_features()
    assert estimator.motion.room_stands_still
    assert estimator.still
    found = estimator.map_incrementally()
    assert metrics_of(found, {c.name: scene.truth[c.name] for c in found.scene.cameras})["camera_auc_5"] > 80


@pytest.mark.slow
def test_an_even_turn_is_enough_for_the_orbit_where_the_mapper_falls_apart(turntable):
    scene, job = turntable
    estimator = estimator_of(job, masks=True)
    estimator.match_features()
    assert estimator.motion.turntable
    assert estimator.inside
    found = place_on_orbit(estimator)
    assert cross_examined(judge(found, ""), found, estimator).doubt == ""
    assert len(found.scene.cameras) == 24
    assert metrics_of(found, scene.truth)["camera_auc_5"] > 85


@pytest.mark.data
@pytest.mark.slow
def test_learned_features_place_all_of_kermit(data, tmp_path, monkeypatch, box_scene):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("TURNAROUND_MODELS", str(data / "weights" / "xfeat"))
    assert why_not_learned() == ""
    from turnaround.backend.images import read_rgb

    scene = box_scene.BoxScene(photos={p.stem: read_rgb(p) for p in sorted((data / "kermit" / "images").iterdir())})
    monkeypatch.setattr(box_scene, "WIDTH", 640)
    monkeypatch.setattr(box_scene, "HEIGHT", 480)
    scene.write_frames(tmp_path, with_masks=False)
    estimator = estimator_of(tmp_path)
    match_learned(estimator)
    assert judge(estimator.map_incrementally(relaxed=True), "").placed >= 10


def test_without_models_the_way_to_them_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("TURNAROUND_MODELS", str(tmp_path))
    assert "install" in why_not_learned()
