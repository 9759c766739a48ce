# SPDX-License-Identifier: GPL-3.0-or-later
"""Adam and the photometric loss against their numpy twins."""

import numpy as np
import pytest
from turnaround.kernels.splatting import adam_reference, photometric, photometric_reference
from turnaround.kernels.splatting.adam import adam
from turnaround.kernels.splatting.ssim import ssim


@pytest.mark.parametrize("n", [0, 1, 2, 33])
def test_adam_equals_twin_over_several_steps(n):
    random = np.random.default_rng(n)
    values, first, second = (random.normal(0, 1, (n, 5)).astype(np.float32) for _ in range(3))
    second = np.abs(second)
    rates = np.array([0.1, 0.01, 0.2, 0.0, 0.05], np.float32)
    twin = (values.copy(), first.copy(), second.copy())
    for step in (1, 2, 50):
        gradients = random.normal(0, 1, (n, 5)).astype(np.float32)
        drawn = random.uniform(size=n) < 0.7
        adam(values, gradients, first, second, rates, drawn, step)
        twin = adam_reference.adam(*twin[:1], gradients, *twin[1:], rates, drawn, step)
    for got, want in zip((values, first, second), twin, strict=True):
        assert np.allclose(got, want, rtol=1e-4, atol=1e-5)


def loss_and_gradient(image, photo, weight, background, exposure, ssim_share, alpha_share):
    shape = image.shape[:2]
    shown, target, values, v_similarity = (np.zeros((*shape, 3), np.float32) for _ in range(4))
    photometric.lay_over(image, photo, background, exposure, shown, target)
    ssim(shown, target, weight / np.float32(3), values, v_similarity)
    v_image = np.zeros_like(image)
    v_exposure, losses = np.zeros((shape[0], 2, 3), np.float32), np.zeros((shape[0], 3), np.float32)
    photometric.gradient(
        image, photo, weight, background, exposure, shown, target, values, v_similarity,
        np.float32(ssim_share), np.float32(alpha_share), v_image, v_exposure, losses,
    )  # fmt: skip
    total = losses.sum(0) @ np.array([1 - ssim_share, ssim_share, alpha_share])
    return total, v_image, v_exposure.sum(0)


def test_loss_equals_twin_and_its_gradient_is_the_slope():
    random = np.random.default_rng(4)
    image, photo = (random.uniform(0.05, 0.95, (14, 11, 4)).astype(np.float32) for _ in range(2))
    weight = (random.uniform(0, 1, (14, 11)) > 0.2).astype(np.float32) / 100
    background = np.array([0.2, 0.7, 0.4], np.float32)
    exposure = np.array([[1.1, 0.9, 1.0], [0.05, -0.02, 0.0]], np.float32)
    arguments = (weight, background, exposure, 0.2, 0.1)
    total, v_image, v_exposure = loss_and_gradient(image, photo, *arguments)
    assert total == pytest.approx(photometric_reference.photometric_loss(image, photo, *arguments), rel=1e-4)
    step = 1e-6
    largest = float(np.abs(v_image).max())
    for _ in range(40):
        at = (int(random.integers(14)), int(random.integers(11)), int(random.integers(4)))
        shift = np.zeros(image.shape)
        shift[at] = step
        high = photometric_reference.photometric_loss(image + shift, photo, *arguments)
        low = photometric_reference.photometric_loss(image - shift, photo, *arguments)
        assert float(v_image[at]) == pytest.approx((high - low) / (2 * step), rel=5e-3, abs=5e-3 * largest)
    for at in np.ndindex(2, 3):
        shift = np.zeros((2, 3))
        shift[at] = step
        high = photometric_reference.photometric_loss(image, photo, weight, background, exposure + shift, 0.2, 0.1)
        low = photometric_reference.photometric_loss(image, photo, weight, background, exposure - shift, 0.2, 0.1)
        assert float(v_exposure[at]) == pytest.approx((high - low) / (2 * step), rel=1e-2, abs=1e-3)
