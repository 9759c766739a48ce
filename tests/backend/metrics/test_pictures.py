# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.backend.metrics.images import psnr, ssim
from turnaround.backend.metrics.masks import boundary_f, davis_statistics, intersection_over_union


def pictures():
    random = np.random.default_rng(0)
    one = random.integers(0, 200, (60, 80, 3)).astype(np.uint8)
    inside = np.zeros((60, 80), bool)
    inside[10:50, 20:60] = True
    return one, inside


def test_psnr_of_a_constant_error_and_only_inside():
    one, inside = pictures()
    other = one + np.uint8(5)
    other[~inside] = 0
    assert psnr(one, other, inside) == pytest.approx(20 * np.log10(255 / 5))
    assert psnr(one, one, inside) == 100.0
    with pytest.raises(ValueError, match="empty"):
        psnr(one, one, np.zeros_like(inside))


def test_ssim_agrees_with_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    one, inside = pictures()
    noise = np.random.default_rng(1).integers(-30, 30, one.shape)
    other = np.clip(one + noise, 0, 255).astype(np.uint8)
    everywhere = np.zeros_like(inside)
    everywhere[6:-6, 6:-6] = True
    black = [np.where(everywhere[..., None], image, 0).astype(np.uint8) for image in (one, other)]
    _, expected = metrics.structural_similarity(
        *black, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    assert ssim(one, other, everywhere) == pytest.approx(expected[everywhere].mean(), abs=1e-3)
    assert ssim(one, one, inside) == pytest.approx(1.0)


def disc(radius, shift=0):
    y, x = np.mgrid[:200, :300]
    return np.hypot(x - 150 - shift, y - 100) < radius


def test_intersection_over_union():
    assert intersection_over_union(disc(40), disc(40)) == 1.0
    assert intersection_over_union(disc(40), disc(60)) == pytest.approx((40 / 60) ** 2, rel=0.01)
    assert intersection_over_union(disc(40), np.zeros((200, 300), bool)) == 0.0
    assert intersection_over_union(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 1.0


def test_boundary_f_allows_the_benchmarks_tolerance_and_no_more():
    # 0.8 % of the diagonal of 300 x 200 is 2.9, rounded up to 3 pixels.
    assert boundary_f(disc(60), disc(62)) == 1.0
    assert boundary_f(disc(60), disc(66)) == 0.0
    assert 0.2 < boundary_f(disc(60), disc(60, shift=8)) < 0.8
    assert boundary_f(disc(60), np.zeros((200, 300), bool)) == 0.0


def test_davis_statistics_leave_out_the_ends_and_compare_the_quarters():
    values = [0.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.0]
    figures = davis_statistics(values)
    assert figures["mean"] == pytest.approx(np.mean(values[1:-1]))
    assert figures["recall"] == pytest.approx(5 / 9)
    # Nine frames meet at 0, 2, 4, 6 and 8: the first quarter is 1.0, 0.9, 0.8, the last 0.4, 0.3, 0.2.
    assert figures["decay"] == pytest.approx(0.9 - 0.3)
    assert davis_statistics([1.0, 1.0]) == {}
