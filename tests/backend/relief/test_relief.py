# SPDX-License-Identifier: GPL-3.0-or-later
"""Silhouettes blown up, camera rays, closed bodies, and what a depth network's answer makes of them."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest
import trimesh
from turnaround.backend.relief import depth, front, inflate, solid, viewing

needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed (optional)"
)


def disc(radius: float, side: int = 200, centre: tuple[float, float] = (100.0, 100.0)) -> np.ndarray:
    """A soft disc, (side, side) uint8; pixel centres at half integers."""
    y, x = np.mgrid[:side, :side] + 0.5
    return np.round(255 * np.clip(radius - np.hypot(x - centre[0], y - centre[1]) + 0.5, 0, 1)).astype(np.uint8)


def body(grid: inflate.Inflated, thickness: float) -> trimesh.Trimesh:
    vertices, faces = solid.inflated_body(grid, thickness)
    return trimesh.Trimesh(vertices[:, [1, 0, 2]] * grid.step, faces, process=False)


def test_a_disc_becomes_nearly_a_ball():
    grid = inflate.inflate(disc(60), 64)
    made = body(grid, 1.0)
    assert made.is_watertight
    # Slightly flatter: what is as wide as the whole silhouette is held back a little.
    assert 0.85 < made.volume / (4 / 3 * np.pi * 60**3) < 1.0
    middle = [100 - grid.left - grid.step / 2, 100 - grid.top - grid.step / 2]
    assert np.linalg.norm(made.vertices[:, :2] - middle, axis=1).max() == pytest.approx(60, abs=1.0)


def test_thickness_scales_the_depth_alone():
    grid = inflate.inflate(disc(60), 48)
    thick, thin = body(grid, 1.0), body(grid, 0.5)
    assert thin.volume == pytest.approx(thick.volume / 2, rel=0.02)
    assert np.allclose(thin.bounds[:, :2], thick.bounds[:, :2], atol=0.5)


def test_the_equations_hold_inside_a_wide_strip():
    """Across a long strip of half width a, s = 2 (a^2 - x^2) where ``reach`` is far."""
    level = np.full((400, 45), -1.0)
    level[1:-1, 2:-2] = 1.0  # the contour lies half way between cells
    square = inflate._solve(level, 1e6)
    x = np.arange(45) - 22.0
    assert np.allclose(square[200, 2:-2], 2 * (20.5**2 - x[2:-2] ** 2), rtol=0.01, atol=1)
    assert (square[:, :2] < 0).all()


def test_legs_thinner_than_cells_stay_whole():
    mask = np.zeros((400, 400), np.uint8)
    mask[20:120, 100:300] = 255
    mask[100:380, 150:153] = 255
    grid = inflate.inflate(mask, 48)
    assert cv2.connectedComponents((grid.square > 0).astype(np.uint8))[0] == 2
    assert np.nonzero(grid.square > 0)[0].max() * grid.step + grid.top > 370


def test_one_pixel_is_still_a_body():
    mask = np.zeros((64, 64), np.uint8)
    mask[30, 40] = 255
    assert body(inflate.inflate(mask, 32), 0.7).is_watertight


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        inflate.inflate(np.zeros((50, 50), np.uint8), 32)


@pytest.mark.parametrize("elevation", [0.0, 30.0])
def test_the_camera_is_level_and_looks_from_above(elevation):
    K = viewing.assumed_k(300, 200, None, 40.0)
    assert np.degrees(2 * np.arctan(150 / K[0, 0])) == pytest.approx(40)
    mask = np.zeros((200, 300), np.uint8)
    mask[120:180, 200:280] = 255
    middle = viewing.middle_ray(K, mask)
    rotation = viewing.world_from_camera(middle, 90.0, elevation)
    e = np.radians(elevation)
    # From azimuth 0 it looks along +y; a quarter further, along -x.
    assert np.allclose(rotation @ middle, [-np.cos(e), 0, -np.sin(e)], atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_rays_keep_the_silhouette():
    mask = disc(40, centre=(130, 70))
    K = viewing.assumed_k(200, 200, None, 40.0)
    grid = inflate.inflate(mask, 64)
    vertices, faces = solid.inflated_body(grid, 0.7)
    points = solid.in_camera(grid, vertices, K, viewing.middle_ray(K, mask), 3.0)
    assert trimesh.Trimesh(points, faces, process=False).volume > 0
    pixels = points @ K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    assert np.linalg.norm(pixels - (130, 70), axis=1).max() == pytest.approx(40, abs=0.5)
    assert np.allclose(
        points.mean(axis=0) / np.linalg.norm(points.mean(axis=0)), viewing.middle_ray(K, mask), atol=0.02
    )


def test_a_fronted_body_follows_its_front_and_is_closed():
    mask = np.zeros((160, 160), np.uint8)
    mask[30:130, 30:130] = 255
    grid = inflate.inflate(mask, 64)
    near = np.tile(np.linspace(0, 1, 160, dtype=np.float32), (160, 1))  # the right side is nearer
    first, back = front.front_and_back(near, mask, grid, 0.7)
    middle = first[first.shape[0] // 2]
    inside = np.nonzero(grid.square[grid.square.shape[0] // 2] > 0)[0]
    assert (np.diff(middle[inside]) <= 1e-6).all()
    assert np.ptp(middle[inside]) == pytest.approx(2 * 0.7 * grid.half.max(), rel=0.02)
    assert (back >= first + 1).all()
    vertices, faces = solid.fronted_body(grid, first, back)
    made = trimesh.Trimesh(vertices[:, [1, 0, 2]], faces, process=False)
    assert made.is_watertight
    assert made.volume > 0


def test_the_rim_of_the_depth_is_not_believed():
    mask = disc(60)
    near = np.where(cv2.erode((mask > 127).astype(np.uint8), np.ones((3, 3))) > 0, 1.0, -50.0).astype(np.float32)
    believed = front._without_rim(near, mask)
    assert (believed == 1.0).all()


def test_depth_without_any_relief_is_flat_in_front():
    grid = inflate.inflate(disc(60), 48)
    first, _ = front.front_and_back(np.full((200, 200), 7.0, np.float32), disc(60), grid, 0.7)
    assert np.ptp(first) == 0


def _field(number: int, value: bytes | int | str) -> bytes:
    """One field of a protocol buffer."""

    def varint(n: int) -> bytes:
        out = b""
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def red_is_near(side: int = 0) -> bytes:
    """An ONNX file: a 1 x 1 convolution to the red channel; ``side`` 0 leaves height and width open (as Depth
    Anything does), else they are fixed (as MiDaS').
    """
    tensor = b"".join(_field(1, d) for d in (1, 3, 1, 1)) + _field(2, 1) + _field(8, "w")
    tensor += _field(9, np.array([1.0, 0.0, 0.0], np.float32).tobytes())

    def value(name: str, channels: int) -> bytes:
        sizes = [_field(1, 1), _field(1, channels)]
        sizes += [_field(1, side)] * 2 if side else [_field(2, "h"), _field(2, "w")]
        return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, b"".join(_field(1, s) for s in sizes))))

    node = _field(1, _field(1, "x") + _field(1, "w") + _field(2, "y") + _field(4, "Conv"))
    graph = node + _field(2, "near") + _field(5, tensor) + _field(11, value("x", 3)) + _field(12, value("y", 1))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


@needs_onnx
@pytest.mark.parametrize("side", [0, 28])
def test_a_depth_network_is_asked(tmp_path, side):
    (tmp_path / "near.onnx").write_bytes(red_is_near(side))
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[:, 50:, 0] = 255
    near = depth.Depth(tmp_path / "near.onnx").nearness(picture)
    assert near.shape == (60, 100)
    # Black and full red, normalised by ImageNet's mean and deviation of red.
    assert near[30, 10] == pytest.approx(-0.485 / 0.229, abs=0.05)
    assert near[30, 90] == pytest.approx((1 - 0.485) / 0.229, abs=0.05)


@needs_onnx
@pytest.mark.parametrize("content", [b"", b"no network", red_is_near()[:60]])
def test_a_file_that_is_no_network_is_refused(tmp_path, content):
    (tmp_path / "near.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"near\.onnx"):
        depth.Depth(tmp_path / "near.onnx")
