# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes that pass through themselves, and what is left of it."""

import numpy as np
import pytest
from turnaround.backend.mesh.cleaning import is_closed
from turnaround.backend.mesh.triangles import Mesh, volume
from turnaround.backend.mesh.untangling import crossed_faces, untangled


def test_a_body_of_its_own_stays_as_it_is(synthetic):
    for body in (synthetic.torus(steps=48), synthetic.superquadric((1, 0.5, 0.2), steps=48)):
        assert not crossed_faces(body).any()
        same, left = untangled(body)
        assert left == 0
        assert same is body


@pytest.mark.parametrize("count", [1, 8])
def test_corners_pushed_through_the_other_side_are_drawn_back(synthetic, count):
    body = synthetic.superquadric((1.0, 1.0, 0.1), 1.0, steps=64)
    spoilt = body.vertices.copy()
    inner = np.flatnonzero(np.hypot(body.vertices[:, 0], body.vertices[:, 1]) < 0.8)
    chosen = np.random.default_rng(0).choice(inner, count, replace=False)
    spoilt[chosen, 2] = 0.1 - 2.2 * (spoilt[chosen, 2] - 0.1)
    broken = Mesh(spoilt, body.faces, body.colours)
    assert crossed_faces(broken).sum() >= 4 * count
    mended, left = untangled(broken)
    assert left == 0
    assert not crossed_faces(mended).any()
    assert is_closed(mended.faces)
    assert volume(mended.vertices, mended.faces) == pytest.approx(volume(body.vertices, body.faces), rel=0.03)
    far = np.linalg.norm(body.vertices - mended.vertices, axis=1)
    assert (far == 0).mean() > 0.8  # all else stays


def test_two_bodies_one_in_the_other_cannot_be_drawn_apart_and_it_says_so(synthetic):
    one, other = synthetic.sphere(steps=24), synthetic.sphere(centre=(0.9, 0, 1.0), steps=24)
    both = Mesh(
        np.concatenate([one.vertices, other.vertices]), np.concatenate([one.faces, other.faces + len(one.vertices)])
    )
    crossed = crossed_faces(both)
    assert 20 < crossed.sum() < 0.3 * len(crossed)
    _, left = untangled(both)
    assert 0 < left <= crossed.sum()


def test_nothing_has_nothing_to_untangle():
    nothing = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert untangled(nothing) == (nothing, 0)
