# SPDX-License-Identifier: GPL-3.0-or-later
"""GPS and gravity out of photos written byte by byte, and what damaged files give."""

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image
from turnaround.backend.held import Held, read_held


def photo(orientation=1, acceleration=None, lens="iPhone 12 back camera 4.2mm f/1.6", gps=None, xmp=b""):
    """A small JPEG whose header says these things."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.LensModel] = lens
    if acceleration is not None:
        camera[ExifTags.Base.MakerNote] = apple_note(acceleration)
    if gps is not None:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG", exif=exif, **({"xmp": xmp} if xmp else {}))
    return file.getvalue()


def apple_note(acceleration):
    """A maker note of two entries, the second the accelerometer's vector."""
    rationals = b"".join(struct.pack(">ii", round(v * 1e6), 10**6) for v in acceleration)
    entries = struct.pack(">HHII", 1, 9, 1, 14) + struct.pack(">HHII", 8, 10, 3, 14 + 2 + 2 * 12 + 4)
    return b"Apple iOS\0\0\1MM" + struct.pack(">H", 2) + entries + b"\0" * 4 + rationals


@pytest.mark.parametrize(
    ("orientation", "acceleration", "down"),
    [
        (6, (0, -1, 0), (0, 1, 0)),  # upright, looking at the horizon
        (1, (-1, 0, 0), (0, 1, 0)),  # on its side, its bottom to the right
        (3, (1, 0, 0), (0, 1, 0)),
        (8, (0, 1, 0), (0, 1, 0)),
        (6, (0, -0.5, -(0.75**0.5)), (0, 0.5, 0.75**0.5)),  # upright, looking 60 degrees down
        (6, (0.1, -0.99, -0.1), (0.1, 0.99, 0.1)),  # leaning to its right: the picture's right is lower
    ],
)
def test_an_iphone_knows_what_is_down(orientation, acceleration, down):
    found = read_held(photo(orientation, acceleration)).gravity
    np.testing.assert_allclose(found, np.array(down) / np.linalg.norm(down), atol=1e-5)


@pytest.mark.parametrize("change", [{"acceleration": (0, -1.6, 0)}, {"lens": "front camera"}, {"orientation": 5}])
def test_a_shaken_or_mirrored_camera_does_not(change):
    assert read_held(photo(**{"orientation": 6, "acceleration": (0, -1, 0)} | change)).gravity is None


@pytest.mark.parametrize(
    ("pitch", "roll", "down"),
    [(-90, 0, (0, 0, 1)), (0, 0, (0, 1, 0)), (-30, 0, (0, 0.75**0.5, 0.5)), (0, 30, (0.5, 0.75**0.5, 0))],
)
def test_a_drones_gimbal_does(pitch, roll, down):
    xmp = f'<x:xmpmeta drone-dji:GimbalPitchDegree="{pitch:+.2f}" drone-dji:GimbalRollDegree="{roll:+.2f}"/>'.encode()
    np.testing.assert_allclose(read_held(photo(xmp=xmp)).gravity, down, atol=1e-9)


def test_a_position_comes_with_its_signs():
    south = {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0), 5: b"\x01", 6: 2.5}
    assert read_held(photo(gps=south)).gps == pytest.approx((-(33 + 51 / 60 + 30 / 3600), 151.21, -2.5))
    assert read_held(photo(gps={1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)})).gps is None


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_files_that_say_nothing_or_are_damaged_give_nothing():
    assert read_held(photo()) == Held()
    assert read_held(b"no picture") == Held()
    whole = photo(6, (0, -1, 0), gps={1: "N", 2: (1.0, 2.0, 3.0), 3: "W", 4: (1.0, 2.0, 3.0)})
    random = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole[: random.integers(2, len(whole))] if random.random() < 0.3 else whole)
        for place in random.integers(0, len(broken), 6):
            broken[place] = random.integers(0, 256)
        found = read_held(bytes(broken))
        assert found.gravity is None or np.linalg.norm(found.gravity) == pytest.approx(1)
