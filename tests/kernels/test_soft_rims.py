# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.kernels import soft_rims, soft_rims_reference
from turnaround.kernels.mattes_reference import signed_distance


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (1, 1), (2, 2), (1, 9), (17, 21)])
@pytest.mark.parametrize("reach", [0.6, 1.5, 4.0])
def test_equals_the_reference(shape, reach):
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (*shape, 3)).astype(np.uint8)
    y, x = np.indices(shape)
    mask = np.where(np.hypot(y - 8, x - 9) < 6, np.uint8(255), np.uint8(0))
    depth, out = signed_distance(mask), np.full(shape, 7, np.uint8)
    soft_rims.soften_rim(picture, mask, depth, reach, out)
    expected = soft_rims_reference.soften_rim(picture, mask, depth, reach)
    assert np.abs(out.astype(int) - expected).max(initial=0) <= 1
