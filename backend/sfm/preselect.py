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
_LARGEST = 400
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
    votes = np.zeros((len(files), len(files)), np.int64)
    for done, (i, j) in enumerate(pairs):
        if done % 64 == 0:
            progress(done / len(pairs))
        votes[i, j] = votes[j, i] = _shared(descriptors[i], descriptors[j])
    best = np.argsort(-votes, axis=1, kind="stable")[:, :_PARTNERS]
    wanted = {(min(i, int(j)), max(i, int(j))) for i, row in enumerate(best) for j in row if votes[i, j] > 0}
    return [(i, j) for i, j in pairs if j - i <= _NEIGHBOURS or (i, j) in wanted]


def _large_descriptors(database: Path, files: list[str]) -> list[np.ndarray]:
    """Unit-length descriptors (k, 128) float32 of each file's largest keypoints; (0, 128) for one without any."""
    import pycolmap

    found = {}
    with pycolmap.Database.open(database) as opened:
        for image in opened.read_all_images():
            shapes = np.asarray(opened.read_keypoints(image.image_id), np.float64)
            data = np.asarray(opened.read_descriptors(image.image_id).data, np.float32)
            if len(data):
                area = np.abs(shapes[:, 2] * shapes[:, 5] - shapes[:, 3] * shapes[:, 4])
                data = data[np.argsort(-area, kind="stable")[:_LARGEST]]
                data = data / np.maximum(np.linalg.norm(data, axis=1, keepdims=True), 1e-9)
                found[image.name] = data
    return [found.get(file, np.zeros((0, 128), np.float32)) for file in files]


def _shared(a: np.ndarray, b: np.ndarray) -> int:
    """Number of keypoints that are each other's nearest, and clearly nearer than the next (Lowe's ratio)."""
    if len(a) < 2 or len(b) < 2:
        return 0
    likeness = a @ b.T
    nearest = np.argmax(likeness, axis=1)
    mutual = np.argmax(likeness, axis=0)[nearest] == np.arange(len(a))
    two = np.partition(likeness, likeness.shape[1] - 2, axis=1)[:, -2:]
    distance = np.sqrt(np.maximum(2 - 2 * two, 0))  # ascending likeness: the second column is the nearest
    return int(np.count_nonzero(mutual & (distance[:, 1] < _RATIO * distance[:, 0])))
