# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are compared, and how a long call is interrupted."""

import threading
import time

import numpy as np
import pytest
from turnaround.backend.lens import LensCamera, Scene
from turnaround.backend.sfm import preselect
from turnaround.backend.sfm.interrupt import Voice, interruptible
from turnaround.backend.sfm.retrieval import likeness
from turnaround.backend.sfm.triangulation import near_pairs


@pytest.mark.parametrize("count", [0, 1, 2, 3, preselect.FEW_FRAMES])
def test_few_frames_are_all_compared(count):
    files = [str(i) for i in range(count)]
    pairs = preselect.likely_pairs("no database is read", files, lambda fraction: None)
    assert len(pairs) == len(set(pairs)) == count * (count - 1) // 2
    assert all(i < j for i, j in pairs)


def ring_of_descriptors(count=80, reach=6, seed=0):
    """Frames on a loop; each keypoint is seen by ``reach`` neighbouring frames."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(count, 30, 128))
    frames = []
    for i in range(count):
        seen = np.concatenate([points[(i + k) % count] for k in range(reach)])
        seen = seen + 0.1 * random.normal(size=seen.shape)
        frames.append((seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32))
    return np.array(frames)


def pairs_of(frames, monkeypatch):
    monkeypatch.setattr(preselect, "_large_descriptors", lambda database, files: frames)
    said = []
    pairs = preselect.likely_pairs("", [str(i) for i in range(len(frames))], said.append)
    assert said
    assert pairs == sorted(set(pairs))
    assert all(0 <= i < j < len(frames) for i, j in pairs)
    return set(pairs)


@pytest.mark.parametrize("count", [13, 40, 120])
def test_the_pairs_that_share_keypoints_are_chosen_whatever_the_names(count, monkeypatch):
    shuffled = np.random.default_rng(1).permutation(count)
    place = np.argsort(shuffled)
    pairs = pairs_of(ring_of_descriptors(count, 5)[shuffled], monkeypatch)
    sharing = {(i, (i + step) % count) for i in range(count) for step in range(1, 5)}
    sharing = {(int(min(place[i], place[j])), int(max(place[i], place[j]))) for i, j in sharing}
    assert sharing <= pairs  # the loop is closed
    assert len(pairs) <= len(sharing) + 2 * count  # and the neighbours in name order


def test_the_number_of_pairs_grows_with_that_of_the_frames(monkeypatch):
    few, many = (len(pairs_of(ring_of_descriptors(count, 9), monkeypatch)) for count in (60, 240))
    assert many < 1.1 * 4 * few


def test_parts_that_share_nothing_are_still_tied_by_a_few_pairs(monkeypatch):
    one, other = ring_of_descriptors(20, seed=0), ring_of_descriptors(20, seed=1)
    pairs = pairs_of(np.concatenate([one, other]), monkeypatch)
    across = [(i, j) for i, j in pairs if i < 20 <= j]
    assert 8 <= len(across) <= 8 + 3


def test_alike_is_what_shares_keypoints():
    frames = ring_of_descriptors(30, 6)
    alike = likeness(frames)
    np.testing.assert_allclose(np.diag(alike), 1, atol=1e-5)
    for i in range(30):
        nearest = np.argsort(-alike[i])[1:7]
        assert all(min(abs(i - j), 30 - abs(i - j)) <= 6 for j in nearest)


@pytest.mark.parametrize("frames", [np.zeros((0, 5, 128)), np.zeros((3, 5, 128)), ring_of_descriptors(1, 1)])
def test_alike_of_nothing_and_of_one(frames):
    alike = likeness(frames.astype(np.float32))
    assert alike.shape == (len(frames), len(frames))
    assert np.all(np.isfinite(alike))


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
