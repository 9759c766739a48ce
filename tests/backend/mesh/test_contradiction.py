# SPDX-License-Identifier: GPL-3.0-or-later
"""How far masks contradict each other, measured on masks that fit, and on masks that are off by a known amount."""

import numpy as np
import pytest
from turnaround.backend.mesh.carving import Silhouette
from turnaround.backend.mesh.contradiction import Contradiction, contradiction
from turnaround.backend.mesh.silhouettes import signed_distance
from turnaround.backend.mesh.triangles import Mesh


def silhouettes(synthetic, ball, shrunk=0.0):
    """What ten cameras see of ``ball``; ``shrunk`` pixels are taken off all around."""
    cameras = synthetic.ring_of_cameras(ball, 10, (10.0, 35.0), 160)
    masks = [synthetic.photograph(ball, camera)[1] for camera in cameras]
    return [Silhouette(c, signed_distance(m) - shrunk, 1, 1.0) for c, m in zip(cameras, masks, strict=True)]


def pixel(silhouette):
    """What a pixel covers at the ball's outline, world units."""
    return np.linalg.norm(silhouette.camera.centre - (0, 0, 1)) / silhouette.camera.K[0, 0]


def test_masks_of_the_body_itself_do_not_contradict(synthetic):
    ball = synthetic.sphere()
    used = silhouettes(synthetic, ball)
    found = contradiction(ball, used, np.ones(len(used)))
    assert found.usual < 0.1 * pixel(used[0])
    assert found.most < 0.5 * pixel(used[0])


def test_a_hull_smaller_than_every_mask_shows_by_how_much(synthetic):
    ball = synthetic.sphere()
    used = silhouettes(synthetic, ball)
    small = Mesh((ball.vertices - (0, 0, 1)) * 0.95 + (0, 0, 1), ball.faces)
    found = contradiction(small, used, np.ones(len(used)))
    assert found.usual == pytest.approx(0.05, abs=0.25 * pixel(used[0]))


def test_masks_without_weight_have_no_say(synthetic):
    ball = synthetic.sphere()
    good, bad = silhouettes(synthetic, ball)[:5], silhouettes(synthetic, ball, shrunk=-6.0)[5:]
    weights = np.array([1.0] * 5 + [0.0] * 5)
    found = contradiction(ball, good + bad, weights)
    assert found == contradiction(ball, good, weights[:5])
    assert contradiction(ball, good + bad, np.ones(10)).most > 5 * pixel(bad[0])
    assert contradiction(ball, good, np.zeros(5)) == Contradiction()
