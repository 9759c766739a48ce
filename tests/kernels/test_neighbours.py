# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.kernels import neighbours, neighbours_reference


def cloud(kind, count):
    random = np.random.default_rng(count)
    points = random.normal(size=(count, 3))
    if kind == "sphere":
        points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    if kind == "line":
        points *= (1, 0, 0)
    if kind == "clusters":
        points = points * 1e-3 + random.integers(0, 2, (count, 1)) * 10.0
    return points


@pytest.mark.parametrize("kind", ["ball", "sphere", "line", "clusters"])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 400])
def test_nearest_agrees_with_the_twin(kind, count):
    points = cloud(kind, count)
    fast_index, fast = neighbours.nearest(points, 5)
    plain_index, plain = neighbours_reference.nearest(points, 5)
    np.testing.assert_allclose(fast, plain, atol=1e-12)
    np.testing.assert_array_equal(fast_index, plain_index)


def test_equal_points_are_neighbours_at_no_distance():
    index, distance = neighbours.nearest(np.zeros((4, 3)), 3)
    assert (distance == 0).all()
    np.testing.assert_array_equal(index[0], [1, 2, 3])


@pytest.mark.parametrize("kind", ["ball", "sphere", "line", "clusters"])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 400])
@pytest.mark.parametrize("radius", [0.0, 0.3, 50.0])
def test_even_subset_agrees_with_the_twin(kind, count, radius):
    points = cloud(kind, count)
    kept = neighbours.even_subset(points, radius)
    np.testing.assert_array_equal(kept, neighbours_reference.even_subset(points, radius))
