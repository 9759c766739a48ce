# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects on a plain background: their rims are as opaque as they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from turnaround.backend.segment.plain import plain_mask


def on_grey(colour, side=96):
    """A ring of ``colour`` on grey, drawn eight times as large and reduced; the picture and the ring's true alpha."""
    y, x = np.mgrid[: 8 * side, : 8 * side] / (8 * side) - 0.5
    far = np.hypot(x, y)
    alpha = cv2.resize(((far < 0.35) & (far > 0.15)).astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    mixed = alpha[..., None] * np.array(colour) + (1 - alpha[..., None]) * 128
    return np.round(mixed).astype(np.uint8), alpha


@pytest.mark.parametrize("colour", [(200, 40, 30), (255, 255, 255), (0, 0, 0), (90, 150, 128)])
def test_alpha_is_that_of_the_mixture(colour):
    picture, alpha = on_grey(colour)
    found = plain_mask(picture)
    assert np.abs(found - alpha).max() < 0.3  # where little is mixed in, it is taken for the background's own
    assert np.abs(found - alpha).mean() < 0.004
    assert found[48, 48] == 0  # through the ring
    assert found[48, 48 + 24] == 1


def test_without_a_plain_border_or_an_object_there_is_no_mask():
    random = np.random.default_rng(0)
    assert plain_mask(random.integers(0, 255, (40, 40, 3)).astype(np.uint8)) is None
    assert plain_mask(np.full((40, 40, 3), 128, np.uint8)) is None
