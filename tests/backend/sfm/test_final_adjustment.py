# SPDX-License-Identifier: GPL-3.0-or-later
"""The last adjustment on a model known exactly: stray observations do not bend it, and the lens gets what it needs."""

import numpy as np
import pycolmap
import pytest
from turnaround.backend.sfm.final_adjustment import errors, finished

WIDTH, HEIGHT = 640, 480


def model_of(box_scene, k1=0.0, k2=0.0, offset=(0.0, 0.0), noise=0.3, strays=0.05, seed=0, stretch=1.0):
    """A ring of twelve round 250 points, with ``noise`` px on every observation, a share ``strays`` of them 2 to 4 off.

    The pictures are taken by a lens of ``k1``, ``k2`` and decentred by ``offset``, and made wider by ``stretch``; the
    model starts without any of it.
    """
    random = np.random.default_rng(seed)
    true = pycolmap.Camera(
        model="RADIAL", width=WIDTH, height=HEIGHT, camera_id=1,
        params=[600.0, WIDTH / 2 + offset[0], HEIGHT / 2 + offset[1], k1, k2],
    )  # fmt: skip
    start = pycolmap.Camera(
        model="SIMPLE_RADIAL", width=WIDTH, height=HEIGHT, camera_id=1, params=[600.0, WIDTH / 2, HEIGHT / 2, 0.0]
    )
    points = random.uniform(-0.9, 0.9, (250, 3)) + np.array([0, 0, 0.45])
    model = pycolmap.Reconstruction()
    model.add_camera_with_trivial_rig(start)
    poses = box_scene.ring(12, distance=3.6)
    for index, pose in enumerate(poses):
        seen = true.img_from_cam(points @ pose[:3, :3].T + pose[:3, 3])
        seen[:, 0] = WIDTH / 2 + stretch * (seen[:, 0] - WIDTH / 2)
        away = random.normal(scale=noise, size=seen.shape)
        stray = random.random(len(seen)) < strays
        away[stray] += random.uniform(2, 4, (stray.sum(), 1)) * np.array([1.0, 0.3])
        image = pycolmap.Image(name=f"{index}", keypoints=seen + away, camera_id=1, image_id=index + 1)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(pose[:3]))
    for place, point in enumerate(points):
        elements = [pycolmap.TrackElement(i + 1, place) for i in range(len(poses))]
        model.add_point3D(point, pycolmap.Track(elements), np.zeros(3, np.uint8))
    return model, poses


def centre_error(model, poses):
    """rms distance of the centres after a similarity, in distances of the cameras."""
    from turnaround.backend.geometry import apply, similarity_between

    own = np.array([model.image(i + 1).projection_center() for i in range(len(poses))])
    true = np.array([-p[:3, :3].T @ p[:3, 3] for p in poses])
    return np.sqrt(np.mean(np.sum((apply(similarity_between(own, true), own) - true) ** 2, axis=1))) / 3.6


def test_stray_observations_bend_it_less_than_least_squares(box_scene):
    model, poses = model_of(box_scene, strays=0.15)
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    plain, _ = model_of(box_scene, strays=0.15)
    pycolmap.bundle_adjustment(plain, options)
    done = finished(model, 1, lambda: None)
    assert centre_error(done, poses) < 0.6 * centre_error(plain, poses)
    assert centre_error(done, poses) < 5e-4


@pytest.mark.parametrize(
    ("lens", "kind"),
    [({}, "SIMPLE_RADIAL"), ({"k1": -0.1}, "SIMPLE_RADIAL"), ({"k1": -0.05, "k2": 1.5}, "RADIAL")],
)
def test_the_lens_gets_the_terms_it_needs(box_scene, lens, kind):
    model, poses = model_of(box_scene, **lens)
    done = finished(model, 1, lambda: None)
    camera = done.camera(1)
    assert camera.model_name == kind
    assert (camera.principal_point_x, camera.principal_point_y) == (WIDTH / 2, HEIGHT / 2)
    assert camera.params[3] == pytest.approx(lens.get("k1", 0.0), abs=0.01)
    assert np.median(errors(done)) < 0.45
    assert centre_error(done, poses) < 1e-3


def test_a_decentred_lens_is_found(box_scene):
    model, poses = model_of(box_scene, offset=(-18.0, 7.0))
    done = finished(model, 1, lambda: None)
    camera = done.camera(1)
    np.testing.assert_allclose(
        [camera.principal_point_x, camera.principal_point_y], [WIDTH / 2 - 18, HEIGHT / 2 + 7], atol=3
    )
    assert centre_error(done, poses) < 1e-3


@pytest.mark.parametrize("stretch", [0.96, 1.03, 1.1])
def test_pictures_that_were_stretched_get_two_focal_lengths(box_scene, stretch):
    model, poses = model_of(box_scene, stretch=stretch)
    done = finished(model, 1, lambda: None)
    camera = done.camera(1)
    assert camera.model_name == "OPENCV"
    assert camera.focal_length_x / camera.focal_length_y == pytest.approx(stretch, abs=2e-3)
    assert centre_error(done, poses) < 1e-3


def test_a_model_without_points_stays_what_it_was():
    assert finished(pycolmap.Reconstruction(), 1, lambda: None).num_reg_images() == 0
