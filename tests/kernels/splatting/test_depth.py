# SPDX-License-Identifier: GPL-3.0-or-later
"""Depths and normals of Gaussians against their numpy twins, and against planes whose answer is known."""

import numpy as np
import pytest
from turnaround.kernels.splatting import depth, depth_reference, reference
from turnaround.kernels.splatting.render import render

WIDTH, HEIGHT = 53, 38


def scene(n, seed):
    random = np.random.default_rng(seed)
    means = random.normal(0, 0.5, (n, 3)).astype(np.float32)
    quats = random.normal(0, 1, (n, 4)).astype(np.float32)
    scales = np.exp(random.normal(np.log(0.12), 0.5, (n, 3))).astype(np.float32)
    opacities = random.uniform(0.05, 1, n).astype(np.float32)
    camera = np.eye(4, dtype=np.float32)
    camera[:3, :3] = reference.rotations(np.array([[1, 0.3, -0.2, 0.1]]))[0]
    camera[:3, 3] = [0.1, -0.05, 3]
    K = np.array([[50, 0, 26.0], [0, 52, 20.0], [0, 0, 1]], np.float32)
    return means, quats, scales, opacities, camera, K


@pytest.mark.parametrize("n", [0, 1, 2, 33, 300])
def test_depths_and_normals_equal_their_twins(n):
    means, quats, scales, opacities, camera, K = scene(n, n)
    seen = render(means, quats, scales, opacities, np.zeros((n, 1), np.float32), camera, K, WIDTH, HEIGHT)
    got = depth.geometry(seen, means, quats, scales, camera)
    p = reference.project(means, quats, scales, opacities, camera, K, WIDTH, HEIGHT)
    normals = depth_reference.normals_in_camera(means, quats, scales, camera)
    features = np.concatenate([p["depths"][:, None], normals], 1)
    shape = (p["depths"], p["drawn"], WIDTH, HEIGHT)
    blended = reference.blend(p["means2d"], p["conics"], opacities, features, *shape)
    median = depth_reference.median_depth(p["means2d"], p["conics"], opacities, *shape)
    alpha = blended[..., 4]
    known = alpha > 0.02
    assert np.abs(got.expected - blended[..., 0] / np.maximum(alpha, 1e-9))[known].max(initial=0) < 0.02
    want = blended[..., 1:4] / np.maximum(np.linalg.norm(blended[..., 1:4], axis=2, keepdims=True), 1e-9)
    assert np.mean(np.abs(got.normals - want)[known] > 1e-3) < 2e-3 if known.any() else True
    # Where transmittance lies within rounding of a half, the two may take neighbours in depth: hardly ever.
    assert np.mean(np.abs(got.median - median) > 1e-4) < 2e-3
    if n >= 33:
        assert (median > 0).mean() > 0.1


def test_a_tilted_wall_is_where_it_is_and_faces_the_camera():
    # Flat Gaussians on the plane z = 4 + x / 2 of a camera at the origin, behind a faint veil at z = 2.
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(-2, 2, 60), np.linspace(-2, 2, 60)))
    wall = np.stack([x, y, 4 + x / 2], 1)
    veil = np.stack([x / 2, y / 2, np.full(len(x), 2.0)], 1)
    angle = -np.arctan(0.5)
    turn = [np.cos(angle / 2), 0, np.sin(angle / 2), 0]
    means = np.concatenate([wall, veil]).astype(np.float32)
    quats = np.concatenate([np.tile(turn, (len(x), 1)), np.tile([1.0, 0, 0, 0], (len(x), 1))]).astype(np.float32)
    scales = np.concatenate([np.tile([0.08, 0.08, 0.001], (len(x), 1)), np.full((len(x), 3), 0.01)]).astype(np.float32)
    opacities = np.concatenate([np.full(len(x), 0.95), np.full(len(x), 0.05)]).astype(np.float32)
    camera = np.eye(4, dtype=np.float32)
    K = np.array([[80, 0, 20.0], [0, 80, 20.0], [0, 0, 1]], np.float32)
    seen = render(means, quats, scales, opacities, np.zeros((len(means), 1), np.float32), camera, K, 40, 40)
    got = depth.geometry(seen, means, quats, scales, camera)
    slope = (np.arange(40) + 0.5 - 20) / 80
    want = np.broadcast_to(4 / (1 - slope / 2), (40, 40))
    assert np.abs(got.median - want).max() < 0.08
    assert (got.expected <= want + 0.05).all()  # the veil pulls the mean forward
    only_wall = got.normals[10:30, 10:30] @ (np.array([0.5, 0, -1]) / np.sqrt(1.25))
    assert only_wall.min() > 0.98
    assert (got.normals[..., 2] < 0).all()
