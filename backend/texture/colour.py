# SPDX-License-Identifier: GPL-3.0-or-later
"""The texture's colours: all photos blended texel by texel, broad bands by many photos, fine ones by the best.

Two passes over the photos. The first finds what each texel looks like in general, on a sixteenth of the texels; the
second blends, a photo that disagrees there (a highlight, something in front) counting little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...kernels.texels import gather
from ..mesh.placing import spread
from ..mesh.triangles import Mesh
from .exposure import gains, observe
from .photos import Look, Source, Tell, look
from .texels import Texels

POWERS = (12.0, 4.0, 2.0)
"""How much more the better photo counts, from the finest band to the broadest."""

_SPREAD = 25.0
"""Difference in 8-bit colour from the other photos at which a photo's say has dropped to a half."""

_SAMPLES = 3000
"""Points on the surface by which exposures are compared."""

_COARSE = 4
"""Every fourth texel in each direction tells what to expect."""


@dataclass(frozen=True)
class Blended:
    """``colours`` (N, 3) uint8 and ``seen`` (N,) bool of the texels; ``gains`` (V, 3) of the photos."""

    colours: np.ndarray
    seen: np.ndarray
    gains: np.ndarray


def blend(texels: Texels, mesh: Mesh, sources: list[Source], tolerance: float, tell: Tell) -> Blended:
    """Colour ``texels`` of ``mesh`` from the photos; ``tolerance``: how far behind the mesh's depth is still seen.

    Raises ``ValueError`` without photos.
    """
    if not sources:
        raise ValueError("expected at least one photo to take colours from, got none")
    expected, factors = _expectation(texels, mesh, sources, tolerance, tell)
    sums, weights = _start(len(texels))
    scale = closest(texels, sources)
    for source, gain in zip(sources, factors, strict=True):
        tell(source.camera.name)
        add_look(texels.points, texels.normals, look(source, mesh), tolerance, scale, gain, expected, sums, weights)
    seen = weights[:, 0] > 0
    bands = sums / np.where(weights > 0, weights, 1.0)[..., None]
    colours = np.clip(np.round(bands.sum(axis=1)), 0, 255).astype(np.uint8)
    return Blended(colours, seen, factors)


def paint(texels: Texels, looks: list[Look], factors: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, 3) uint8 and seen (N,) bool of ``texels`` as ``blend`` gives them, of photos that are at hand.

    ``factors`` (V, 3) are the gains of the photos. None of them is doubted.
    """
    sums, weights = _start(len(texels))
    nothing = np.zeros((len(texels), 3), np.float32)
    scale = closest(texels, looks)
    for view, gain in zip(looks, factors, strict=True):
        add_look(texels.points, texels.normals, view, tolerance, scale, gain, nothing, sums, weights, spread=0.0)
    bands = sums / np.where(weights > 0, weights, 1.0)[..., None]
    return np.clip(np.round(bands.sum(axis=1)), 0, 255).astype(np.uint8), weights[:, 0] > 0


def gains_of(mesh: Mesh, looks: list[Look], tolerance: float) -> np.ndarray:
    """Gains (V, 3) that make the photos equally bright where they see the same of ``mesh``."""
    places, normals, _, _ = spread(mesh, _SAMPLES, np.random.default_rng(0))
    seen = [observe(view, places, normals, tolerance) for view in looks]
    return gains(np.stack([c for c, _ in seen]), np.stack([w for _, w in seen]))


def _expectation(
    texels: Texels, mesh: Mesh, sources: list[Source], tolerance: float, tell: Tell
) -> tuple[np.ndarray, np.ndarray]:
    """What each texel looks like in general (N, 3) float32, and the photos' gains (V, 3)."""
    places, normals, _, _ = spread(mesh, _SAMPLES, np.random.default_rng(0))
    cell = (texels.rows // _COARSE) * (texels.size // _COARSE + 1) + texels.columns // _COARSE
    _, first, back = np.unique(cell, return_index=True, return_inverse=True)
    points, directions = texels.points[first], texels.normals[first]
    one, nothing = np.ones(3), np.zeros((len(first), 3), np.float32)
    scale = closest(texels, sources)
    seen, per_photo = [], []
    for source in sources:
        tell(source.camera.name)
        view = look(source, mesh)
        seen.append(observe(view, places, normals, tolerance))
        sums, weights = _start(len(first))
        add_look(points, directions, view, tolerance, scale, one, nothing, sums, weights, spread=0.0)
        per_photo.append((sums[:, 2].astype(np.float32), weights[:, 2].astype(np.float32)))
    factors = gains(np.stack([c for c, _ in seen]), np.stack([w for _, w in seen]))
    return _robust_mean(per_photo, factors)[back], factors


def _robust_mean(per_photo: list[tuple[np.ndarray, np.ndarray]], factors: np.ndarray) -> np.ndarray:
    """Means (M, 3) float32 of the photos' colours, those far from the others counting less."""
    weights = np.stack([w for _, w in per_photo])
    colours = np.stack([s / np.where(w > 0, w, 1.0)[:, None] for s, w in per_photo]) * factors[:, None]
    mean = _weighted(colours, weights)
    for _ in range(3):
        off = ((colours - mean) ** 2).sum(axis=2)
        mean = _weighted(colours, weights / (1.0 + off / _SPREAD**2))
    return mean.astype(np.float32)


def _weighted(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=0)
    return (colours * weights[..., None]).sum(axis=0) / np.where(total > 0, total, 1.0)[:, None]


def _start(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((count, 3, 3), np.float32), np.zeros((count, 3), np.float32)


def closest(texels: Texels, sources: Sequence[Source | Look]) -> float:
    """The distance up to which a photo counts fully: that of the closest camera from the object's middle."""
    middle = texels.points.mean(axis=0)
    return float(min(np.linalg.norm(s.camera.centre - middle) for s in sources))


def add_look(
    points: np.ndarray, normals: np.ndarray, view: Look, tolerance: float, scale: float, gain: np.ndarray,
    expected: np.ndarray, sums: np.ndarray, weights: np.ndarray, spread: float = _SPREAD,
    powers: np.ndarray | None = None,
) -> None:  # fmt: skip
    """Add one photo's say to ``sums`` and ``weights``: ``kernels.texels.gather`` of a ``Look``."""
    gather(
        points, normals, view.projection, np.asarray(view.camera.centre, np.float64), view.levels, view.trust,
        view.depth, tolerance, scale, np.asarray(gain, np.float64),
        np.array(POWERS) if powers is None else powers, expected, spread, sums, weights,
    )  # fmt: skip
