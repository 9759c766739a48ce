# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats in memory: what is refused, and selecting, joining and cropping."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from turnaround.backend import splat_files


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("means", np.zeros((5, 2), np.float32)),
        ("means", np.zeros((5, 3))),
        ("quats", np.ones((4, 4), np.float32)),
        ("quats", np.zeros((5, 4), np.float32)),
        ("scales", np.full((5, 3), np.inf, np.float32)),
        ("opacities", np.full(5, np.nan, np.float32)),
        ("opacities", np.zeros((5, 1), np.float32)),
        ("sh", np.zeros((5, 2, 3), np.float32)),
        ("sh", np.zeros((5, 3), np.float32)),
    ],
)
def test_wrong_arrays_are_refused(cloud, name, wrong):
    with pytest.raises(ValueError, match="expected"):
        dataclasses.replace(cloud(5, 1), **{name: wrong})


def test_values_beyond_float32_are_refused():
    with pytest.raises(ValueError, match="finite"):
        splat_files.from_columns([[1e300, 0, 0]], [[1, 0, 0, 0]], [[0, 0, 0]], [0], [[[0, 0, 0]]])


def test_selecting_keeps_every_column_together(cloud):
    splats = cloud(9, 2)
    chosen = splats.select(np.array([7, 2]))
    for field in dataclasses.fields(splats):
        assert np.array_equal(getattr(chosen, field.name), getattr(splats, field.name)[[7, 2]])
    assert len(splats.select(splats.means[:, 0] > 99)) == 0


def test_joining_raises_to_the_highest_degree(cloud):
    first, second = cloud(3, 0), cloud(2, 2)
    both = splat_files.join([first, second])
    assert len(both) == 5
    assert both.degree == 2
    assert np.array_equal(both.means, np.concatenate([first.means, second.means]))
    assert not both.sh[:3, 1:].any()
    assert np.array_equal(both.sh[3:], second.sh)
    assert len(splat_files.join([])) == 0


@pytest.mark.parametrize("degree", range(4))
def test_degree_counts_harmonics(cloud, degree):
    splats = cloud(4, 3).with_degree(degree)
    assert splats.degree == degree
    assert np.array_equal(splats.sh, cloud(4, 3).sh[:, : (degree + 1) ** 2])
    assert not splats.with_degree(3).sh[:, (degree + 1) ** 2 :].any()


def test_cropping_keeps_what_lies_in_the_box_including_its_faces(cloud):
    splats = cloud(500)
    low, high = np.array([-0.2, -0.1, splats.means[3, 2]]), np.array([0.3, 0.4, 9.0])
    kept = splat_files.crop(splats, low, high)
    inside = ((splats.means >= low) & (splats.means <= high)).all(axis=1)
    assert 0 < len(kept) == np.count_nonzero(inside) < 500
    assert np.array_equal(kept.means, splats.means[inside])
