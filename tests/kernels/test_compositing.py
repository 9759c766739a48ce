# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.kernels import compositing, compositing_reference

SIZES = [(0, 0), (0, 3), (1, 1), (2, 2), (7, 5), (64, 96)]


def picture(shape, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, channels)).astype(np.uint8)


@pytest.mark.parametrize("shape", SIZES)
def test_composites_equal_the_reference(shape):
    rgba, below, colour = picture(shape, 4), picture(shape, 3, 1), np.array([255, 0, 200], np.uint8)
    out = np.zeros((*shape, 3), np.uint8)
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


def test_opaque_over_anything_is_itself_and_clear_is_what_lies_below():
    rgba, below = picture((8, 9), 4), picture((8, 9), 3, 1)
    out = np.zeros_like(below)
    rgba[..., 3] = 255
    compositing.composite_over_image(rgba, below, out)
    assert np.array_equal(out, rgba[..., :3])
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
