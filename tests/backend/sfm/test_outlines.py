# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines that fit their cameras, and those that do not: a box seen from a ring, known exactly."""

from dataclasses import replace

import numpy as np
import pytest
from turnaround.backend.geometry import rotation_about_z, transform
from turnaround.backend.images import write_image
from turnaround.backend.lens import LensCamera
from turnaround.backend.sfm.outlines import Outline, misfits, read_outline, typical_misfit

COUNT = 12


@pytest.fixture(scope="module")
def ring(box_scene, tmp_path_factory):
    """Cameras of a ring, and the files of their masks."""
    scene = box_scene.render(box_scene.ring(COUNT))
    folder = tmp_path_factory.mktemp("masks")
    lenses, files = [], {}
    for name, pose in scene.truth.items():
        lenses.append(
            LensCamera(name=name, width=box_scene.WIDTH, height=box_scene.HEIGHT, K=box_scene.K, cam_from_world=pose)
        )
        files[name] = folder / f"{name}.png"
        write_image(files[name], scene.masks[name])
    return lenses, files


def turned(lens, degrees):
    """The camera where it would be if the box had been turned."""
    pose = lens.cam_from_world @ transform(rotation_about_z(np.radians(degrees)), np.zeros(3))
    return replace(lens, cam_from_world=pose)


def matrix(lenses, files):
    return misfits(lenses, [read_outline(c, files[c.name]) for c in lenses])


def believed(files):
    return {name: (path, 1.0) for name, path in files.items()}


def test_right_cameras_fit_to_a_pixel(ring):
    found = matrix(*ring)
    known = np.isfinite(found)
    assert np.array_equal(found[known], found.T[known])
    assert np.isnan(found).diagonal().all()
    assert np.count_nonzero(known) >= 0.8 * COUNT * (COUNT - 1)
    assert found[known].max() < 0.01  # the outline is some 150 px wide


def test_a_lens_that_bends_is_taken_into_account(ring):
    lenses, files = ring
    bent = replace(lenses[0], coefficients=np.array([0.3, 0, 0, 0, 0, 0, 0, 0]))
    straight, rays = (read_outline(c, files[c.name]).rays for c in (lenses[0], bent))
    assert np.abs(rays - straight).max() > 0.003
    again = replace(bent, cam_from_world=np.eye(4)).project(rays)[0]
    np.testing.assert_allclose(again, straight[:, :2] * lenses[0].K[0, 0] + lenses[0].K[:2, 2], atol=1e-3)


def test_groups_that_are_right_in_themselves_contradict_each_other(ring):
    lenses, files = ring
    wrong = np.arange(COUNT) % 12 >= 8
    found = matrix([turned(c, 90) if w else c for c, w in zip(lenses, wrong, strict=True)], files)
    assert np.nanmax(found[np.ix_(~wrong, ~wrong)]) < 0.01
    assert np.nanmax(found[np.ix_(wrong, wrong)]) < 0.01
    assert np.nanmedian(found[np.ix_(wrong, ~wrong)]) > 0.08


def test_the_unit_of_length_changes_nothing(ring):
    lenses, files = ring
    small = []
    for c in lenses:
        pose = c.cam_from_world.copy()
        pose[:3, 3] *= 1e-3
        small.append(replace(c, cam_from_world=pose))
    np.testing.assert_allclose(matrix(small, files), matrix(lenses, files), atol=1e-9)


def test_a_side_cut_off_by_the_picture_is_not_compared(ring):
    """Half an outline says where its whole side is, and nothing of the side where the picture ends."""
    lenses, _ = ring
    angle = np.linspace(0, 2 * np.pi, 200)
    ball = [Outline(0.1 * np.column_stack([np.cos(angle), np.sin(angle), 10 + 0 * angle]), angle < 0)]
    pair = [replace(lens, cam_from_world=np.eye(4)) for lens in lenses[:2]]
    pair[1].cam_from_world[0, 3] = -0.01
    beyond = ball[0].rays[:, 1] > 0.03
    for half, apart in ((beyond, 0.0), (beyond & False, 0.35)):
        short = ball[0].rays.copy()
        short[beyond, 1] = 0.03
        found = misfits(pair, [ball[0], Outline(short, half)])[0, 1]
        assert found == pytest.approx(apart, abs=0.01)
    assert np.isnan(misfits(pair, [ball[0], Outline(ball[0].rays, angle >= 0)])[0, 1])


def test_an_outline_is_cut_where_the_picture_ends(ring, tmp_path):
    lenses, _ = ring
    mask = np.zeros((300, 400), np.uint8)
    mask[100:, 100:300] = 255  # down to the lower edge
    write_image(tmp_path / "cut.png", mask)
    assert np.count_nonzero(read_outline(lenses[0], tmp_path / "cut.png").cut) == 2
    for picture, name in ((np.zeros((300, 400), np.uint8), "empty"), (np.full((300, 400), 255, np.uint8), "full")):
        write_image(tmp_path / f"{name}.png", picture)
        assert read_outline(lenses[0], tmp_path / f"{name}.png") is None


def test_one_number_for_all(ring):
    lenses, files = ring
    assert typical_misfit(lenses, believed(files)) < 0.005
    assert typical_misfit(lenses[:3], believed(files)) is None
    shuffled = dict(zip(files, np.random.default_rng(0).permutation(list(files.values())), strict=True))
    assert typical_misfit(lenses, believed(shuffled)) > 0.05


def test_two_cameras_in_one_place_say_nothing(ring):
    lenses, files = ring
    again = replace(lenses[0], name="again")
    found = matrix([*lenses, again], {**files, "again": files[lenses[0].name]})
    assert np.isnan(found[0, -1])
    assert np.isfinite(found[0, 1])
