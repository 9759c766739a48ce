# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pairs of frames are worth matching in full, so that their number grows with that of the frames.

1. Candidates: frames that look alike (``retrieval``), whatever their names, so that loops close; and the neighbours in
   name order, because videos and walks are in order.
2. Votes: candidates are compared by their few keypoints of large scale, which are found again from further away (Wu
   2013, "Towards linear-time incremental structure from motion", section 3); where those of two frames hardly match,
   the rest will not either. That costs a millisecond or two, a full comparison thirty times that.
3. Every frame keeps the partners with most votes. Parts of the capture that would not hang together are tied by the
   best pairs between them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .retrieval import likeness

FEW_FRAMES = 12
"""Up to this many frames all pairs are matched in full."""
_LARGEST = 300
_CANDIDATES = 40
_PARTNERS = 10
_NEIGHBOURS = 2
_RATIO = 0.8
_FEWEST_VOTES = 4
_TIES = 8


def every_pair(count: int) -> list[tuple[int, int]]:
    """All pairs (i, j), i < j."""
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def likely_pairs(
    database: Path, files: list[str], progress: Callable[[float], None], more: int = 1
) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, indices into ``files`` (in name order) that are worth matching, sorted.

    ``more``: times as many partners a frame as usual.
    """
    if len(files) <= FEW_FRAMES:
        return every_pair(len(files))
    descriptors = _large_descriptors(database, files)
    alike = likeness(descriptors)
    votes = _votes(descriptors, _candidates(alike), progress)
    best = np.argsort(-votes, axis=1, kind="stable")[:, : more * _PARTNERS]
    wanted = {(min(i, int(j)), max(i, int(j))) for i, row in enumerate(best) for j in row if votes[i, j]}
    count = len(files)
    wanted |= {(i, i + step) for step in range(1, _NEIGHBOURS + 1) for i in range(count - step)}
    return sorted(wanted | _ties(wanted, votes, alike))


def _candidates(alike: np.ndarray) -> list[np.ndarray]:
    """For each frame the later frames it is compared with by votes."""
    count = len(alike)
    near = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    score = alike + np.where(near <= _NEIGHBOURS + 2, 4.0, 0.0)
    np.fill_diagonal(score, -np.inf)
    nearest = np.argsort(-score, axis=1, kind="stable")[:, : min(_CANDIDATES, count - 1)]
    chosen = np.zeros((count, count), bool)
    np.put_along_axis(chosen, nearest, True, axis=1)
    chosen |= chosen.T
    return [np.flatnonzero(chosen[i, i + 1 :]) + i + 1 for i in range(count)]


def _votes(descriptors: np.ndarray, others: list[np.ndarray], progress: Callable[[float], None]) -> np.ndarray:
    """Shared large keypoints (F, F) of the candidates; fewer than what chance gives count as none."""
    votes = np.zeros((len(descriptors), len(descriptors)), np.int64)
    for i, row in enumerate(others):
        progress(i / len(descriptors))
        if len(row):
            votes[i, row] = votes[row, i] = _shared(descriptors[i], descriptors[row])
    votes[votes < _FEWEST_VOTES] = 0
    return votes


def _ties(wanted: set[tuple[int, int]], votes: np.ndarray, alike: np.ndarray) -> set[tuple[int, int]]:
    """The best pairs between parts of the capture that ``wanted`` pairs with votes leave apart."""
    count = len(votes)
    rows = np.array([p for p in wanted if votes[p]], np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(rows)), (rows[:, 0], rows[:, 1])), shape=(count, count))
    parts, label = connected_components(graph, directed=False)
    ties: set[tuple[int, int]] = set()
    for part in range(parts if parts > 1 else 0):
        inside, outside = np.flatnonzero(label == part), np.flatnonzero(label != part)
        score = (votes + alike)[np.ix_(inside, outside)]
        for flat in np.argsort(-score, axis=None, kind="stable")[:_TIES]:
            i, j = inside[flat // len(outside)], outside[flat % len(outside)]
            ties.add((int(min(i, j)), int(max(i, j))))
    return ties


def _large_descriptors(database: Path, files: list[str]) -> np.ndarray:
    """Unit-length descriptors (F, K, 128) float32 of each file's largest keypoints; zeros where it has fewer than K."""
    import pycolmap

    found = np.zeros((len(files), _LARGEST, 128), np.float32)
    place = {file: i for i, file in enumerate(files)}
    with pycolmap.Database.open(database) as opened:
        for image in opened.read_all_images():
            shapes = np.asarray(opened.read_keypoints(image.image_id), np.float64)
            data = np.asarray(opened.read_descriptors(image.image_id).data, np.float32)
            if image.name in place and len(data):
                data = data[np.argsort(-_sizes(shapes), kind="stable")[:_LARGEST]]
                data = data / np.maximum(np.linalg.norm(data, axis=1, keepdims=True), 1e-9)
                found[place[image.name], : len(data)] = data
    return found


def _sizes(shapes: np.ndarray) -> np.ndarray:
    """Area (N,) of keypoints, up to a factor: (N, 4) x, y, scale, orientation, or (N, 6) x, y and an affine shape."""
    if shapes.shape[1] == 4:
        return shapes[:, 2] ** 2
    return np.abs(shapes[:, 2] * shapes[:, 5] - shapes[:, 3] * shapes[:, 4])


def _shared(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Number of keypoints (M,) that ``one`` (K, 128) shares with each of ``others`` (M, K, 128).

    Shared are those that are each other's nearest, and clearly nearer than the next (Lowe's ratio).
    """
    count, size = len(others), len(one)
    likeness = (one @ others.reshape(-1, 128).T).reshape(size, count, others.shape[1])
    back = np.argmax(likeness, axis=0)  # (M, K): the nearest of one for each of the others
    nearest = np.argmax(likeness, axis=2)[..., None]  # (K, M, 1)
    first = np.take_along_axis(likeness, nearest, axis=2)[..., 0]
    np.put_along_axis(likeness, nearest, -1.0, axis=2)
    second = likeness.max(axis=2)
    mutual = back[np.arange(count), nearest[..., 0]] == np.arange(size)[:, None]
    clear = 2 - 2 * first < _RATIO**2 * (2 - 2 * second)  # squared distances of unit vectors
    return np.count_nonzero(mutual & clear & (first > 0), axis=0)
