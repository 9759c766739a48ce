# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface on which photos agree, found around one that is roughly right: depths, fused, meshed, and once again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels import fusion
from ..mesh.cleaning import without_islands
from ..mesh.triangles import Mesh
from .blocks import Blocks
from .depths import Depth, Search, base_depth, keep_consistent, search_depth
from .photos import Photo, Tell, packed, pixels_from_world


@dataclass
class Fused:
    """The field (N, BLOCK, BLOCK, BLOCK) of the blocks, and how much the depths had to say at each voxel."""

    field: np.ndarray
    heard: np.ndarray


def depths_around(
    mesh: Mesh, photos: list[Photo], near: list[list[int]], search: Search, least: int, tell: Tell
) -> list[Depth]:
    """A depth map of every photo, found around ``mesh``, without what fewer than ``least`` neighbours confirm."""
    bases = [base_depth(mesh, p) for p in photos]
    found = []
    for index, (photo, base, indices) in enumerate(zip(photos, bases, near, strict=True)):
        tell(index / len(photos), "Comparing the photos")
        if len(indices) < 2:
            empty = np.zeros(base.shape, np.float32)
            found.append(Depth(empty, empty.copy(), empty.copy()))
            continue
        others = [photos[i] for i in indices]
        found.append(search_depth(photo, base, others, [bases[i] for i in indices], search))
    keep_consistent(photos, found, near, 2 * search.step, least)
    return found


def fused(
    blocks: Blocks, prior: np.ndarray, photos: list[Photo], found: list[Depth], reach: float, trust: float
) -> Fused:
    """The depths fused on ``blocks`` with the ``prior`` field, weighted ``trust``, where they say nothing."""
    depths, starts, sizes = packed([d.depth for d in found])
    weights, _, _ = packed([d.weight for d in found])
    slopes, _, _ = packed([d.slope for d in found])
    projections = np.stack([pixels_from_world(p.camera) for p in photos])
    result = Fused(np.zeros_like(prior), np.zeros_like(prior))
    fusion.fuse(
        blocks.places, blocks.origin, blocks.step, projections, depths, weights, slopes, starts, sizes, reach, trust,
        prior, result.field, result.heard,
    )  # fmt: skip
    return result


ROUNDS = (
    # From the hull inwards as far as hollows go, then finer around what was found. Each halves the step: finer ones
    # still, tried on the monkey and the duck, changed the distance to the truth by less than a hundredth of a per cent.
    Search(nearest=-0.006, deepest=0.18, step=0.002, radius=4),
    Search(nearest=-0.012, deepest=0.012, step=0.001, radius=3),
)
"""Searches in turn, in diagonals of the object's box."""

NEIGHBOURS = 6
"""Photos each photo is compared with."""

_CONFIRMED = 2
"""Neighbours that must have found a depth as well."""

_TRUST = 0.3
"""Weight of what was there before against one depth that is fully believed."""

_REACH = 4.0
"""Steps of the grid at which distances are cut off: wide enough for the depths' errors, narrower than thin parts."""

_SMOOTHING = 0.9
"""Standard deviation in voxels of the blur before the surface is taken."""


_LEAST_SLACK = 0.25
"""Voxels below which the hull is taken at its word and the search sets out from it."""


@dataclass
class Refined:
    """The closed ``mesh``, and how much the photos had to say about it: ``heard`` (N,) at its vertices."""

    mesh: Mesh
    heard: np.ndarray
    islands: int


def refine(
    hull: Mesh,
    blocks: Blocks,
    photos: list[list[Photo]],
    near: list[list[int]],
    rounds: tuple[Search, ...],
    least_island: float,
    slack: float,
    limit: np.ndarray,
    tell: Tell,
) -> Refined:
    """The surface around ``hull`` on which ``photos`` agree; ``blocks`` hold the hull's field and are changed.

    The field exceeds the hull's by ``slack``, world units, at most, and only where photos say so, so that the result
    stays within the silhouettes as far as these can be relied upon, and never ``limit``, of the blocks' shape: the
    ground. Where photos say nothing the hull remains. ``photos`` are those of each round, in one order, ``near`` the
    ones that each is compared with.
    """
    mesh, bound, islands = hull, blocks.values.copy(), 0
    if slack > _LEAST_SLACK * blocks.step:
        blocks.values = np.minimum(bound + slack, limit)
        mesh = blocks.mesh(_SMOOTHING, _REACH * blocks.step)
        blocks.values = bound.copy()
    last = Fused(bound, np.zeros_like(bound))
    for number, (search, shown) in enumerate(zip(rounds, photos, strict=True)):
        part = (number / len(rounds), 1.0 / len(rounds))

        def report(share: float, what: str, part: tuple[float, float] = part) -> None:
            tell(part[0] + part[1] * 0.85 * share, what)

        found = depths_around(mesh, shown, near, search, _CONFIRMED, report)
        tell(part[0] + part[1] * 0.9, "Fusing the depths")
        last = fused(blocks, blocks.values, shown, found, _REACH * blocks.step, _TRUST)
        loose = np.minimum(bound + slack * last.heard / (last.heard + _TRUST), limit)
        blocks.values = np.minimum(last.field, loose)
        tell(part[0] + part[1] * 0.95, "Building the mesh")
        mesh, islands = without_islands(blocks.mesh(_SMOOTHING, _REACH * blocks.step), least_island)
        if not len(mesh.faces):
            break
    return Refined(mesh, blocks.sampled(last.heard, mesh.vertices), islands)


def scaled(rounds: tuple[Search, ...], diagonal: float, depth: float) -> tuple[Search, ...]:
    """``rounds`` in world units, the first as deep as ``depth`` diagonals."""
    result = []
    for number, s in enumerate(rounds):
        deepest = depth if number == 0 else s.deepest
        result.append(Search(s.nearest * diagonal, deepest * diagonal, s.step * diagonal, s.radius, s.best))
    return tuple(result)
