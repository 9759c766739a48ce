# SPDX-License-Identifier: GPL-3.0-or-later
"""SSIM against its twin, and its gradient against the twin's slope."""

import numpy as np
import pytest
from turnaround.kernels.splatting import ssim as module
from turnaround.kernels.splatting.ssim import ssim
from turnaround.kernels.splatting.ssim_reference import ssim_map


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 1, 3), (7, 9, 3), (12, 30, 3), (31, 20, 1)])
def test_map_and_gradient(shape):
    random = np.random.default_rng(shape[0])
    image, truth = (random.uniform(0, 1, shape).astype(np.float32) for _ in range(2))
    weight = random.uniform(0, 1, shape[:2]).astype(np.float32)
    values, gradient = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    ssim(image, truth, weight, values, gradient)
    assert np.abs(values - ssim_map(image, truth)).max() < 1e-4

    def loss(x):
        return (ssim_map(x, truth) * weight[..., None]).sum()

    for _ in range(10):
        at = tuple(random.integers(0, s) for s in shape)
        step = np.zeros(shape)
        step[at] = 1e-6
        slope = (loss(image + step) - loss(image - step)) / 2e-6
        assert gradient[at] == pytest.approx(slope, rel=2e-3, abs=2e-3 * float(np.abs(gradient).max()))


def test_equal_images_are_perfectly_similar():
    image = np.random.default_rng(0).uniform(0, 1, (20, 24, 3)).astype(np.float32)
    values, gradient = np.zeros_like(image), np.zeros_like(image)
    ssim(image, image, np.ones(image.shape[:2], np.float32), values, gradient)
    assert values.min() > 1 - 1e-4
    assert np.abs(gradient).max() < 2e-2


def test_bands_and_threads_do_not_change_a_bit():
    import numba

    random = np.random.default_rng(1)
    image, truth = (random.uniform(0, 1, (2 * module.BAND + 7, 33, 3)).astype(np.float32) for _ in range(2))
    weight = random.uniform(0, 1, image.shape[:2]).astype(np.float32)
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        values, gradient = np.zeros_like(image), np.zeros_like(image)
        ssim(image, truth, weight, values, gradient)
        results.append((values, gradient))
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])
    # Rows far from the other bands must be those of a picture that ends there, or begins there, within one band.
    assert np.abs(results[0][0] - ssim_map(image, truth)).max() < 1e-4
    part = np.ascontiguousarray(image[: module.BAND - 3])
    values, gradient = np.zeros_like(part), np.zeros_like(part)
    ssim(part, np.ascontiguousarray(truth[: module.BAND - 3]), weight[: module.BAND - 3], values, gradient)
    inner = slice(0, module.BAND - 3 - 2 * module.RADIUS)
    assert np.array_equal(values[inner], results[0][0][inner])
    assert np.array_equal(gradient[inner], results[0][1][inner])
