# SPDX-License-Identifier: GPL-3.0-or-later
"""The cues that masks are made to agree by."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from turnaround.backend.segment.agreement import tightness
from turnaround.backend.segment.carry import Carried
from turnaround.backend.segment.evidence import count_geometry, geometry_table, relief_bins
from turnaround.backend.segment.parallax import neighbours, prepare, relief


def _scene_module():
    path = Path(__file__).parents[1] / "stages" / "masks_scene.py"
    spec = importlib.util.spec_from_file_location("masks_scene", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["masks_scene"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("camouflage", [False, True])
def test_relief_tells_what_stands_on_the_ground_from_the_ground_by_depth_alone(camouflage):
    scene = _scene_module().ball_on_table(count=16, camouflage=camouflage)
    pictures = [prepare(image, camera) for image, camera in zip(scene.images.values(), scene.cameras, strict=True)]
    near = neighbours(pictures, scene.box.mean(0))
    wide = scene.box + np.array([[-0.12], [0.12]])
    for i, mask in enumerate(scene.masks.values()):
        if i % 5:
            continue
        found = relief(pictures, i, near[i], wide, 0.0)
        known = ~np.isnan(found)
        assert known[mask].all()
        body = cv2.erode(mask.astype(np.uint8), np.ones((9, 9))) > 0
        ground = known & ~(cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))) > 0)
        assert np.median(found[body]) > 0.15
        assert np.median(found[ground]) < -0.1
        assert np.mean(found[body] > 0) > 0.8
        assert np.mean(found[ground] <= 0.02) > 0.8


def test_relief_is_unknown_without_neighbours_and_never_looks_behind_the_camera():
    scene = _scene_module().ball_on_table(count=2)
    pictures = [prepare(image, c) for image, c in zip(scene.images.values(), scene.cameras, strict=True)]
    assert neighbours(pictures, scene.box.mean(0)) == [[], []]  # opposite each other
    assert np.isnan(relief(pictures, 0, [], scene.box, 0.0)).all()
    behind = scene.box + 4 * scene.cameras[0].centre
    assert np.isnan(relief(pictures, 0, [1], behind, 0.0)).all()


def test_neighbours_are_the_nearest_of_useful_angles():
    scene = _scene_module().ball_on_table(count=24)
    pictures = [prepare(image, c) for image, c in zip(scene.images.values(), scene.cameras, strict=True)]
    chosen = neighbours(pictures, scene.box.mean(0))
    rays = np.array([p.centre - scene.box.mean(0) for p in pictures])
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    for i, row in enumerate(chosen):
        angles = np.degrees(np.arccos(np.clip(rays @ rays[i], -1, 1)))
        assert i not in row
        assert len(row) == 4
        assert np.all(np.diff(angles[row]) >= -1e-9)
        assert sorted(np.round(angles[row], 6)) == sorted(np.round(angles[angles > 4], 6))[:4]


def test_unknown_reliefs_and_differences_say_nothing_of_their_own():
    random = np.random.default_rng(0)
    mask = np.zeros((60, 80), np.float32)
    mask[15:45, 20:60] = 1
    height = np.where(mask > 0, 0.4, -0.1) + random.normal(0, 0.15, mask.shape)
    height[:, :5] = np.nan
    bins = relief_bins(height.astype(np.float32), (80, 60))
    unlike = np.where(mask > 0, 6, 2).astype(np.uint8)
    unlike[30:] = 0
    inside, outside = count_geometry(bins, unlike, (mask, 1 - mask))
    table = geometry_table(inside, outside)
    assert bins[:, :5].max() == 0
    assert bins[:, 6:].min() >= 1
    assert np.all(table[0] == 0)
    assert table[9, 6] > 1
    assert table[3, 2] < -1
    # Where the difference is unknown the relief alone still speaks, as it does elsewhere.
    assert table[9, 0] > 0.5
    assert table[3, 0] < -0.5


def test_a_loose_silhouette_gives_no_reason_to_grow():
    first = np.zeros((40, 40), np.float32)
    first[10:20, 10:20] = 1
    loose, tight = np.zeros_like(first), np.zeros_like(first)
    loose[5:25, 5:25] = 1
    tight[10:20, 9:20] = 1
    elsewhere = np.zeros_like(first)
    elsewhere[30:, 30:] = 1
    masks = [Carried(mask=m, confidence=0.8, method="flow") for m in (first, first, first, elsewhere)]
    found = tightness(masks, [loose, tight, tight, tight])
    assert found[0] == 0
    assert found[1] == found[2] > 0.9
    # A mask that the others deny says nothing of their silhouette; the rest do.
    assert found[3] > 0.5
