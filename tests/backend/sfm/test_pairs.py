# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are compared, and how a long call is interrupted."""

import threading
import time

import numpy as np
import pytest
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.sfm import preselect
from turnaround.backend.sfm.interrupt import Voice, interruptible
from turnaround.backend.sfm.matching import MOST_EXHAUSTIVE, pairs_to_match
from turnaround.backend.sfm.triangulation import near_pairs


@pytest.mark.parametrize("count", [0, 1, 2, 3, 30, MOST_EXHAUSTIVE])
def test_few_frames_are_all_compared(count):
    pairs = pairs_to_match(count)
    assert len(pairs) == len(set(pairs)) == count * (count - 1) // 2
    assert all(i < j for i, j in pairs)


@pytest.mark.parametrize("count", [MOST_EXHAUSTIVE + 1, 777, 2000])
def test_many_frames_are_compared_with_neighbours_and_across(count):
    pairs = pairs_to_match(count)
    assert pairs == sorted(set(pairs))
    assert all(0 <= i < j < count for i, j in pairs)
    assert {(i, i + 1) for i in range(count - 1)} <= set(pairs)
    assert max(j - i for i, j in pairs) > 0.9 * count  # loops can close
    assert len(pairs) < 40 * count


def ring_of_descriptors(count=80, reach=6):
    """Frames on a loop; each keypoint is seen by ``reach`` neighbouring frames."""
    random = np.random.default_rng(0)
    points = random.normal(size=(count, 30, 128))
    frames = []
    for i in range(count):
        seen = np.concatenate([points[(i + k) % count] for k in range(reach)])
        seen = seen + 0.1 * random.normal(size=seen.shape)
        frames.append((seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32))
    return np.array(frames)


def test_preemptive_matching_keeps_the_pairs_that_share_keypoints(monkeypatch):
    frames = ring_of_descriptors()
    monkeypatch.setattr(preselect, "_large_descriptors", lambda database, files: frames)
    pairs = pairs_to_match(80)
    said = []
    kept = set(preselect.likely_pairs("", [str(i) for i in range(80)], pairs, said.append))
    sharing = {(i, j) for i, j in pairs if min(j - i, 80 - j + i) < 6}
    assert sharing <= kept
    assert len(kept) <= len(sharing) + 10
    assert said


def test_shared_keypoints_are_counted_as_one_by_one():
    frames = ring_of_descriptors(12)
    found = preselect._shared(frames[0], frames[1:])
    for count, other in zip(found, frames[1:], strict=True):
        distance = np.linalg.norm(frames[0][:, None] - other[None], axis=2)
        nearest = np.argmin(distance, axis=1)
        mutual = np.argmin(distance, axis=0)[nearest] == np.arange(len(distance))
        two = np.sort(distance, axis=1)[:, :2]
        assert count == np.count_nonzero(mutual & (two[:, 0] < 0.8 * two[:, 1]))


def test_frames_without_keypoints_share_nothing():
    some = ring_of_descriptors(3)
    none = np.zeros_like(some)
    np.testing.assert_array_equal(preselect._shared(none[0], some), 0)
    np.testing.assert_array_equal(preselect._shared(some[0], none), 0)
    np.testing.assert_array_equal(preselect._shared(some[0], some[:1]), len(some[0]))


def test_given_cameras_are_compared_with_their_neighbours_on_the_ring(box_scene):
    poses = box_scene.ring(24)
    cameras = [LensCamera(name=str(i), width=1, height=1, K=np.eye(3), cam_from_world=p) for i, p in enumerate(poses)]
    pairs = near_pairs(Scene(cameras=cameras))
    assert {(i, i + 1) for i in range(23)} | {(0, 23)} <= set(pairs)
    assert all(min(j - i, 24 - j + i) <= 4 for i, j in pairs)
    assert near_pairs(Scene(cameras=cameras[:2])) == [(0, 1)]


def test_what_the_work_returns_or_raises_comes_back():
    assert interruptible(lambda token: 42, lambda: None) == 42
    with pytest.raises(KeyError, match="lost"):
        interruptible(lambda token: {}["lost"], lambda: None)


def test_cancelling_stops_the_work_and_waits_for_it():
    stopped = threading.Event()

    def work(token):
        while not token.is_cancelled:
            time.sleep(0.01)
        stopped.set()

    def cancelled():
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interruptible(work, cancelled)
    assert stopped.is_set()
    assert time.monotonic() - started < 5


def test_parts_of_progress_lie_within_the_whole():
    said = []
    voice = Voice(lambda fraction, message: said.append((round(fraction, 3), message)))
    part = voice.part(0.2, 0.6, "half way")
    part(0)
    part(0.5)
    voice.alive()
    part(1)
    assert said == [(0.2, "half way"), (0.4, "half way"), (0.4, "half way"), (0.6, "half way")]
