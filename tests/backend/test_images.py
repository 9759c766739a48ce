# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend import images


def smooth(height=40, width=60):
    y, x = np.indices((height, width))
    return np.stack([x * 4, y * 6, (x + y) * 2], -1).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "name with spaces é.png"])
def test_png_comes_back_as_it_was(tmp_path, name):
    rgb = smooth()
    images.write_image(tmp_path / name, rgb)
    assert np.array_equal(images.read_rgb(tmp_path / name), rgb)
    rgba = np.dstack([rgb, rgb[..., 0]])
    images.write_image(tmp_path / name, rgba)
    assert np.array_equal(images.read_rgba(tmp_path / name), rgba)
    images.write_image(tmp_path / name, rgb[..., 1])
    assert np.array_equal(images.read_grey(tmp_path / name), rgb[..., 1])


def test_jpeg_keeps_full_colour_resolution(tmp_path):
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (220, 40, 60), (40, 60, 220)
    images.write_image(tmp_path / "a.jpg", stripes)
    assert np.abs(images.read_rgb(tmp_path / "a.jpg").astype(int) - stripes).mean() < 6


def test_what_is_no_picture_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"expected a picture, got .*a\.png"):
        images.read_rgb(tmp_path / "a.png")
    images.write_image(tmp_path / "b.png", smooth())
    with pytest.raises(ValueError, match="expected a picture with alpha"):
        images.read_rgba(tmp_path / "b.png")


def test_shrink_leaves_small_pictures_alone():
    rgb, alpha = smooth(), np.full((40, 60), 7, np.uint8)
    same, same_alpha = images.shrink(rgb, alpha, 60)
    assert same is rgb
    assert same_alpha is alpha


def test_shrink_averages_over_areas():
    rgb = np.random.default_rng(0).integers(0, 256, (120, 200, 3)).astype(np.uint8)
    small, none = images.shrink(rgb, None, 50)
    assert none is None
    assert small.shape == (30, 50, 3)
    assert np.abs(small - rgb.reshape(30, 4, 50, 4, 3).mean((1, 3))).max() <= 0.51


def test_shrink_does_not_let_hidden_colour_bleed():
    rgb = np.full((100, 100, 3), (0, 255, 0), np.uint8)
    alpha = np.zeros((100, 100), np.uint8)
    rgb[21:78, 33:67], alpha[21:78, 33:67] = (200, 30, 10), 255
    small, small_alpha = images.shrink(rgb, alpha, 23)
    assert (small[small_alpha > 0] == (200, 30, 10)).all()
    assert abs(small_alpha.mean() - alpha.mean()) < 0.5
