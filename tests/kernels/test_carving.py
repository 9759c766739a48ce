# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from turnaround.kernels import carving, carving_reference


def random_views(random, views, size=24):
    """Cameras around the origin with random smooth distance images."""
    projections, images, focals = [], [], []
    for _ in range(views):
        rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
        K = np.array([[20.0, 0, size / 2], [0, 20.0, size / 2], [0, 0, 1]])
        projections.append(K @ np.hstack([rotation, [[0.1], [-0.1], [3.0]]]))
        images.append(random.normal(size=(size + views % 3, size)).astype(np.float32) * 3)
        focals.append(20.0)
    sizes = np.array([i.shape for i in images], np.int64).reshape(-1, 2)
    starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))[:-1]]).astype(np.int64)[: len(images)]
    flat = np.concatenate([i.ravel() for i in images]) if images else np.zeros(0, np.float32)
    weights = random.choice([0.0, 0.1, 0.5, 1.0], size=views)
    return (
        np.array(projections).reshape(-1, 3, 4), flat.astype(np.float32), starts, sizes, np.array(focals), weights,
        0.05, 0.8, 0.3,
    )  # fmt: skip


@pytest.mark.parametrize("views", [0, 1, 2, 7, 25])
@pytest.mark.parametrize("count", [0, 1, 2, 501])
def test_points_agree_with_the_twin(views, count):
    random = np.random.default_rng(views * 1000 + count)
    arguments = random_views(random, views)
    points = random.uniform(-1.5, 1.5, (count, 3))
    fast, plain = np.zeros(count, np.float32), np.zeros(count, np.float32)
    carving.carve_points(points, *arguments, fast)
    carving_reference.carve_points(points, *arguments, plain)
    np.testing.assert_allclose(fast, plain, atol=2e-5)


def sphere_views(bad=(), views=16, size=96, weights=None):
    """Exact silhouettes of a sphere of radius 0.5 from a ring at distance 3; those in ``bad`` see nothing."""
    y, x = np.mgrid[:size, :size] + 0.5
    focal = 1.5 * size
    # The outline of a sphere of radius r at distance d subtends asin(r / d).
    outline = focal * np.tan(np.arcsin(0.5 / 3.0))
    image = (outline - np.hypot(x - size / 2, y - size / 2)).astype(np.float32)
    projections = []
    for k in range(views):
        a = 2 * np.pi * k / views
        back = np.array([np.cos(a), np.sin(a), 0.0])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        rotation = np.stack([right, -np.cross(back, right), -back])
        K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
        projections.append(K @ np.hstack([rotation, (-rotation @ back * 3.0)[:, None]]))
    images = [np.full_like(image, -30.0) if k in bad else image for k in range(views)]
    sizes = np.full((views, 2), size, np.int64)
    weights = np.ones(views) if weights is None else weights
    return [
        np.array(projections), np.concatenate([i.ravel() for i in images]), np.arange(views) * size * size, sizes,
        np.full(views, focal), weights, 0.05, 0.0, 1.0,
    ]  # fmt: skip


def test_the_field_is_the_distance_from_the_surface():
    points = np.array([[r * np.cos(a), r * np.sin(a), 0.0] for r in (0.4, 0.5, 0.6) for a in np.linspace(0, 6, 40)])
    field = np.zeros(len(points), np.float32)
    carving.carve_points(points, *sphere_views(), field)
    np.testing.assert_allclose(field, 0.5 - np.linalg.norm(points, axis=1), atol=0.012)


def test_one_bad_mask_ruins_the_strict_hull_and_not_the_robust_one():
    points = np.random.default_rng(0).uniform(-0.7, 0.7, (2000, 3)) * (1, 1, 0)
    strict, robust, clean = (np.zeros(len(points), np.float32) for _ in range(3))
    arguments = sphere_views(bad=(5,))
    carving.carve_points(points, *sphere_views(), clean)
    carving.carve_points(points, *arguments, strict)
    arguments[7] = 1.0
    carving.carve_points(points, *arguments, robust)
    assert (clean > 0).sum() > 500
    assert not (strict > 0).any()
    assert ((robust > 0) != (clean > 0)).mean() < 0.02


def test_distrusted_masks_are_overruled_together():
    points = np.random.default_rng(1).uniform(-0.4, 0.4, (500, 3)) * (1, 1, 0)
    inside = np.hypot(points[:, 0], points[:, 1]) < 0.35
    weights = np.ones(16)
    weights[[2, 7, 11]] = 0.1
    arguments = sphere_views(bad=(2, 7, 11), weights=weights)
    arguments[7] = 0.4
    field = np.zeros(len(points), np.float32)
    carving.carve_points(points, *arguments, field)
    assert (field[inside] > 0).all()


def test_a_view_without_the_point_has_no_say():
    arguments = sphere_views()
    field = np.zeros(1, np.float32)
    carving.carve_points(np.array([[0.0, 0.0, 40.0]]), *arguments, field)
    assert field[0] == carving.OUTSIDE


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (17, 9, 8), (40, 33, 41)])
def test_the_grid_has_the_signs_of_its_points(shape):
    arguments = sphere_views()
    step = 1.6 / max(shape)
    origin = -step * (np.array(shape) - 1) / 2
    grid = np.zeros(shape, np.float32)
    slabs = -(-shape[0] // carving.BLOCK)
    for slab in range(slabs):
        carving.carve_grid(origin, step, *arguments, slab, slab + 1, grid)
    points = np.ascontiguousarray(origin + step * np.argwhere(np.ones(shape)))
    field = np.zeros(len(points), np.float32)
    carving.carve_points(points, *arguments, field)
    field = field.reshape(shape)
    assert ((grid > 0) == (field > 0)).all()
    near = np.abs(field) < 2 * step
    np.testing.assert_allclose(grid[near], field[near], atol=1e-6)
