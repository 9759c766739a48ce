# SPDX-License-Identifier: GPL-3.0-or-later
"""Up by the cameras' accelerometers and scale by their GPS, with the errors that such sensors have."""

import numpy as np
import pytest
from turnaround.backend.geometry import angle_degrees, apply, camera_in_new_world, rotation_from_quaternion, transform
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.sfm.alignment import align
from turnaround.backend.sfm.gravity import east_north_up, scale_by_gps, up_by_gravity
from turnaround.backend.sfm.silhouettes import Silhouettes

DOWN = np.array([0.0, 0, -1])
SIMILARITY = transform(rotation_from_quaternion(np.array([0.3, -0.7, 0.2, 0.5])), [3.0, -1, 2], 0.4)


def ring_scene(box_scene, points=None):
    poses = [camera_in_new_world(p, SIMILARITY) for p in box_scene.ring(16)]
    size = {"width": box_scene.WIDTH, "height": box_scene.HEIGHT, "K": box_scene.K}
    points = np.zeros((0, 3)) if points is None else apply(SIMILARITY, points)
    cameras = [LensCamera(name=f"v{i:02d}", cam_from_world=p, **size) for i, p in enumerate(poses)]
    return Scene(cameras=cameras, points=points, errors=np.zeros(len(points)))


def sensed(scene, degrees, seed=0):
    """Gravity as the cameras' sensors feel it: each off by about so many degrees."""
    random = np.random.default_rng(seed)
    found = {}
    for camera in scene.cameras:
        rotation = camera.cam_from_world[:3, :3] @ SIMILARITY[:3, :3] / 0.4
        felt = rotation @ DOWN + random.normal(scale=np.radians(degrees) / np.sqrt(2), size=3)
        found[camera.name] = list(felt / np.linalg.norm(felt))
    return found


def test_sensors_a_degree_off_tell_up_to_half_a_degree(box_scene):
    scene = ring_scene(box_scene)
    gravity = sensed(scene, 1.0)
    gravity["v03"] = [1.0, 0.0, 0.0]  # one was shaken
    up = up_by_gravity(scene, gravity)
    assert angle_degrees(up, SIMILARITY[:3, 2]) < 0.5
    found = align(scene, Silhouettes(), given=False, gravity=gravity)
    assert found.up_from == "gravity"
    assert angle_degrees((found.world_from_source @ SIMILARITY)[:3, 2], np.array([0, 0, 1.0])) < 0.5


def test_sensors_that_disagree_or_are_few_are_not_believed(box_scene):
    scene = ring_scene(box_scene)
    assert up_by_gravity(scene, sensed(scene, 40.0)) is None
    assert up_by_gravity(scene, dict(list(sensed(scene, 0.1).items())[:2])) is None
    assert align(scene, Silhouettes(), given=False, gravity=sensed(scene, 40.0)).up_from == "horizon"


@pytest.mark.parametrize(("slope", "source"), [(3.0, "plane"), (15.0, "gravity")])
def test_a_plane_is_up_unless_gravity_says_it_slopes(box_scene, slope, source):
    random = np.random.default_rng(0)
    ground = np.append(random.uniform(-1.5, 1.5, (500, 2)), np.zeros((500, 1)), axis=1)
    ground[:, 2] = np.tan(np.radians(slope)) * ground[:, 0]
    scene = ring_scene(box_scene, ground)
    found = align(scene, Silhouettes(), given=False, gravity=sensed(scene, 0.5))
    assert found.up_from == source
    tilt = angle_degrees((found.world_from_source @ SIMILARITY)[:3, 2], np.array([0, 0, 1.0]))
    assert tilt == pytest.approx(slope if source == "plane" else 0.0, abs=0.5)


def positions(centres, metres_per_unit, scatter, seed=0):
    """Latitude, longitude and altitude of ``centres`` (N, 3), in units, near 47 degrees north."""
    metres = centres * metres_per_unit + np.random.default_rng(seed).normal(scale=scatter, size=centres.shape)
    degree = 6_378_137.0 * np.pi / 180  # near enough: the flattening moves it by a third of a per cent
    return np.stack(
        [47 + metres[:, 1] / degree, 8 + metres[:, 0] / degree / np.cos(np.radians(47)), 400 + metres[:, 2]], axis=1
    )


def test_a_flight_around_a_house_is_measured_by_gps(box_scene):
    scene = ring_scene(box_scene)
    true = np.array([-p[:3, :3].T @ p[:3, 3] for p in box_scene.ring(16)])
    gps = dict(zip([c.name for c in scene.cameras], positions(true, 25.0, 1.5).tolist(), strict=True))
    gps["v05"][0] += 0.01  # a kilometre off
    found = scale_by_gps(scene, gps)
    assert found.metres_per_unit == pytest.approx(25.0 / 0.4, rel=0.02)
    assert found.positions in {14, 15}
    assert found.doubt < 0.02


def test_a_cup_is_not(box_scene):
    scene = ring_scene(box_scene)
    true = np.array([-p[:3, :3].T @ p[:3, 3] for p in box_scene.ring(16)])
    names = [c.name for c in scene.cameras]
    assert scale_by_gps(scene, dict(zip(names, positions(true, 0.2, 3.0).tolist(), strict=True))) is None
    assert scale_by_gps(scene, {name: [47.0, 8.0, 400.0] for name in names}) is None
    assert scale_by_gps(scene, {}) is None


def test_a_second_of_arc_is_as_long_as_geodesy_says():
    north, east = east_north_up(np.array([[47.0, 8, 0], [47 + 1 / 3600, 8, 0], [47, 8 + 1 / 3600, 0]]))[1:]
    np.testing.assert_allclose(north, [0, 30.881, 0], atol=0.002)
    np.testing.assert_allclose(east, [21.127, 0, 0], atol=0.002)
