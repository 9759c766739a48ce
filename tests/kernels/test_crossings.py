# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.mesh.untangling import crossed_faces
from turnaround.kernels import crossings, crossings_reference


@pytest.mark.parametrize("count", [0, 1, 2, 7, 60])
def test_it_is_what_asking_every_pair_finds(count):
    random = np.random.default_rng(count)
    vertices = random.random((3 * count // 2 + 3, 3)) * (1, 1, count // 3 + 1)
    near = np.argsort(vertices[:, 2])  # a tall heap, so that not all cross
    places = [random.integers(max(len(vertices) - 6, 1)) + random.permutation(6)[:3] for _ in range(count)]
    faces = near[np.array(places, int).reshape(-1, 3) % len(vertices)].astype(np.int32)
    expected = crossings_reference.crossing(vertices, faces)
    found = np.zeros(count, np.uint8)
    one_cell = np.arange(count, dtype=np.int32), np.array([0, count], np.int64)
    crossings.crossing(vertices, faces, *one_cell, found)
    np.testing.assert_array_equal(found.astype(bool), expected)
    np.testing.assert_array_equal(crossed_faces(Mesh(vertices, faces)), expected)
    if count == 60:
        assert 0.1 < expected.mean() < 1


def test_touching_is_not_crossing():
    points = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0.2, 0.2, 0), (0.2, 0.2, 1), (0.3, 0.2, 1)], float)
    faces = np.array([(0, 1, 2), (3, 4, 5)], np.int32)
    assert not crossed_faces(Mesh(points, faces)).any()
    points[3, 2] = -0.1
    assert crossed_faces(Mesh(points, faces)).all()
