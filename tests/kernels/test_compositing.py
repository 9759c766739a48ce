# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.kernels import compositing, compositing_reference

SIZES = [(0, 0), (0, 3), (1, 1), (2, 2), (7, 5), (64, 96)]


def picture(shape, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, channels)).astype(np.uint8)


@pytest.mark.parametrize("shape", SIZES)
def test_composites_equal_the_reference(shape):
    rgba, below, colour = picture(shape, 4), picture(shape, 4, 1), np.array([255, 0, 200], np.uint8)
    out = np.zeros_like(rgba)
    compositing.composite_over_colour(rgba, colour, out)
    assert np.array_equal(out, compositing_reference.composite_over_colour(rgba, colour))
    compositing.composite_over_image(rgba, below, out)
    assert np.array_equal(out, compositing_reference.composite_over_image(rgba, below))


@pytest.mark.parametrize("shape", SIZES)
def test_alpha_conversions_equal_the_reference(shape):
    rgba = picture(shape, 4)
    out = np.zeros_like(rgba)
    compositing.premultiply(rgba, out)
    assert np.array_equal(out, compositing_reference.premultiply(rgba))
    compositing.unpremultiply(rgba, out)
    assert np.array_equal(out, compositing_reference.unpremultiply(rgba))


@pytest.mark.parametrize("shape", SIZES)
def test_packing_equals_the_reference(shape):
    rgb, alpha, out = picture(shape, 3), picture(shape, 1, 1)[..., 0], np.zeros((*shape, 4), np.uint8)
    compositing.pack(rgb, alpha, out)
    assert np.array_equal(out, compositing_reference.pack(rgb, alpha))


def test_every_level_over_every_other_is_exactly_rounded():
    alpha, colour = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    rgba = np.stack([colour, 255 - colour, colour // 2, alpha], -1).astype(np.uint8)
    out = np.zeros_like(rgba)
    for level in range(0, 256, 15):
        behind = np.array([level, 255 - level, level], np.uint8)
        compositing.composite_over_colour(rgba, behind, out)
        assert np.array_equal(out, compositing_reference.composite_over_colour(rgba, behind))


def test_what_is_no_packed_picture_is_refused():
    for wrong in (picture((4, 4), 3), picture((4, 4), 4)[:, ::2], picture((4, 4), 4).astype(np.float32)):
        with pytest.raises(ValueError, match="contiguous"):
            compositing.premultiply(wrong, wrong)


def test_opaque_over_anything_is_itself_and_clear_is_what_lies_below():
    rgba, below = picture((8, 9), 4), picture((8, 9), 4, 1)
    below[..., 3] = 255
    out = np.zeros_like(below)
    rgba[..., 3] = 255
    compositing.composite_over_image(rgba, below, out)
    assert np.array_equal(out, rgba)
    rgba[..., 3] = 0
    compositing.composite_over_image(rgba, below, out)
    assert np.array_equal(out, below)


def test_every_premultiplied_colour_survives_the_way_through_straight_alpha():
    alpha, colour = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    colour = np.minimum(colour, alpha)
    premultiplied = np.stack([colour, colour, colour, alpha], -1).astype(np.uint8)
    straight, back = np.zeros_like(premultiplied), np.zeros_like(premultiplied)
    compositing.unpremultiply(premultiplied, straight)
    compositing.premultiply(straight, back)
    assert np.array_equal(back, premultiplied)


def test_every_straight_colour_comes_back_within_half_a_step_of_its_alpha():
    alpha, colour = np.meshgrid(np.arange(1, 256), np.arange(256), indexing="ij")
    straight = np.stack([colour, colour, colour, alpha], -1).astype(np.uint8)
    premultiplied, back = np.zeros_like(straight), np.zeros_like(straight)
    compositing.premultiply(straight, premultiplied)
    compositing.unpremultiply(premultiplied, back)
    error = np.abs(back[..., 0].astype(int) - colour)
    assert (error <= 127.5 / alpha + 0.5).all()
    assert error[alpha >= 128].max() <= 1


def test_works_in_place():
    rgba = picture((5, 6), 4)
    expected = compositing_reference.premultiply(rgba)
    compositing.premultiply(rgba, rgba)
    assert np.array_equal(rgba, expected)
