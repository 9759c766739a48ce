# SPDX-License-Identifier: GPL-3.0-or-later
"""The scale from a marker that lies beside the box, rendered with it."""

import cv2
import numpy as np
import pytest
from turnaround.backend.images import write_image
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.sfm.marker import marker_scale

SIDE = 0.5
PIXELS = 70  # the ground's picture has 140 pixels a unit
SIZE_M = 0.05


def quiet(fraction):
    pass


@pytest.fixture(scope="module", params=["DICT_4X4_50", "DICT_6X6_250", "DICT_APRILTAG_36H11"])
def photographed(request, box_scene, tmp_path_factory):
    """A scene with a marker on the ground: the true cameras, the photos' files."""
    ground, faces, backdrop = box_scene.pictures(0)
    ground = ground.copy()
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, request.param))
    marker = cv2.aruco.generateImageMarker(dictionary, 7, PIXELS)
    sheet = np.pad(np.flipud(marker), 10, constant_values=255)  # rows run along y, away from the viewer
    row, column = 700 - 45, 700 + 90
    ground[row : row + len(sheet), column : column + len(sheet)] = sheet[..., None]
    patch = pytest.MonkeyPatch()
    patch.setattr(box_scene, "pictures", lambda seed: (ground, faces, backdrop))
    scene = box_scene.render(box_scene.ring(12, 50, 4.2))
    patch.undo()
    folder = tmp_path_factory.mktemp("marker")
    files = {}
    for name, photo in scene.photos.items():
        files[name] = folder / f"{name}.png"
        write_image(files[name], photo)
    return scene, files


def scene_of(box_scene, truth):
    size = {"width": box_scene.WIDTH, "height": box_scene.HEIGHT}
    return Scene(cameras=[LensCamera(name=n, K=box_scene.K, cam_from_world=p, **size) for n, p in truth.items()])


def test_the_scale_is_within_one_per_cent(photographed, box_scene):
    scene, files = photographed
    found = marker_scale(scene_of(box_scene, scene.truth), files, SIZE_M, quiet)
    assert found.metres_per_unit == pytest.approx(SIZE_M / SIDE, rel=0.01)
    assert found.markers == 1
    assert found.views >= 3
    assert found.uneven < 0.02


def test_a_camera_that_is_off_is_left_out(photographed, box_scene):
    scene, files = photographed
    truth = dict(scene.truth)
    truth["v03"] = truth["v03"].copy()
    truth["v03"][:3, 3] += [0.3, 0.1, 0]
    found = marker_scale(scene_of(box_scene, truth), files, SIZE_M, quiet)
    assert found.metres_per_unit == pytest.approx(SIZE_M / SIDE, rel=0.01)


def test_without_a_marker_there_is_no_scale(box_scene, tmp_path):
    scene = box_scene.render(box_scene.ring(4))
    files = {name: tmp_path / f"{name}.png" for name in scene.photos}
    for name, photo in scene.photos.items():
        write_image(files[name], photo)
    assert marker_scale(scene_of(box_scene, scene.truth), files, SIZE_M, quiet) is None
