# SPDX-License-Identifier: GPL-3.0-or-later
"""Up, ground, hull, box and the similarity they give, on a scene known exactly and turned at random."""

import cv2
import numpy as np
import pytest
from turnaround.backend.geometry import (
    angle_degrees,
    apply,
    camera_in_new_world,
    rotation_from_quaternion,
    transform,
)
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.sfm.alignment import align
from turnaround.backend.sfm.ground import support_plane
from turnaround.backend.sfm.hull import hull_box
from turnaround.backend.sfm.object_box import _foot
from turnaround.backend.sfm.silhouettes import Silhouettes
from turnaround.backend.sfm.up import contradicts_given_z, estimate_up, largest_gap_degrees

Z = np.array([0.0, 0, 1])


@pytest.fixture(scope="module")
def world(box_scene):
    return box_scene.render(box_scene.ring(18))


def scene_of(box_scene, poses, points=None):
    cameras = [
        LensCamera(name=n, width=box_scene.WIDTH, height=box_scene.HEIGHT, K=box_scene.K, cam_from_world=p)
        for n, p in poses.items()
    ]
    points = np.zeros((0, 3)) if points is None else points
    return Scene(
        cameras=cameras, points=points, colours=np.zeros((len(points), 3), np.uint8), errors=np.zeros(len(points))
    )


def silhouettes_of(scene, world, weights=None):
    masks = [world.masks[c.name] > 127 for c in scene.cameras]
    return Silhouettes(scene.cameras, masks, np.ones(len(masks)) if weights is None else weights)


def sparse_points(box_scene, seed=0):
    """Points on the ground around the box and on its faces, with a little noise."""
    random = np.random.default_rng(seed)
    ground = np.concatenate([random.uniform(-2, 2, (400, 2)), np.zeros((400, 1))], axis=1)
    half = box_scene.SIZE[:2] / 2
    ground = ground[np.any(np.abs(ground[:, :2]) > half + 0.05, axis=1)]
    faces = random.uniform(box_scene.BOX[0], box_scene.BOX[1], (200, 3))
    axis = random.integers(0, 2, 200)
    faces[np.arange(200), axis] = np.where(random.random(200) < 0.5, box_scene.BOX[0][axis], box_scene.BOX[1][axis])
    far = random.uniform(-9, 9, (80, 3))
    return np.concatenate([ground, faces, far]) + random.normal(scale=0.002, size=(len(ground) + 280, 3))


SIMILARITY = transform(rotation_from_quaternion(np.array([0.3, -0.7, 0.2, 0.5])), [3.0, -1, 2], 0.4)


def moved(poses):
    return {n: camera_in_new_world(p, SIMILARITY) for n, p in poses.items()}


def test_estimated_cameras_land_upright_centred_on_the_ground_with_unit_diagonal(box_scene, world):
    scene = scene_of(box_scene, moved(world.truth), apply(SIMILARITY, sparse_points(box_scene)))
    found = align(scene, silhouettes_of(scene, world), given=False)
    assert (found.up_from, found.ground_from, found.box_from) == ("plane", "plane", "masks")
    world_from_truth = found.world_from_source @ SIMILARITY
    assert angle_degrees(world_from_truth[:3, 2], Z) < 0.2
    corners = np.array(
        [[x, y, z] for x in box_scene.BOX[:, 0] for y in box_scene.BOX[:, 1] for z in box_scene.BOX[:, 2]]
    )
    corners = apply(world_from_truth, corners)
    np.testing.assert_allclose(found.box, [corners.min(axis=0), corners.max(axis=0)], atol=0.1)
    assert np.linalg.norm(found.box[1] - found.box[0]) == pytest.approx(1)
    np.testing.assert_allclose(found.box[:, :2].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(apply(world_from_truth, np.zeros((1, 3)))[0, 2], 0, atol=0.003)


def test_the_first_camera_looks_along_y(box_scene, world):
    scene = scene_of(box_scene, moved(world.truth), apply(SIMILARITY, sparse_points(box_scene)))
    found = align(scene, silhouettes_of(scene, world), given=False)
    forward = camera_in_new_world(scene.cameras[0].cam_from_world, found.world_from_source)[2, :3]
    assert forward[0] == pytest.approx(0, abs=0.01)
    assert forward[1] > 0.5


def test_without_points_up_comes_from_the_horizon_and_the_ground_from_the_object(box_scene, world):
    scene = scene_of(box_scene, moved(world.truth))
    found = align(scene, silhouettes_of(scene, world), given=False)
    assert (found.up_from, found.ground_from) == ("horizon", "object")
    assert angle_degrees((found.world_from_source @ SIMILARITY)[:3, 2], Z) < 1.5


def test_given_cameras_keep_their_z_and_heading(box_scene, world):
    scene = scene_of(box_scene, world.truth, sparse_points(box_scene))
    found = align(scene, silhouettes_of(scene, world), given=True)
    rotation = found.world_from_source[:3, :3] / np.cbrt(np.linalg.det(found.world_from_source[:3, :3]))
    np.testing.assert_allclose(rotation, np.eye(3), atol=1e-12)
    assert (found.up_from, found.ground_from) == ("given", "plane")


def test_given_cameras_whose_world_hangs_upside_down_are_turned(box_scene, world):
    flip = transform(np.diag([1.0, -1, -1]), np.zeros(3))
    poses = {n: camera_in_new_world(p, flip) for n, p in world.truth.items()}
    scene = scene_of(box_scene, poses, apply(flip, sparse_points(box_scene)))
    assert contradicts_given_z(np.array(list(poses.values())))
    found = align(scene, silhouettes_of(scene, world), given=True)
    assert found.up_from == "plane"
    assert angle_degrees((found.world_from_source @ flip)[:3, 2], Z) < 0.2


def test_one_bad_mask_does_not_ruin_the_box(box_scene, world):
    scene = scene_of(box_scene, world.truth, sparse_points(box_scene))
    good = align(scene, silhouettes_of(scene, world), given=True).box
    silhouettes = silhouettes_of(scene, world)
    silhouettes.masks[3] = np.zeros_like(silhouettes.masks[3])
    silhouettes.masks[3][:20, :20] = True
    np.testing.assert_allclose(align(scene, silhouettes, given=True).box, good, atol=0.03)


def test_without_masks_the_object_is_where_the_cameras_look(box_scene, world):
    scene = scene_of(box_scene, world.truth, sparse_points(box_scene))
    found = align(scene, Silhouettes(), given=True)
    middle = apply(np.linalg.inv(found.world_from_source), found.box.mean(axis=0)[None])[0]
    np.testing.assert_allclose(middle[:2], 0, atol=0.15)
    assert np.linalg.norm(found.box[1] - found.box[0]) == pytest.approx(1)


def test_a_frontal_arc_bounds_the_depth_by_points(box_scene):
    poses = [box_scene.camera_at(a, 20, 3.2) for a in np.linspace(-25, 25, 9)]
    world = box_scene.render(poses)
    points = sparse_points(box_scene)
    hidden = silhouettes_of(scene_of(box_scene, world.truth), world).share_inside(points)[0] > 0
    on_box = np.all(np.abs(points - box_scene.BOX.mean(axis=0)) < box_scene.SIZE / 2 + 0.02, axis=1)
    scene = scene_of(box_scene, world.truth, points[~hidden | on_box])
    found = align(scene, silhouettes_of(scene, world), given=True)
    assert found.box_from == "masks and points"
    extent = np.diff(apply(np.linalg.inv(found.world_from_source), found.box), axis=0)[0]
    assert np.all(extent < 1.5 * box_scene.SIZE)
    assert np.all(extent > 0.85 * box_scene.SIZE)


@pytest.mark.parametrize("elevation", [0, 30, 60])
def test_up_of_a_hand_held_ring(box_scene, elevation):
    cams = np.array(box_scene.ring(24, elevation))
    up, source = estimate_up(cams)
    assert source == "horizon"
    assert angle_degrees(up, Z) < 2


def test_up_of_cameras_turned_on_their_side_comes_from_the_ring(box_scene):
    cams = np.array([box_scene.camera_at(15 * i, 20, 3, roll=90 if i % 2 else -90) for i in range(24)])
    up, source = estimate_up(cams)
    assert source == "ring"
    assert angle_degrees(up, Z) < 1


def test_up_of_cameras_side_by_side_is_their_own(box_scene):
    cams = np.array([box_scene.camera_at(0, 0, 3) for _ in range(5)])
    up, _ = estimate_up(cams)
    assert angle_degrees(up, Z) < 0.5


@pytest.mark.parametrize("seed", range(5))
def test_support_plane_among_outliers(seed):
    random = np.random.default_rng(seed)
    normal = np.array([0.1, -0.05, 1.0])
    normal /= np.linalg.norm(normal)
    on = random.uniform(-2, 2, (300, 3))
    on -= np.outer(on @ normal - 0.3, normal)
    points = np.concatenate([on + random.normal(scale=0.003, size=on.shape), random.uniform(-2, 2, (300, 3))])
    cameras = random.uniform([-1, -1, 2], [1, 1, 4], (10, 3))
    found = support_plane(points, np.array([0, 0, 0.8]), 1.0, cameras, Z)
    assert found is not None
    assert angle_degrees(found[0], normal) < 0.3
    assert found[1] == pytest.approx(0.3, abs=0.003)


def test_no_support_plane_in_a_cloud_or_above_the_object():
    random = np.random.default_rng(0)
    cameras = np.array([[0, 0, 3.0], [1, 0, 3], [0, 1, 3]])
    assert support_plane(random.normal(size=(300, 3)), np.zeros(3), 1.0, cameras, Z) is None
    ceiling = np.concatenate([random.uniform(-1, 1, (300, 2)), np.full((300, 1), 0.4)], axis=1)
    assert support_plane(ceiling, np.zeros(3), 1.0, cameras, Z) is None
    assert support_plane(np.zeros((5, 3)), np.zeros(3), 1.0, cameras, Z) is None


def test_hull_bounds_a_box_seen_from_all_sides(box_scene):
    poses = [box_scene.camera_at(a, e, 4) for e in (-60, -20, 20, 60) for a in range(0, 360, 30)]
    lenses = list(scene_of(box_scene, {f"{i}": p for i, p in enumerate(poses)}).cameras)
    corners = np.array(
        [[x, y, z] for x in box_scene.BOX[:, 0] for y in box_scene.BOX[:, 1] for z in box_scene.BOX[:, 2]]
    )
    masks = []
    for lens in lenses:
        pixels = lens.project(corners)[0].astype(np.float32)
        mask = np.zeros((lens.height, lens.width), np.uint8)
        cv2.fillConvexPoly(mask, np.rint(cv2.convexHull(pixels) - 0.5).astype(np.int32), 1)
        masks.append(mask > 0)
    silhouettes = Silhouettes(lenses, masks, np.ones(len(masks)))
    box = hull_box(silhouettes, np.eye(3), np.array([0.1, 0, 0.5]), np.full(3, 1.0))
    np.testing.assert_allclose(box, box_scene.BOX, atol=0.15)
    centre, radius = silhouettes.centre_and_radius()
    np.testing.assert_allclose(centre, [0, 0, 0.45], atol=0.05)
    assert radius > np.linalg.norm(box_scene.SIZE) / 2


def test_gap():
    assert largest_gap_degrees(np.array([0.0, 90, 180, 270])) == 90
    assert largest_gap_degrees(np.array([-170.0, 170])) == 340
    assert largest_gap_degrees(np.array([10.0])) == 360
    assert largest_gap_degrees(np.zeros(0)) == 360


def test_the_foot_of_what_is_seen_from_above_is_where_its_points_end():
    random = np.random.default_rng(0)
    heights = np.append(random.uniform(0.0, 1.0, 1000), [-0.3, -0.2])  # two strays
    assert _foot(heights, 0.05) == pytest.approx(0.0, abs=0.01)
    assert _foot(heights[:100], 0.05) < -0.03
