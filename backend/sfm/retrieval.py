# SPDX-License-Identifier: GPL-3.0-or-later
"""One short vector a frame, so that frames that look alike are near: VLAD over a small vocabulary of the capture's own
SIFT (Jegou et al. 2010, "Aggregating local descriptors into a compact image representation"; signed square roots as in
Arandjelovic and Zisserman 2013, "All about VLAD").

Its cost grows with the number of frames, where comparing their keypoints grows with its square.
"""

from __future__ import annotations

import numpy as np

_WORDS = 64
_ROUNDS = 6
_SAMPLE = 20_000


def likeness(descriptors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Cosine (F, F) of the frames' vectors.

    ``descriptors`` (F, K, 128) float32 are of unit length, zero rows where a frame has fewer.
    """
    frames, _, size = descriptors.shape
    rows = descriptors.reshape(-1, size)
    there = np.flatnonzero(rows.any(axis=1))
    if not len(there):
        return np.zeros((frames, frames), np.float32)
    words = _words(rows[there], seed)
    vectors = np.zeros((frames, len(words) * size), np.float32)
    for frame in range(frames):
        mine = descriptors[frame][descriptors[frame].any(axis=1)]
        if len(mine):
            nearest = np.argmax(mine @ words.T - 0.5 * np.sum(words**2, axis=1), axis=1)
            sums = np.zeros((len(words), size), np.float32)
            np.add.at(sums, nearest, mine - words[nearest])
            vectors[frame] = (np.sign(sums) * np.sqrt(np.abs(sums))).ravel()
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors @ vectors.T


def _words(rows: np.ndarray, seed: int) -> np.ndarray:
    """Centres (W, 128) of k-means (Lloyd 1982) over a sample of ``rows`` (N, 128), W at most 64."""
    random = np.random.default_rng(seed)
    sample = rows[random.permutation(len(rows))[:_SAMPLE]]
    words = sample[:_WORDS].copy()
    for _ in range(_ROUNDS):
        nearest = np.argmax(sample @ words.T - 0.5 * np.sum(words**2, axis=1), axis=1)
        order = np.argsort(nearest, kind="stable")
        starts = np.searchsorted(nearest[order], np.arange(len(words)))
        counts = np.bincount(nearest, minlength=len(words))
        filled = counts > 0
        sums = np.add.reduceat(sample[order], starts[filled], axis=0)
        words[filled] = sums / counts[filled, None]
    return words
