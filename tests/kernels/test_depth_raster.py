# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.kernels import depth_raster, depth_raster_reference


def drawn(module, pixels, depth, faces, attributes, height, width):
    out_depth, out_face = np.zeros((height, width), np.float32), np.zeros((height, width), np.int32)
    out = np.full((height, width, attributes.shape[1]), 7.0, np.float32)
    module.rasterise(pixels, depth, faces, out_depth, out_face)
    module.interpolate(pixels, depth, faces, attributes, out_face, out)
    return out_depth, out_face, out


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (2, 3), (37, 53)])
@pytest.mark.parametrize("count", [0, 1, 2, 61])
def test_agrees_with_the_twin(size, count):
    random = np.random.default_rng(count)
    pixels = random.uniform(-10, 60, (max(3 * count, 3), 2))
    depth = random.uniform(-0.2, 4.0, len(pixels))
    faces = random.integers(0, len(pixels), (count, 3)).astype(np.int32)
    attributes = random.normal(size=(len(pixels), 3)).astype(np.float32)
    fast = drawn(depth_raster, pixels, depth, faces, attributes, *size)
    plain = drawn(depth_raster_reference, pixels, depth, faces, attributes, *size)
    np.testing.assert_array_equal(fast[1] >= 0, plain[1] >= 0)
    # Where two triangles cross, rounding may decide for the other one.
    assert (fast[1] == plain[1]).mean() > 0.999 if fast[1].size else True
    same = fast[1] == plain[1]
    np.testing.assert_allclose(fast[0][same], plain[0][same], rtol=1e-5)
    np.testing.assert_allclose(fast[2][same], plain[2][same], atol=1e-3)


def test_a_slanted_plane_has_its_exact_depth_and_attributes():
    corners = np.array([[-4.0, -4.0, 2.0], [4.0, -4.0, 6.0], [4.0, 4.0, 6.0], [-4.0, 4.0, 2.0]])
    K = np.array([[30.0, 0, 20], [0, 30.0, 15], [0, 0, 1]])
    projected = corners @ K.T
    pixels = projected[:, :2] / projected[:, 2:]
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    depth, face, out = drawn(depth_raster, pixels, corners[:, 2], faces, corners.astype(np.float32), 30, 40)
    assert (face >= 0).all()
    # The plane is z = 4 + x / 2; along the ray of a pixel x = z u, so that z = 4 / (1 - u / 2).
    u = (np.arange(40) + 0.5 - 20) / 30
    np.testing.assert_allclose(depth, np.broadcast_to(4 / (1 - u / 2), (30, 40)), rtol=1e-5)
    np.testing.assert_allclose(out[..., 2], depth, rtol=1e-4)
    np.testing.assert_allclose(out[..., 0], depth * u, atol=1e-3)


def test_the_nearer_triangle_wins_whatever_the_order():
    pixels = np.array([[0.0, 0], [20, 0], [0, 20]] * 2)
    for near, order in ((0, [2.0, 5.0]), (1, [5.0, 2.0])):
        depth = np.repeat(order, 3)
        faces = np.arange(6, dtype=np.int32).reshape(2, 3)
        _, face, _ = drawn(depth_raster, pixels, depth, faces, np.zeros((6, 1), np.float32), 8, 8)
        assert (face == near).all()
