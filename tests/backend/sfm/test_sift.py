# SPDX-License-Identifier: GPL-3.0-or-later
"""Keypoints: where they lie, at whatever size they are found, and that both their engines agree."""

import numpy as np
import pycolmap
import pytest
from turnaround.backend.sfm.sift import find_keypoints


def blob(height, width, x, y, sigma):
    """A bright Gaussian spot on grey, its centre at pixel (x, y), centres of pixels at half integers."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.rint(60 + 160 * spot).astype(np.uint8)


@pytest.mark.parametrize("sigma", [3.0, 6.0])
@pytest.mark.parametrize("side", [400, 200])
def test_a_spot_is_found_where_it_is(sigma, side):
    keypoints, descriptors = find_keypoints(blob(300, 400, 171.3, 120.8, sigma), 100, 0.007, side)
    nearest = np.linalg.norm(keypoints[:, :2] - [171.3, 120.8], axis=1).argmin()
    np.testing.assert_allclose(keypoints[nearest, :2], [171.3, 120.8], atol=0.1)
    assert keypoints[nearest, 2] == pytest.approx(sigma, rel=0.25)
    assert len(keypoints) == len(descriptors)


def test_nothing_is_found_where_nothing_is():
    keypoints, descriptors = find_keypoints(np.full((60, 80), 90, np.uint8), 100, 0.007, 400)
    assert keypoints.shape == (0, 4)
    assert descriptors.shape == (0, 128)


def test_keypoints_lie_in_the_mask():
    picture = np.maximum(blob(300, 400, 100, 100, 4), blob(300, 400, 300, 200, 4))
    mask = np.zeros_like(picture)
    mask[:, 200:] = 255
    keypoints, _ = find_keypoints(picture, 100, 0.007, 400, mask)
    assert len(keypoints)
    assert keypoints[:, 0].min() >= 200


def test_both_engines_find_the_same_keypoints_with_like_descriptors(box_scene):
    photo = box_scene.render([box_scene.camera_at(20, 30, 3.2)]).photos["v00"]
    grey = np.ascontiguousarray(photo[..., 1])
    keypoints, descriptors = find_keypoints(grey, 8192, 0.02 / 3, 1600)
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    extractor = pycolmap.FeatureExtractor.create(options)
    theirs, their_descriptors = extractor.extract(pycolmap.Bitmap.from_array(grey))
    theirs = pycolmap.keypoints_to_matrix(theirs)[:, :2]
    distance = np.linalg.norm(keypoints[:, None, :2] - theirs[None], axis=2)
    near = distance.min(axis=1) < 0.5
    assert near.mean() > 0.8
    assert np.median(distance.min(axis=1)[near]) < 0.1
    offset = (keypoints[near, :2] - theirs[distance.argmin(axis=1)[near]]).mean(axis=0)
    np.testing.assert_allclose(offset, 0, atol=0.02)  # no half pixel between them
    other = their_descriptors.data[distance.argmin(axis=1)[near]].astype(float)
    mine = descriptors[near].astype(float)
    cosine = np.sum(mine * other, axis=1) / np.linalg.norm(mine, axis=1) / np.linalg.norm(other, axis=1)
    assert np.median(cosine) > 0.9
