# SPDX-License-Identifier: GPL-3.0-or-later
"""Sweeping, choosing along paths and fusing, each against its plain twin."""

import numpy as np
import pytest

pytest.importorskip("numba")
from turnaround.kernels import fusion, fusion_reference, paths, paths_reference, sweeping, sweeping_reference

RANDOM = np.random.default_rng(3)


def packed(pictures):
    sizes = np.array([p.shape for p in pictures], np.int64).reshape(-1, 2)
    starts = np.cumsum([0, *(p.size for p in pictures)])[:-1].astype(np.int64)
    return np.concatenate([p.ravel() for p in pictures] or [np.zeros(0)]).astype(np.float32), starts, sizes


def scene(height, width, views):
    """A bumpy depth before a camera, and neighbours that stand a little aside."""
    depth = (2 + 0.1 * RANDOM.random((height, width))).astype(np.float32)
    depth[RANDOM.random(depth.shape) < 0.1] = 0
    lens = np.array([20.0, 21.0, width / 2, height / 2])
    K = np.array([[20.0, 0, width / 2], [0, 21.0, height / 2], [0, 0, 1]])
    shifts = [np.array([0.1 * v - 0.15, 0.05 * v, 0.02]) for v in range(views)]
    projections = np.array([K @ np.column_stack([np.eye(3), s]) for s in shifts]).reshape(views, 3, 4)
    return depth, lens, projections


@pytest.mark.parametrize(("height", "width", "views"), [(0, 0, 2), (1, 1, 2), (2, 3, 2), (9, 13, 1), (17, 22, 4)])
def test_a_sweep_is_as_its_twin_says(height, width, views):
    depth, lens, projections = scene(height, width, views)
    reference = (255 * RANDOM.random(depth.shape)).astype(np.float32)
    pictures = [(255 * RANDOM.random((max(height, 2) + v, max(width, 2)))).astype(np.float32) for v in range(views)]
    seen = (RANDOM.random((views, height, width)) < 0.9).astype(np.uint8)
    shifts = np.array([-0.1, 0.0, 0.07])
    out = np.zeros((height, width, 3), np.float32)
    sweeping.sweep(reference, depth, lens, shifts, *packed(pictures), projections, seen, 2, 3, out)
    expected = sweeping_reference.sweep(reference, depth, lens, shifts, pictures, projections, seen, 2, 3)
    np.testing.assert_allclose(out, expected, atol=2e-4)
    if views == 4:
        assert 0.2 < (out > sweeping.UNKNOWN).mean() < 1
    if views == 1:
        assert (out == sweeping.UNKNOWN).all()


def test_the_true_depth_is_where_photos_agree():
    width = height = 40
    texture = np.random.default_rng(5).random((90, 90)) * 255
    K = np.array([[40.0, 0, 20], [0, 40.0, 20], [0, 0, 1]])

    def photo(offset):
        column = (np.arange(width) + 0.5 - 20) / 40 * 2 - offset
        row = (np.arange(height) + 0.5 - 20) / 40 * 2
        from scipy.ndimage import map_coordinates, zoom

        fine = zoom(texture, 2, order=1)
        at = np.stack(np.meshgrid((row + 2) * 40, (column + 2) * 40, indexing="ij"))
        return map_coordinates(fine, at, order=1).astype(np.float32)

    offsets = (0.2, -0.2, 0.3)
    projections = np.array([K @ np.column_stack([np.eye(3), [o, 0, 0]]) for o in offsets])
    pictures = [photo(o) for o in offsets]
    shifts = np.arange(-0.3, 0.31, 0.1)
    out = np.zeros((height, width, len(shifts)), np.float32)
    base = np.full((height, width), 2.1, np.float32)
    seen = np.ones((3, height, width), np.uint8)
    lens = np.array([40.0, 40, 20, 20])
    sweeping.sweep(photo(0.0), base, lens, shifts, *packed(pictures), projections, seen, 3, 3, out)
    middle = out[10:30, 14:26]
    np.testing.assert_allclose(shifts[middle.argmax(axis=2)], -0.1, atol=1e-9)
    assert middle.max(axis=2).min() > 0.95


@pytest.mark.parametrize("shape", [(0, 0, 3), (1, 1, 1), (2, 2, 2), (5, 7, 4), (23, 31, 9)])
def test_paths_are_as_their_twin_says(shape):
    costs = RANDOM.random(shape).astype(np.float32)
    depth = (1 + RANDOM.random(shape[:2])).astype(np.float32)
    depth[RANDOM.random(depth.shape) < 0.2] = 0
    total = np.zeros(shape, np.float32)
    paths.smooth_costs(costs, depth, 0.1, 0.4, 0.6, total)
    np.testing.assert_allclose(total, paths_reference.smooth_costs(costs, depth, 0.1, 0.4, 0.6), atol=1e-5)
    choice = np.zeros(shape[:2], np.float32)
    paths.choose(total, choice)
    np.testing.assert_allclose(choice, paths_reference.choose(total), atol=1e-3)


def test_paths_prefer_what_neighbours_choose():
    costs = np.ones((1, 9, 5), np.float32)
    costs[0, [0, 1, 2, 6, 7, 8], 3] = 0.0
    total, choice = np.zeros_like(costs), np.zeros((1, 9), np.float32)
    paths.smooth_costs(costs, np.ones((1, 9), np.float32), 0.1, 0.5, 1.0, total)
    paths.choose(total, choice)
    np.testing.assert_allclose(choice, 3.0)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("views", [0, 1, 3])
def test_fusing_is_as_its_twin_says(count, views):
    size = fusion.BLOCK
    _, _, projections = scene(12, 15, views)
    maps = [
        ((1.9 + 0.3 * RANDOM.random((12, 15))).astype(np.float32), RANDOM.random((12, 15)).astype(np.float32) - 0.2,
         RANDOM.random((12, 15)).astype(np.float32))
        for _ in range(views)
    ]  # fmt: skip
    maps = [(d, w.astype(np.float32), s) for d, w, s in maps]
    maps = [(d, np.maximum(w, 0), s) for d, w, s in maps]
    blocks = RANDOM.integers(0, 4, (count, 3)).astype(np.int32)
    origin, step = np.array([-1.01371, -0.98713, 0.90373]), 0.061317
    prior = RANDOM.normal(0, 0.2, (count, size, size, size)).astype(np.float32)
    field, heard = np.zeros_like(prior), np.zeros_like(prior)
    depths, starts, sizes = packed([m[0] for m in maps])
    fusion.fuse(
        blocks, origin, step, projections, depths, packed([m[1] for m in maps])[0], packed([m[2] for m in maps])[0],
        starts, sizes, 0.15, 0.3, prior, field, heard,
    )  # fmt: skip
    within = np.stack(np.meshgrid(*(np.arange(size),) * 3, indexing="ij"), axis=-1).reshape(1, -1, 3)
    points = (origin + step * (blocks[:, None] * size + within)).reshape(-1, 3)
    expected, weight = fusion_reference.fuse(points, projections, maps, 0.15, 0.3, prior.ravel())
    # A voxel that projects onto the edge between two pixels may fall to either: rounding, not error.
    close = np.isclose(field.ravel(), expected, atol=1e-4) & np.isclose(heard.ravel(), weight, atol=1e-4)
    assert close.mean() > 0.999 if len(close) else count == 0
    if views == 3 and count:
        assert heard.max() > 0.3


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 3), (12, 15)])
def test_agreement_is_counted_as_its_twin_says(shape):
    depth, lens, projections = scene(*shape, 3)
    others = [(2 + 0.1 * RANDOM.random((12, 15))).astype(np.float32) for _ in range(3)]
    counts = np.zeros(shape, np.int32)
    fusion.agreeing(depth, lens, *packed(others), projections, 0.05, counts)
    expected = fusion_reference.agreeing(depth, lens, others, projections, 0.05)
    assert (counts == expected).mean() > 0.99 if counts.size else True
    if shape == (12, 15):
        assert counts.max() >= 2
