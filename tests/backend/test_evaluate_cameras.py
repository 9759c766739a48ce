# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera figures on synthetic cameras whose errors are known."""

import numpy as np
import pytest
from turnaround.backend.evaluate_cameras import align_to_truth, camera_metrics, load_truth_cameras, pair_errors
from turnaround.backend.geometry import camera_in_new_world, rotation_about_z, rotation_from_quaternion, transform
from turnaround.backend.records import Camera, Cameras


def ring(count=12, seed=0):
    random = np.random.default_rng(seed)
    truth = {}
    for i in range(count):
        angle = 2 * np.pi * i / count
        centre = np.array([3 * np.cos(angle), 3 * np.sin(angle), 1.0 + 0.3 * random.normal()])
        forward = -centre / np.linalg.norm(centre)
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        truth[f"{i:03d}"] = transform(R, -R @ centre)
    return truth


def record(poses, unregistered=()):
    cameras = [
        Camera(name=n, image="", width=1, height=1, K=np.eye(3), cam_from_world=p) for n, p in sorted(poses.items())
    ]
    return Cameras(cameras=cameras, unregistered=[{"name": n, "reason": ""} for n in unregistered])


def in_another_world(truth):
    similarity = transform(rotation_from_quaternion(np.array([0.9, 0.1, -0.3, 0.2])), [1.0, -2, 3], 0.2)
    return {n: camera_in_new_world(p, similarity) for n, p in truth.items()}, similarity


def test_perfect_cameras_in_another_world():
    truth = ring()
    moved, similarity = in_another_world(truth)
    metrics = camera_metrics(record(moved), truth)
    for limit in (3, 5, 30):
        assert metrics[f"camera_auc_{limit}"] == pytest.approx(100, abs=1e-4)
    assert metrics["camera_centre_rms_percent"] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(align_to_truth(record(moved), truth) @ similarity, np.eye(4), atol=1e-9)


def test_up_error_is_the_tilt_of_the_world():
    truth = ring()
    tilt = np.radians(7)
    world = transform(rotation_from_quaternion(np.array([np.cos(tilt / 2), np.sin(tilt / 2), 0, 0])), [0, 0, 0])
    moved = {n: camera_in_new_world(p, world) for n, p in truth.items()}
    assert camera_metrics(record(moved), truth)["up_error_degrees"] == pytest.approx(7, abs=1e-6)


def test_one_camera_turned_by_a_known_angle():
    truth = ring(10)
    poses = dict(truth)
    turned = transform(rotation_about_z(np.radians(2)), np.zeros(3))
    poses["003"] = turned @ poses["003"]
    errors = pair_errors(record(poses), truth)
    assert len(errors) == 45
    assert np.count_nonzero(errors > 1e-4) == 9
    # rolling camera 3 in place turns the rotation of its nine pairs by 2 degrees, and the direction by no more
    np.testing.assert_allclose(errors[errors > 1e-4], 2, atol=1e-6)
    expected = 100 * (36 + 9 * (1 - 2 / 3)) / 45
    assert camera_metrics(record(poses), truth)["camera_auc_3"] == pytest.approx(expected, abs=1e-3)


def test_a_missing_frame_fails_in_all_its_pairs():
    truth = ring(10)
    poses = {n: p for n, p in truth.items() if n != "004"}
    metrics = camera_metrics(record(poses, unregistered=["004"]), truth)
    assert metrics["camera_auc_30"] == pytest.approx(100 * 36 / 45, abs=1e-3)
    assert metrics["frames_registered"] == 9


def test_true_cameras_of_frames_that_never_entered_the_job_do_not_count():
    truth = ring(10)
    poses = {n: p for n, p in truth.items() if n < "005"}
    assert camera_metrics(record(poses), truth)["camera_auc_3"] == pytest.approx(100, abs=1e-4)


def test_centre_error_is_in_per_cent_of_the_box_of_the_centres():
    truth = ring(200)
    random = np.random.default_rng(5)
    poses = {}
    for name, pose in truth.items():
        R = pose[:3, :3]
        poses[name] = transform(R, -R @ (-R.T @ pose[:3, 3] + 0.01 * random.normal(size=3)))
    centres = np.array([-p[:3, :3].T @ p[:3, 3] for p in truth.values()])
    expected = 100 * 0.01 * np.sqrt(3) / np.linalg.norm(np.ptp(centres, axis=0))
    assert camera_metrics(record(poses), truth)["camera_centre_rms_percent"] == pytest.approx(expected, rel=0.1)


def test_a_mirrored_scene_scores_badly():
    truth = ring()
    mirror = np.diag([1.0, 1, -1, 1])
    poses = {n: mirror @ p @ np.diag([1.0, -1, 1, 1]) for n, p in truth.items()}
    assert camera_metrics(record(poses), truth)["camera_auc_3"] < 10


def test_no_truth_is_an_error():
    with pytest.raises(ValueError, match="true cameras"):
        camera_metrics(record(ring(3)), {})


@pytest.mark.data
def test_truth_of_the_sets(data):
    assert len(load_truth_cameras(data / "temple_ring")) == 47
    par = load_truth_cameras(data / "temple_ring" / "templeR_par.txt")
    for name, pose in load_truth_cameras(data / "temple_ring").items():
        np.testing.assert_allclose(par[name], pose, atol=1e-9)
    text, json = load_truth_cameras(data / "rendered_duck"), load_truth_cameras(data / "rendered_duck/transforms.json")
    assert set(text) == set(json)
    for name, pose in text.items():
        np.testing.assert_allclose(json[name], pose, atol=1e-7)
