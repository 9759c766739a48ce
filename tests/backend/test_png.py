# SPDX-License-Identifier: GPL-3.0-or-later
import io

import numpy as np
import pytest
from PIL import Image
from turnaround.backend import png

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (33, 47)])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("content", ["noise", "empty", "strided"])
def test_another_reader_gets_the_same_pixels(shape, channels, content):
    image = np.random.default_rng(0).integers(0, 256, (*shape, channels)).astype(np.uint8)
    image = {"noise": image, "empty": image * 0, "strided": np.repeat(image, 2, 1)[:, ::2]}[content]
    image = image[..., 0] if channels == 1 else image
    with Image.open(io.BytesIO(png.encode(image))) as read:
        read.load()
        assert read.mode == MODES[channels]
        assert np.array_equal(np.asarray(read), image)


def test_what_is_transparent_costs_next_to_nothing():
    image = np.zeros((1000, 1000, 4), np.uint8)
    assert len(png.encode(image)) < 20_000


def test_the_check_sums_hold():
    data = bytearray(png.encode(np.full((5, 5, 3), 9, np.uint8)))
    data[-20] ^= 1
    with pytest.raises(SyntaxError, match="checksum"), Image.open(io.BytesIO(bytes(data))) as read:
        read.verify()


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 3), np.uint16), np.zeros((3, 3, 2), np.uint8), np.zeros((0, 3), np.uint8)]
)
def test_what_png_cannot_hold_here_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        png.encode(wrong)
