# SPDX-License-Identifier: GPL-3.0-or-later
import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from turnaround.backend import copies, photo, sources


def texture(shape=(144, 192), seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return np.clip(128 + 40 * noise / max(noise.std(), 1e-9), 0, 255)


def as_thumbnail(values):
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_motion_is_measured_in_pixels(shift):
    values = texture((180, 240))
    moved = ndimage.shift(values, (0, shift), mode="nearest")
    found = copies.motion(as_thumbnail(values)[20:164, 20:212], as_thumbnail(moved)[20:164, 20:212])
    assert 0.6 * shift < found < 1.6 * shift


def test_noise_and_exposure_are_no_motion():
    values = texture()
    noisy = values + np.random.default_rng(1).normal(size=values.shape)
    assert copies.motion(as_thumbnail(values), as_thumbnail(noisy)) < copies.STILL / 2
    assert copies.motion(as_thumbnail(values), as_thumbnail(0.8 * values + 10)) < copies.STILL / 2


def test_a_small_object_that_turns_before_a_still_background_is_motion():
    values = texture()
    turned = values.copy()
    turned[60:80, 80:100] = texture(seed=5)[60:80, 80:100]
    assert copies.motion(as_thumbnail(values), as_thumbnail(turned)) > copies.STILL


def test_finds_the_view_among_many_and_only_that():
    seen = copies.Seen()
    assert seen.find(as_thumbnail(texture())) is None
    for index in range(30):
        seen.add(f"{index}", as_thumbnail(texture(seed=index)))
    assert seen.find(as_thumbnail(texture(seed=17) * 0.9)) == "17"
    assert seen.find(as_thumbnail(texture(seed=99))) is None
    assert seen.find(as_thumbnail(texture((192, 144), seed=17))) is None


@pytest.mark.parametrize("shape", [(1, 1), (2, 192), (192, 3)])
def test_odd_shapes(shape):
    values = as_thumbnail(texture(shape))
    assert copies.motion(values, values) == 0
    seen = copies.Seen()
    seen.add("a", values)
    assert seen.find(values) == "a"


@pytest.mark.data
@pytest.mark.parametrize("name", ["temple_ring/images", "kermit/images", "vos_blackswan/frames"])
def test_real_neighbours_differ_and_saving_again_does_not(data, name):
    paths = sources.list_capture(data / name).photos
    thumbnails = [photo.thumbnail(p.read_bytes(), copies.SIDE) for p in paths]
    pairs = [copies.motion(a, b) for i, a in enumerate(thumbnails) for b in thumbnails[i + 1 : i + 31]]
    assert min(pairs) > 1.2 * copies.STILL
    for path, thumbnail in list(zip(paths, thumbnails, strict=True))[::5]:
        with Image.open(path) as image:
            half = image.convert("RGB").resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        half.save(stream, "JPEG", quality=70)
        assert copies.motion(thumbnail, photo.thumbnail(stream.getvalue(), copies.SIDE)) < copies.STILL
