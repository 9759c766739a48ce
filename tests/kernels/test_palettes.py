# SPDX-License-Identifier: GPL-3.0-or-later
"""Nearest palette colours against their plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.kernels import palettes, palettes_reference


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000])
@pytest.mark.parametrize("colours", [1, 2, 28, 256])
def test_nearest_colours_agree_with_the_twin(count, colours):
    random = np.random.default_rng(count + colours)
    pixels = random.integers(0, 256, (count, 3)).astype(np.float32)
    palette = random.integers(0, 256, (colours, 3)).astype(np.float32)  # integers: ties are exact ties
    found, expected = np.zeros(count, np.uint8), np.full(count, 7, np.uint8)
    palettes.nearest_colours(pixels, palette, found)
    palettes_reference.nearest_colours(pixels, palette, expected)
    np.testing.assert_array_equal(found, expected)
