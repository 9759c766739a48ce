# SPDX-License-Identifier: GPL-3.0-or-later
"""The box of the object that a camera file may bring along."""

import json

import numpy as np
import pytest
from turnaround.backend.camera_files.region import planes_of, read_region
from turnaround.backend.geometry import transform

BOX = {"object_bbox_min": [-1, -2, 0], "object_bbox_max": [3, 1, 5]}


def write(folder, **content):
    path = folder / "cameras_gt.json"
    path.write_text(json.dumps(content))
    return path


def test_a_box_is_read_from_the_file_and_from_its_folder(tmp_path):
    path = write(tmp_path, **BOX, images={})
    for place in (path, tmp_path):
        np.testing.assert_array_equal(read_region(place), [[-1, -2, 0], [3, 1, 5]])


def test_files_without_a_box_say_so(tmp_path):
    assert read_region(write(tmp_path, images={})) is None
    assert read_region(tmp_path / "elsewhere") is None
    (tmp_path / "par.txt").write_text("1\n")
    assert read_region(tmp_path / "par.txt") is None


@pytest.mark.parametrize("bad", [[1, 2], "wide", None, [0, 0, float("nan")], [-1, 1, 5]])
def test_a_box_that_is_none_is_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="corners of a box"):
        read_region(write(tmp_path, **{**BOX, "object_bbox_max": bad}))


def test_its_sides_move_with_the_cameras():
    angle = 0.4
    rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    world_from_input = transform(2.5 * rotation, np.array([0.3, -4.0, 7.0]))
    box = np.array([[-1.0, -2, 0], [3, 1, 5]])
    planes = planes_of(box, world_from_input)
    np.testing.assert_allclose(np.linalg.norm(planes[:, :3], axis=1), 1)
    points = np.random.default_rng(0).uniform(-4, 7, (500, 3))
    inside = ((points >= box[0]) & (points <= box[1])).all(axis=1)
    moved = points @ world_from_input[:3, :3].T + world_from_input[:3, 3]
    depth = (planes[:, 3] - moved @ planes[:, :3].T).min(axis=1)
    np.testing.assert_array_equal(depth >= 0, inside)
    # Distances are in the world's unit.
    expected = 2.5 * np.minimum(points - box[0], box[1] - points).min(axis=1)
    np.testing.assert_allclose(depth, expected, atol=1e-9)
