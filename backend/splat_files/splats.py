# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of 3D Gaussians in memory, as 3D Gaussian splatting (Kerbl et al. 2023) trains and stores them.

Notation: N splats, K = (degree + 1)^2 harmonics a colour channel, degree 0 to 3. A splat's covariance is R
diag(exp(scales))^2 R^T with R from its quaternion; its opacity is 1 / (1 + exp(-logit)); its colour seen along the
unit direction d is 0.5 + sum_k Y_k(d) sh_k, in the photos' own (non-linear) RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

HARMONICS = (1, 4, 9, 16)
"""Harmonics a channel for degree 0, 1, 2, 3."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Splats:
    """N Gaussians; every array is float32 and finite. Raises ``ValueError`` for anything else.

    The frame is whatever the maker says; files that fix no axes are taken as they are (see ``load``).
    """

    means: np.ndarray
    """(N, 3), positions."""
    quats: np.ndarray
    """(N, 4), w x y z, rotating the Gaussian's own axes into the frame; not zero, not necessarily of unit length."""
    scales: np.ndarray
    """(N, 3), natural logarithms of the standard deviations along the Gaussian's own axes."""
    opacities: np.ndarray
    """(N,), logits."""
    sh: np.ndarray
    """(N, K, 3), harmonic k's red, green and blue, in the order and signs of 3DGS: f_dc, then f_rest."""

    def __post_init__(self) -> None:
        count = len(self.means)
        shapes = {"means": (count, 3), "quats": (count, 4), "scales": (count, 3), "opacities": (count,)}
        for name, shape in shapes.items():
            _expect(name, getattr(self, name), shape)
        harmonics = self.sh.shape[1] if self.sh.ndim == 3 else 0
        if harmonics not in HARMONICS:
            raise ValueError(f"expected sh of shape (N, 1, 4, 9 or 16, 3), got {self.sh.shape}")
        _expect("sh", self.sh, (count, harmonics, 3))
        if not self.quats.any(axis=1).all():
            raise ValueError("expected quaternions that are not zero")

    def __len__(self) -> int:
        return len(self.means)

    @property
    def degree(self) -> int:
        """Degree of the harmonics, 0 to 3."""
        return HARMONICS.index(self.sh.shape[1])

    def select(self, which: np.ndarray) -> Splats:
        """The splats that ``which`` ((N,) bool, or indices) names, in that order."""
        return Splats(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def with_degree(self, degree: int) -> Splats:
        """The same splats with harmonics up to ``degree`` (0 to 3): higher ones are cut off, missing ones are zero."""
        if degree not in range(4):
            raise ValueError(f"expected a degree of 0 to 3, got {degree}")
        sh = np.zeros((len(self), HARMONICS[degree], 3), np.float32)
        kept = min(HARMONICS[degree], self.sh.shape[1])
        sh[:, :kept] = self.sh[:, :kept]
        return Splats(means=self.means, quats=self.quats, scales=self.scales, opacities=self.opacities, sh=sh)


Columns = tuple[np.ndarray, ...]
"""Means, quaternions, scales, opacities and harmonics of any numeric type, as ``from_columns`` takes them."""


def empty(degree: int = 0) -> Splats:
    """No splats at all."""
    return from_columns(
        np.zeros((0, 3)), np.zeros((0, 4)), np.zeros((0, 3)), np.zeros(0), np.zeros((0, HARMONICS[degree], 3))
    )


def from_columns(
    means: np.ndarray, quats: np.ndarray, scales: np.ndarray, opacities: np.ndarray, sh: np.ndarray
) -> Splats:
    """``Splats`` from arrays of any numeric type, cast to float32."""
    columns = {"means": means, "quats": quats, "scales": scales, "opacities": opacities, "sh": sh}
    with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, and is refused as such
        return Splats(**{name: np.ascontiguousarray(values, np.float32) for name, values in columns.items()})


def join(parts: Sequence[Splats]) -> Splats:
    """All splats of ``parts`` in order, at the highest degree among them."""
    if not parts:
        return empty()
    degree = max(part.degree for part in parts)
    raised = [part.with_degree(degree) for part in parts]
    return Splats(**{f.name: np.concatenate([getattr(part, f.name) for part in raised]) for f in fields(Splats)})


def crop(splats: Splats, low: np.ndarray, high: np.ndarray) -> Splats:
    """The splats whose means lie in the box from ``low`` to ``high`` ((3,) each, the splats' frame, both included)."""
    inside = np.logical_and(splats.means >= low, splats.means <= high)
    return splats.select(np.flatnonzero(inside.all(axis=1)))


def _expect(name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if values.dtype != np.float32 or values.shape != shape:
        raise ValueError(f"expected {name} as float32 of shape {shape}, got {values.dtype} of shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite {name}, got infinite or undefined ones")
