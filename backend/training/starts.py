# SPDX-License-Identifier: GPL-3.0-or-later
"""Where training may start from when there is no surface: sparse points, points that no mask denies, or plain chance.

Each gives round Gaussians as wide as the way to their neighbours (Kerbl et al. 2023, section 5.1), in the cameras'
world.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...kernels.neighbours import nearest
from ..ply import read_ply
from ..splat_files import Splats, empty, from_columns
from ..splat_files.activations import dc_from_colour, logit_from_opacity
from .pruning import outside_votes
from .views import View, load_views, pixels_of

NEIGHBOURS = 3
HULL_SIDE = 480
"""Longer side in pixels of the masks that sparse points are held against."""


def start_from_points(
    points: np.ndarray, colours: np.ndarray, opacity: float = 0.5, among: np.ndarray | None = None
) -> Splats:
    """Gaussians at ``points`` (N, 3) with ``colours`` (N, 3) in [0, 1]; N >= 2.

    Their standard deviation is the root mean square of the distances to the three nearest others, at most ten times
    the median: a stray point must not start as a cloud over everything. ``among`` (M, 3): Gaussians that are there
    already and count as others. A few hundred points by themselves would be as wide as the object is thick.
    """
    if len(points) < 2:
        raise ValueError(f"expected at least two points to start from, got {len(points)}")
    others = points if among is None else np.concatenate([points, among])
    _, distances = nearest(others, min(NEIGHBOURS, len(others) - 1))
    size = np.sqrt((distances[: len(points)] ** 2).mean(1))
    positive = size[size > 0]
    middle = float(np.median(positive)) if len(positive) else 1.0
    size = np.clip(size, 1e-3 * middle, 10 * middle)
    return from_columns(
        points,
        np.tile([1.0, 0, 0, 0], (len(points), 1)),
        np.log(np.repeat(size[:, None], 3, 1)),
        logit_from_opacity(np.full(len(points), opacity)),
        dc_from_colour(colours)[:, None],
    )


def sparse_points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) and colours (N, 3) in [0, 1] of a ``points.ply``."""
    table, _ = read_ply(path)
    points = np.stack([table[axis] for axis in "xyz"], 1).astype(float)
    colours = np.stack([table[channel] for channel in ("red", "green", "blue")], 1) / 255.0
    return points, colours


def sparse_start(
    path: Path, most: int, seed: int, masks: Path | None = None, among: np.ndarray | None = None
) -> Splats:
    """At most ``most`` Gaussians at the sparse points of the cameras' ``points.ply``; none where there are too few.

    Beside ``path`` lie the cameras. With ``masks``, a folder of them, points that lie in no picture, or beside the mask
    in one, are left out. Of too many a random part is taken. ``among`` as in ``start_from_points``.
    """
    points, colours = sparse_points(path)
    if masks is not None and len(points):
        kept = inside_hull(points, load_views(path.parent, masks, HULL_SIDE, 0.0))
        points, colours = points[kept], colours[kept]
    chosen = np.sort(np.random.default_rng(seed).permutation(len(points))[:most])
    if len(chosen) < 2:
        return empty()
    return start_from_points(points[chosen], colours[chosen], among=among)


def inside_hull(points: np.ndarray, views: list[View], pixels: int = 3) -> np.ndarray:
    """Which points (N,) bool lie in some picture, and beside the masks in none of those that they lie in."""
    seen, outside = outside_votes(points, views, pixels)
    return (seen > 0) & (outside == 0)


def mean_colours(points: np.ndarray, views: list[View]) -> np.ndarray:
    """Mean colour (N, 3) of the pixels that ``points`` fall on, over the views that have them in the picture."""
    total, count = np.zeros((len(points), 3)), np.zeros(len(points))
    for view in views:
        x, y, inside = pixels_of(points, view)
        total[inside] += view.photo[y[inside], x[inside], :3]
        count += inside
    return total / np.maximum(count, 1)[:, None] + 0.5 * (count == 0)[:, None]


def carved_start(views: list[View], count: int, centre: np.ndarray, radius: float, seed: int) -> Splats:
    """``count`` Gaussians just inside the masks' visual hull, which is searched within ``radius`` of ``centre``."""
    random = np.random.default_rng(seed)
    candidates = centre + random.uniform(-radius, radius, (40 * count, 3))
    hull = candidates[inside_hull(candidates, views, 0)]
    if len(hull) < 2:
        raise ValueError("expected masks that overlap in space, got none: no point is inside all of them")
    index, _ = nearest(hull, min(32, len(hull) - 1))
    # Near the surface a point's neighbours all lie to one side of it.
    one_sided = np.linalg.norm(hull[index].mean(1) - hull, axis=1)
    outer = np.argsort(-one_sided, kind="stable")[: 4 * count]
    points = hull[random.permutation(outer)[:count]]
    return start_from_points(points, mean_colours(points, views))


def random_start(views: list[View], count: int, nearest_depth: float, farthest_depth: float, seed: int) -> Splats:
    """``count`` Gaussians on random pixels' rays, between two depths, evenly in 1 / depth: what is near is smaller."""
    random = np.random.default_rng(seed)
    share = np.bincount(random.integers(len(views), size=count), minlength=len(views))
    points = np.zeros((0, 3))
    for view, number in zip(views, share, strict=True):
        pixels = random.uniform(0, 1, (number, 2)) * view.size
        depth = 1 / random.uniform(1 / farthest_depth, 1 / nearest_depth, (number, 1))
        rays = np.linalg.solve(view.K, np.concatenate([pixels, np.ones((number, 1))], 1).T).T
        rotation, shift = view.cam_from_world[:3, :3], view.cam_from_world[:3, 3]
        points = np.concatenate([points, (rays * depth - shift) @ rotation])
    return start_from_points(points, mean_colours(points, views), 0.1)
