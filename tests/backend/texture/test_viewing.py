# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderer of textured meshes, on surfaces whose picture is known."""

import numpy as np
import pytest
from turnaround.backend.mesh.rendering import looking_at
from turnaround.backend.mesh.textured import TexturedMesh
from turnaround.backend.records import Camera
from turnaround.backend.texture.viewing import MipMap, enlarged, textured_rgba, textured_view


def wall(texture):
    """A square of 1 x 1 in the plane y = 0, its texture upright as seen from -y."""
    vertices = np.array([[-0.5, 0, 1], [0.5, 0, 1], [0.5, 0, 0], [-0.5, 0, 0]], float)
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    normals = np.tile(np.float32([0, -1, 0]), (4, 1))
    flat = np.full((1, 1, 3), 128, np.uint8)
    return TexturedMesh(vertices, faces, normals, uvs, texture, flat, flat, flat[..., 0])


def before_it(side, share=1.0):
    """A camera of ``side`` pixels before the wall, which takes ``share`` of its picture's width."""
    camera = looking_at(np.array([0, 0, 0.5]), -90, 0, 4.0, side)
    K = np.array([[4.0 * side * share, 0, side / 2], [0, 4.0 * side * share, side / 2], [0, 0, 1]])
    return Camera(name="", image="", width=side, height=side, K=K, cam_from_world=camera.cam_from_world)


def test_a_texture_as_large_as_the_picture_comes_back(synthetic):
    texture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    image, covered = textured_view(wall(texture), before_it(64), samples=1)
    assert covered.all()
    assert np.abs(image.astype(int) - texture).max() <= 2


@pytest.mark.parametrize("times", [2, 4, 8])
def test_a_finer_texture_is_averaged_and_not_picked_from(times):
    texture = np.random.default_rng(1).integers(0, 256, (32 * times, 32 * times, 3)).astype(np.uint8)
    mean = texture.reshape(32, times, 32, times, 3).mean(axis=(1, 3))
    image, _ = textured_view(wall(texture), before_it(32))
    picked = texture[times // 2 :: times, times // 2 :: times]
    error = np.abs(image[2:-2, 2:-2] - mean[2:-2, 2:-2]).mean()
    assert error < 0.35 * np.abs(picked[2:-2, 2:-2] - mean[2:-2, 2:-2]).mean()
    # A board of single black and white texels is grey from afar.
    board = np.zeros((32 * times, 32 * times, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    image, _ = textured_view(wall(board), before_it(32))
    assert np.abs(image[2:-2, 2:-2].astype(int) - 127).max() < 12


def test_alpha_is_the_share_that_is_covered_and_colours_are_straight():
    mesh = wall(np.full((16, 16, 3), (200, 100, 50), np.uint8))
    side, share = 40, 0.4625  # the wall is 18.5 pixels wide: a quarter of a pixel is open at each side
    rgba = textured_rgba(mesh, before_it(side, share), samples=4)
    assert (rgba[rgba[..., 3] > 0][:, :3] == (200, 100, 50)).all()
    assert rgba[..., 3].sum() / 255 == pytest.approx((side * share) ** 2, rel=1e-3)
    assert rgba[20, 20, 3] == 255
    assert rgba[20, 10, 3] == pytest.approx(255 / 4, abs=1)
    assert rgba[0, 0].tolist() == [0, 0, 0, 0]
    _, covered = textured_view(mesh, before_it(side, share), samples=4)
    assert covered.sum() == 18 * 18


def test_levels_are_mixed_between_and_kept_at_the_ends():
    texture = np.zeros((32, 32, 3), np.uint8)
    texture[:, 16:] = 240
    mips = MipMap.of(texture)
    assert [len(level) for level in mips.levels] == [32, 16, 8]
    uv = np.array([[0.1, 0.5], [0.9, 0.5], [0.49, 0.5], [0.49, 0.5], [0.49, 0.5]], np.float32)
    colours = mips.at(uv, np.array([-3.0, 9.0, 0.0, 1.0, 0.5]))
    np.testing.assert_allclose(colours[:2, 0], [0, 240], atol=1)
    np.testing.assert_allclose(colours[4], (colours[2] + colours[3]) / 2, atol=1)
    assert mips.at(np.zeros((0, 2), np.float32), np.zeros(0)).shape == (0, 3)
    tiny = MipMap.of(np.full((1, 1, 3), 7, np.uint8))
    assert (tiny.at(uv, np.arange(5.0)) == 7).all()


def test_a_mesh_out_of_view_leaves_the_picture_empty():
    mesh = wall(np.full((16, 16, 3), 99, np.uint8))
    camera = looking_at(np.array([0, -9.0, 0.5]), 90, 0, 4.0, 24)
    assert not textured_rgba(mesh, camera).any()
    mesh.faces = mesh.faces[:0]
    assert not textured_rgba(mesh, before_it(24)).any()


def test_an_enlarged_camera_sees_the_same():
    camera = before_it(10, 0.7)
    points = np.random.default_rng(2).normal(size=(5, 3))
    np.testing.assert_allclose(enlarged(camera, 3).project(points)[0], 3 * camera.project(points)[0])
