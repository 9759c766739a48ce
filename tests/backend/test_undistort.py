# SPDX-License-Identifier: GPL-3.0-or-later
"""Lens and undistortion: known points, distorted by hand, come back to where a pinhole camera puts them."""

import numpy as np
import pytest
from turnaround.backend.lens import LensCamera
from turnaround.backend.records import Camera
from turnaround.backend.undistort import pinhole_of, undistort_image, undistort_maps

PERSPECTIVE = [
    [-0.25, 0.08, 0.001, -0.002, 0, 0, 0, 0],
    [0.12, -0.03, 0, 0, 0.01, 0, 0, 0],
    [-0.1, 0.01, 0, 0, 0, 0.05, 0.01, 0],
]
FISHEYE = [[0.02, -0.004, 0.001, 0, 0, 0, 0, 0]]


def lens(coefficients=(0,) * 8, fisheye=False, width=321, height=240):
    K = np.array([[260.0, 0, 150.3], [0, 255.0, 127.7], [0, 0, 1]])
    return LensCamera(
        name="a",
        width=width,
        height=height,
        K=K,
        cam_from_world=np.eye(4),
        coefficients=np.array(coefficients, float),
        fisheye=fisheye,
    )


def camera_of(photo):
    K, distortion = pinhole_of(photo)
    return Camera(
        name="a",
        image="a.png",
        width=photo.width,
        height=photo.height,
        K=K,
        cam_from_world=np.eye(4),
        distortion=distortion,
    )


CASES = [(c, False) for c in PERSPECTIVE] + [(c, True) for c in FISHEYE]


@pytest.mark.parametrize(("coefficients", "fisheye"), CASES)
def test_undistort_inverts_distort(coefficients, fisheye):
    photo = lens(coefficients, fisheye)
    directions = np.random.default_rng(0).uniform(-0.45, 0.45, (200, 2))
    np.testing.assert_allclose(photo.undistort(photo.distort(directions)), directions, atol=1e-7)


def test_brown_model_by_hand():
    photo = lens([0.1, 0.02, 0.003, -0.004, 0.005, 0, 0, 0])
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1 + 0.1 * r2 + 0.02 * r2**2 + 0.005 * r2**3
    dx = x * radial + 2 * 0.003 * x * y - 0.004 * (r2 + 2 * x * x)
    dy = y * radial + 0.003 * (r2 + 2 * y * y) + 2 * -0.004 * x * y
    np.testing.assert_allclose(photo.distort(np.array([[x, y]])), [[260 * dx + 150.3, 255 * dy + 127.7]], rtol=1e-14)


@pytest.mark.parametrize(("coefficients", "fisheye"), CASES)
def test_maps_lead_from_output_pixels_to_the_photos_pixels(coefficients, fisheye):
    photo = lens(coefficients, fisheye)
    camera = camera_of(photo)
    map_x, map_y = undistort_maps(camera)
    assert map_x.shape == (240, 321)
    rows, columns = np.mgrid[0:240:13, 0:321:17]
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    directions = (centres - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]
    expected = photo.distort(directions)
    found = np.stack([map_x[rows, columns].ravel(), map_y[rows, columns].ravel()], axis=1) + 0.5
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize(("coefficients", "fisheye"), CASES)
def test_no_output_pixel_comes_from_outside_and_the_principal_point_stays(coefficients, fisheye):
    photo = lens(coefficients, fisheye)
    camera = camera_of(photo)
    map_x, map_y = undistort_maps(camera)
    assert map_x.min() > -0.05
    assert map_y.min() > -0.05
    assert map_x.max() < photo.width - 0.95
    assert map_y.max() < photo.height - 0.95
    np.testing.assert_array_equal(camera.K[:2, 2], photo.K[:2, 2])
    # as much as possible is kept: somewhere the border of the photo is reached
    slack = [map_x.min(), map_y.min(), photo.width - 1 - map_x.max(), photo.height - 1 - map_y.max()]
    assert min(slack) < 2.0


def test_a_dot_in_the_photo_lands_where_the_pinhole_camera_sees_it():
    photo = lens(PERSPECTIVE[0])
    camera = camera_of(photo)
    direction = np.array([[0.31, -0.22]])
    at = photo.distort(direction)[0]
    y, x = np.mgrid[0:240, 0:321] + 0.5
    image = (255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 18)).astype(np.uint8)
    out = undistort_image(image, camera).astype(float)
    found = np.array([(out * x).sum(), (out * y).sum()]) / out.sum()
    expected = direction[0] * camera.K[[0, 1], [0, 1]] + camera.K[:2, 2]
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_a_pinhole_photo_is_left_alone():
    camera = camera_of(lens())
    assert camera.distortion == {}
    image = np.random.default_rng(0).integers(0, 255, (240, 321, 3), dtype=np.uint8)
    assert undistort_image(image, camera) is image
    map_x, map_y = undistort_maps(camera)
    assert map_x[7, 30] == 30
    assert map_y[7, 30] == 7


def test_an_invisible_distortion_is_left_alone():
    assert camera_of(lens([1e-4, 0, 0, 0, 0, 0, 0, 0])).distortion == {}


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match="321 x 240"):
        undistort_image(np.zeros((10, 10), np.uint8), camera_of(lens()))


def test_resizing_a_photo_scales_its_pixels():
    photo = lens(PERSPECTIVE[0])
    half = photo.for_size(642, 480)
    directions = np.random.default_rng(1).uniform(-0.4, 0.4, (20, 2))
    np.testing.assert_allclose(half.distort(directions), photo.distort(directions) * 2, rtol=1e-12)


def test_a_photo_turned_or_cropped_is_refused():
    with pytest.raises(ValueError, match="shaped like 321 x 240"):
        lens().for_size(240, 321)


def test_points_behind_the_camera_have_no_pixel():
    pixels, depth = lens().project(np.array([[0.0, 0, -1], [0, 0, 2.0]]))
    assert np.isnan(pixels[0]).all()
    np.testing.assert_allclose(pixels[1], [150.3, 127.7])
    np.testing.assert_array_equal(depth, [-1, 2])
