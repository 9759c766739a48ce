# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy import ndimage
from turnaround.kernels import cutouts, decontamination, mattes_reference

RIM = 2.0


def scene(shape, seed=0):
    """Object's colours, background's colours, alpha, and their mixture as a camera sees it."""
    generator = np.random.default_rng(seed)
    y, x = np.indices(shape, dtype=float)
    disc = np.hypot(y - shape[0] / 2, x - shape[1] / 2) - 0.32 * min(shape)
    alpha = (np.clip(0.5 - disc / 1.5, 0, 1) * 255 + 0.5).astype(np.uint8)
    grain = ndimage.gaussian_filter(generator.normal(size=(*shape, 3)), (2, 2, 0)) * 60 if min(shape) else 0
    subject = np.clip(np.array([210.0, 170, 40]) + grain, 0, 255)
    background = np.clip(np.array([30.0, 60, 160]) - grain, 0, 255)
    share = alpha[..., None] / 255
    return subject, background, alpha, (subject * share + background * (1 - share) + 0.5).astype(np.uint8)


def cleaned(image, alpha, rim=RIM):
    out = np.zeros((*alpha.shape, 4), np.uint8)
    cutouts.cut_out(image, alpha, out, rim=rim)
    return out[..., :3]


def error_in_rim(image, subject, alpha, shown):
    depth = mattes_reference.signed_distance(alpha)
    weight = (shown > 0) * (alpha / 255.0) * (np.abs(depth) < 3)
    return float((np.abs(image - subject).mean(2) * weight).sum() / weight.sum())


def test_an_exact_matte_gives_the_objects_colour_back():
    subject, _, alpha, image = scene((90, 90))
    assert error_in_rim(image, subject, alpha, alpha) > 10
    assert error_in_rim(cleaned(image, alpha), subject, alpha, alpha) < 1.5


def test_a_matte_that_reaches_too_far_loses_most_of_its_halo():
    subject, _, alpha, image = scene((90, 90))
    grown = ndimage.grey_dilation(alpha, (3, 3))
    before, after = (error_in_rim(i, subject, grown, grown) for i in (image, cleaned(image, grown)))
    assert before > 25
    assert after < before / 4


def test_the_inside_is_untouched():
    _, _, alpha, image = scene((60, 60))
    deep = mattes_reference.signed_distance(alpha) >= RIM
    assert np.array_equal(cleaned(image, alpha)[deep], image[deep])


def test_transparent_pixels_carry_the_objects_colour_near_it():
    subject, _, alpha, image = scene((90, 90))
    out = cleaned(image, alpha)
    depth = mattes_reference.signed_distance(alpha)
    near = (alpha == 0) & (depth > -8)
    assert np.abs(out[near].mean(0) - subject[alpha > 0].mean(0)).max() < 8
    assert (out[depth < -decontamination.BLEED - 4] == 0).all()


@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_parts_thinner_than_the_rim_keep_their_own_colour(thickness):
    alpha = np.zeros((40, 60), np.uint8)
    alpha[8:32, 4:24] = 255
    alpha[20 : 20 + thickness, 24:56] = 255
    image = np.full((40, 60, 3), (20, 20, 20), np.uint8)
    image[:, 4:24] = (200, 40, 40)
    image[20 : 20 + thickness, 26:56] = (40, 200, 90)
    assert (cleaned(image, alpha)[20 : 20 + thickness, 32:54] == (40, 200, 90)).all()


@pytest.mark.parametrize("value", [0, 100, 128, 255])
def test_without_an_edge_or_a_sure_pixel_what_shows_is_copied(value):
    image = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    expected = image if value else np.zeros_like(image)
    assert np.array_equal(cleaned(image, np.full((9, 8), value, np.uint8)), expected)
