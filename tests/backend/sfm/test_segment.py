# SPDX-License-Identifier: GPL-3.0-or-later
"""The length between two clicked points on a box whose edges are known."""

import numpy as np
import pytest
from turnaround.backend.lens import LensCamera
from turnaround.backend.records import Camera, Frame
from turnaround.backend.sfm.segment import first_hit, measured_segment
from turnaround.backend.undistort import pinhole_of

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
FACES = np.array([
    [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [1, 5, 7], [1, 7, 3],
    [0, 2, 6], [0, 6, 4],
])  # fmt: skip
BENT = np.array([-0.12, 0.04, 0.001, -0.002, 0, 0, 0, 0])


class Shot:
    """The box from a ring: frames, cameras and clicks at twice the frames' size, as the source photos have it."""

    def __init__(self, box_scene, coefficients):
        self.vertices = box_scene.BOX[0] + CORNERS * (box_scene.BOX[1] - box_scene.BOX[0])
        self.frames, self.cameras, self.lenses = [], [], []
        width, height = box_scene.WIDTH, box_scene.HEIGHT
        for index, pose in enumerate(box_scene.ring(12)):
            name = f"v{index:02d}"
            lens = LensCamera(
                name=name, width=width, height=height, K=box_scene.K, cam_from_world=pose, coefficients=coefficients
            )
            K, distortion = pinhole_of(lens)
            size = {"width": width, "height": height}
            self.lenses.append(lens)
            self.cameras.append(Camera(name=name, image="", **size, K=K, cam_from_world=pose, distortion=distortion))
            self.frames.append(
                Frame(
                    name=name, source=f"day/{name}.JPG", image="", **size,
                    source_width=2 * width, source_height=2 * height,
                )
            )  # fmt: skip

    def clicks(self, ends, *views, off=0.0):
        found = {}
        for view in views:
            pixels, _ = self.lenses[view].project(np.asarray(ends, float))
            found[f"v{view:02d}.JPG"] = [float(v) for v in (2 * pixels + off).ravel()]
        return found

    def measured(self, clicks):
        return measured_segment(clicks, self.frames, self.cameras, self.vertices, FACES)


@pytest.fixture(params=[np.zeros(8), BENT], ids=["pinhole", "distorted"])
def shot(request, box_scene):
    return Shot(box_scene, request.param)


def top_edge(shot):
    """Two points near the ends of the top face's diagonal, which every view from above sees."""
    top = shot.vertices[shot.vertices[:, 2] > 0]
    return top[0] * [0.9, 0.9, 1], top[3] * [0.9, 0.9, 1]


def test_one_photo_is_enough_where_the_surface_is_known(shot):
    a, b = top_edge(shot)
    found = shot.measured(shot.clicks((a, b), 2))
    assert found.method == "on the surface"
    assert found.length == pytest.approx(np.linalg.norm(b - a), rel=1e-4)
    np.testing.assert_allclose(found.ends, [a, b], atol=1e-4)


def test_two_photos_need_no_surface(shot):
    a, b = np.array([0.3, 0.2, 1.4]), np.array([-0.2, 0.1, 0.2])  # the first hovers above the box
    found = shot.measured(shot.clicks((a, b), 1, 4))
    assert found.method == "triangulated"
    assert found.length == pytest.approx(np.linalg.norm(b - a), rel=1e-4)


def test_clicks_a_pixel_off_stay_within_half_a_per_cent(shot):
    a, b = top_edge(shot)
    clicks = shot.clicks((a, b), 0, 3, 6, off=1.0)
    assert shot.measured(clicks).length == pytest.approx(np.linalg.norm(b - a), rel=5e-3)


def test_what_cannot_be_measured_says_why(shot):
    a, b = top_edge(shot)
    with pytest.raises(ValueError, match="none of the photos"):
        shot.measured({"other.jpg": [1, 2, 3, 4]})
    with pytest.raises(ValueError, match="beside the object"):
        shot.measured({"v00": [1, 2, 3, 4]})
    mixed = shot.clicks((a, b), 0) | shot.clicks((b, a), 4)
    with pytest.raises(ValueError, match="do not mean the same point"):
        shot.measured(mixed)


def test_a_ray_meets_the_nearest_face(box_scene):
    vertices = box_scene.BOX[0] + CORNERS * (box_scene.BOX[1] - box_scene.BOX[0])
    hit = first_hit(np.array([0.1, -5, 0.3]), np.array([0, 1.0, 0]), vertices, FACES)
    np.testing.assert_allclose(hit, [0.1, vertices[:, 1].min(), 0.3])
    with pytest.raises(ValueError, match="beside"):
        first_hit(np.array([0.1, -5, 0.3]), np.array([0, -1.0, 0]), vertices, FACES)
