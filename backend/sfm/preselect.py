# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pairs of many frames are worth matching in full: preemptive matching (Wu 2013, "Towards linear-time incremental
structure from motion", section 3).

Keypoints of large scale are few and found again from further away; where those of two frames hardly match, the rest
will not either. A pair costs a millisecond or two here and a hundred times that in full.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

MOST_UNCHECKED = 60
"""Up to this many frames all pairs are matched in full."""
_LARGEST = 300
_PARTNERS = 16
_NEIGHBOURS = 3
_RATIO = 0.8


def likely_pairs(
    database: Path, files: list[str], pairs: list[tuple[int, int]], progress: Callable[[float], None]
) -> list[tuple[int, int]]:
    """The part of ``pairs`` (i, j), indices into ``files``, that is worth matching, sorted.

    Every frame keeps its next three in name order and the sixteen others that share most large keypoints with it.
    """
    descriptors = _large_descriptors(database, files)
    others: list[list[int]] = [[] for _ in files]
    for i, j in pairs:
        others[i].append(j)
    votes = np.zeros((len(files), len(files)), np.int64)
    for i, row in enumerate(others):
        progress(i / len(files))
        if row:
            votes[i, row] = votes[row, i] = _shared(descriptors[i], descriptors[row])
    best = np.argsort(-votes, axis=1, kind="stable")[:, :_PARTNERS]
    wanted = {(min(i, int(j)), max(i, int(j))) for i, row in enumerate(best) for j in row if votes[i, j] > 0}
    return [(i, j) for i, j in pairs if j - i <= _NEIGHBOURS or (i, j) in wanted]


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
                area = np.abs(shapes[:, 2] * shapes[:, 5] - shapes[:, 3] * shapes[:, 4])
                data = data[np.argsort(-area, kind="stable")[:_LARGEST]]
                data = data / np.maximum(np.linalg.norm(data, axis=1, keepdims=True), 1e-9)
                found[place[image.name], : len(data)] = data
    return found


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
