# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of a render against the photo's: the measure itself, then the small job, whose colours are known exactly."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def colour(repository: Path):
    spec = importlib.util.spec_from_file_location("check_colour", repository / "scripts" / "check_colour.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SHARMA = (
    # L1 a1 b1, L2 a2 b2, difference: from table 1 of Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula"
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
)


@pytest.mark.parametrize(("one", "two", "difference"), SHARMA)
def test_ciede2000_gives_the_published_values(colour, one, two, difference):
    assert colour.delta_e_2000(np.array(one), np.array(two)) == pytest.approx(difference, abs=1e-4)
    assert colour.delta_e_2000(np.array(two), np.array(one)) == pytest.approx(difference, abs=1e-4)


def test_lab_of_known_colours(colour):
    assert np.allclose(colour.lab(np.array([1.0, 1.0, 1.0])), (100, 0, 0), atol=1e-3)
    assert np.allclose(colour.lab(np.array([1.0, 0.0, 0.0])), (53.24, 80.09, 67.20), atol=0.02)
    assert np.allclose(colour.lab(np.array([0.0, 0.0, 0.0])), 0)
    assert colour.delta_e_1976(np.array([50.0, 3, 4]), np.array([50.0, 0, 0])) == 5


def test_the_rim_is_left_out(colour):
    mask = np.zeros((9, 9))
    mask[1:8, 1:8] = 1
    assert colour.inside(mask, 2).sum() == 9
    assert colour.inside(np.ones((5, 5)), 2).sum() == 1


@pytest.mark.bpy
@pytest.mark.slow
def test_a_rendered_mesh_has_the_photos_colours(colour, extension, tmp_path):
    """A finished job named by TURNAROUND_COLOUR_JOB: mean Delta E 2000 below 3 between photos and renders."""
    job = os.environ.get("TURNAROUND_COLOUR_JOB", "")
    if not job:
        pytest.skip("no finished job is named by TURNAROUND_COLOUR_JOB")
    colour.mount()
    rows = colour.measure(Path(job), 3, 0.5, 16, tmp_path)
    assert np.mean([row["de2000"] for row in rows]) < colour.LIMIT
