# SPDX-License-Identifier: GPL-3.0-or-later
"""Sides that look alike: found by what neighbours share and by outlines, taken back, and nothing else with them."""

from dataclasses import replace

import numpy as np
import pytest
from turnaround.backend.geometry import apply, rotation_about_z, transform
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.sfm import twins
from turnaround.backend.sfm.linkage import groups_by_likeness
from turnaround.backend.sfm.nearness import views
from turnaround.backend.sfm.witness import Pairs

COUNT = 24
FOLDED = np.arange(COUNT) % 24 >= 14
"""Ten of the cameras are where they would be if the object had been turned round."""


# Groups


def test_groups_are_joined_by_their_mean_likeness():
    likeness = np.full((7, 7), 0.1)
    likeness[:4, :4] = likeness[5:, 5:] = 0.9
    likeness[0, 5] = likeness[5, 0] = 0.6  # one strong tie of eight does not join two groups
    likeness[4] = likeness[:, 4] = np.nan
    assert groups_by_likeness(likeness, 0.3).tolist() == [0, 0, 0, 0, 2, 1, 1]
    assert len(set(groups_by_likeness(likeness, 0.05)[[0, 1, 2, 3, 5, 6]])) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_few_things_are_groups_of_their_own(count):
    assert groups_by_likeness(np.full((count, count), np.nan), 0.5).tolist() == list(range(count))


def test_what_is_not_known_neither_joins_nor_parts():
    likeness = np.full((4, 4), np.nan)
    likeness[0, 1] = likeness[1, 0] = likeness[1, 2] = likeness[2, 1] = 0.8
    assert groups_by_likeness(likeness, 0.5).tolist() == [0, 0, 0, 1]


# Views


@pytest.fixture(scope="module")
def scene(box_scene):
    """A ring of cameras that look at a ball of points, each seeing the half that faces it."""
    random = np.random.default_rng(3)
    points = random.normal(size=(600, 3))
    points = 0.3 * points / np.linalg.norm(points, axis=1, keepdims=True) + np.array([0, 0, box_scene.SIZE[2] / 2])
    cameras, point, camera, xy = [], [], [], []
    for i in range(COUNT):
        pose = box_scene.camera_at(360 * i / COUNT, 20, 3)
        lens = LensCamera(name=f"v{i:02d}", width=400, height=300, K=box_scene.K, cam_from_world=pose)
        facing = np.flatnonzero((points - points.mean(axis=0)) @ lens.centre > 0.2)
        cameras.append(lens)
        point.append(facing)
        camera.append(np.full(len(facing), i))
        xy.append(lens.project(points[facing])[0])
    point, camera, xy = (np.concatenate(x) for x in (point, camera, xy))
    return Scene(cameras=cameras, points=points, observed_point=point, observed_camera=camera, observed_xy=xy)


def folded(scene):
    """The scene with the ten cameras turned by half a turn, each with points of its own."""
    turn = transform(rotation_about_z(np.pi), np.zeros(3))
    cameras = [
        replace(c, cam_from_world=c.cam_from_world @ turn) if f else c
        for c, f in zip(scene.cameras, FOLDED, strict=True)
    ]
    points = np.concatenate([scene.points, apply(np.linalg.inv(turn), scene.points)])
    point = scene.observed_point + len(scene.points) * FOLDED[scene.observed_camera]
    return replace(scene, cameras=cameras, points=points, observed_point=point)


def pairs_of(true_scene, tied=20):
    """Verified pairs as the true cameras would give them, and a few weak ones across that a fold would keep."""
    _, angle = views(true_scene)
    i, j = np.nonzero(np.triu(angle < 40, 1))
    matches = np.rint(600 * np.exp(-angle[i, j] / 12)).astype(np.int64)
    right = FOLDED[i] == FOLDED[j]  # the fold contradicts what the two groups truly share
    far = np.array([(k, m) for k in np.flatnonzero(~FOLDED) for m in np.flatnonzero(FOLDED) if (m - k) % 12 == 0])
    first, second = np.concatenate([i, far[:, 0]]), np.concatenate([j, far[:, 1]])
    ties = np.full(len(far), tied)
    return Pairs(first, second, np.concatenate([matches, ties]), np.concatenate([matches * right, ties]))


class _Estimator:
    """As much of an estimator as evidence needs: all pairs were tried."""

    def __init__(self, scene, masks=None, pairs=None):
        self.frames = scene.cameras
        self.masks = masks or {}
        self.pairs = [(i, j) for i in range(COUNT) for j in range(i)] if pairs is None else pairs
        self.settings = type("Settings", (), {"seed": 0})()
        self.compared = []

    def compare(self, pairs):
        self.compared += pairs
        self.pairs = self.pairs + pairs


def test_views_are_shared_by_neighbours(scene):
    shared, angle = views(scene)
    assert np.allclose(shared.diagonal(), 1)
    assert np.array_equal(shared, shared.T)
    assert angle[0, 1] == pytest.approx(360 / COUNT, abs=2)
    assert angle[0, 2] == pytest.approx(720 / COUNT, abs=4)
    assert angle[0, 12] > 120


def test_a_camera_that_sees_nothing_is_beside_nobody(scene):
    blind = replace(scene, cameras=[*scene.cameras, replace(scene.cameras[0], name="blind")])
    shared, angle = views(blind)
    assert not shared[-1].any()
    assert (angle[-1] == 180).all()


# Evidence


def test_a_right_result_is_one_group(scene):
    pairs = pairs_of(scene)
    pairs = replace(pairs, kept=np.where(pairs.matches == 20, 0, pairs.matches))
    assert not twins._groups(scene, pairs, _Estimator(scene)).any()


def test_neighbours_that_share_nothing_part_a_folded_result(scene):
    group = twins._groups(folded(scene), pairs_of(scene), _Estimator(scene))
    assert np.array_equal(group > 0, FOLDED)


def test_pairs_never_compared_are_compared_before_anything_is_believed(scene, monkeypatch):
    pairs = pairs_of(scene)
    sound = pairs.kept > 0
    near = [(int(j), int(i)) for i, j in zip(pairs.first[sound], pairs.second[sound], strict=True)]
    e = _Estimator(scene, pairs=[p for p in near if FOLDED[p[0]] == FOLDED[p[1]]])
    monkeypatch.setattr(twins, "verified_pairs", lambda scene, e: pairs)
    group = twins._groups(folded(scene), replace(pairs, kept=pairs.kept * (pairs.matches != 20)), e)
    assert e.compared
    assert all(FOLDED[i] != FOLDED[j] for i, j in e.compared)
    assert np.array_equal(group > 0, FOLDED)


def test_what_ties_the_groups_is_taken_back_and_nothing_else(scene):
    pairs = pairs_of(scene)
    wrong = twins._across(pairs, FOLDED.astype(int))
    assert wrong
    assert all(FOLDED[i] != FOLDED[j] for i, j in wrong)
    assert len(wrong) == np.count_nonzero(pairs.matches == 20)  # and the true pairs, which contradict the fold, stay


def outlines(group, within, across, likeness):
    """Evidence by outlines that fit ``within`` and ``across`` groups, with ``likeness`` between the groups."""
    same = group[:, None] == group
    misfit = np.where(same, within, across)
    np.fill_diagonal(misfit, np.nan)
    return twins._Evidence(np.where(same, 1.0, likeness), misfit, np.ones_like(same))


def test_outlines_part_what_neighbours_cannot():
    group = np.repeat([0, 1], [9, 4])
    assert np.array_equal(twins._by_outlines(outlines(group, 0.002, 0.2, np.nan)), group)


@pytest.mark.parametrize(
    ("within", "across", "likeness", "why"),
    [
        (0.002, 0.03, 0.1, "masks that differ a little, as masks do"),
        (0.06, 0.2, 0.1, "masks so rough that outlines say nothing"),
        (0.002, 0.2, 0.9, "frames whose masks share a mistake, but that see the same thing"),
    ],
)
def test_outlines_of_bad_masks_part_nothing(within, across, likeness, why):
    group = np.repeat([0, 1], [9, 4])
    assert not twins._by_outlines(outlines(group, within, across, likeness)).any(), why


@pytest.mark.parametrize(("likeness", "parted"), [(0.1, True), (0.8, False), (np.nan, False)])
def test_a_frame_alone_needs_its_neighbours_word_too(likeness, parted):
    group = np.repeat([0, 1], [9, 1])
    assert twins._by_outlines(outlines(group, 0.002, 0.2, likeness)).any() == parted
