# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the masks contradict each other, read off the hull they leave.

What masks have in common lies within every one of them: where they fit together, the hull's outline in a photo is the
mask's; where many are off a little, here bitten, there flapping, the hull is smaller than each, and its outline lies
inside the mask's. How far inside tells what a silhouette is worth, without any truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .carving import Silhouette
from .rendering import depth_and_face
from .silhouettes import signed_distance
from .triangles import Mesh

_SURELY = 0.95
"""Share of the outline that lies less inside its mask than ``most``."""


@dataclass(frozen=True)
class Contradiction:
    """How far inside the masks' outlines the hull's lie, world units: ``usual``, the median, and ``most``."""

    usual: float = 0.0
    most: float = 0.0


def contradiction(hull: Mesh, used: list[Silhouette], weights: np.ndarray) -> Contradiction:
    """Measured at all outlines of ``hull`` in the silhouettes ``used``, each counting by its weight (V,)."""
    depths, shares = [np.zeros(0)], [np.zeros(0)]
    for silhouette, weight in zip(used, weights, strict=True):
        if weight > 0:
            found = _outline_depths(hull, silhouette)
            depths.append(found)
            shares.append(np.full(len(found), weight))
    joined, share = np.concatenate(depths), np.concatenate(shares)
    if not len(joined):
        return Contradiction()
    order = np.argsort(joined, kind="stable")
    reached = np.cumsum(share[order]) / share.sum()
    usual, most = (joined[order][min(int(np.searchsorted(reached, q)), len(order) - 1)] for q in (0.5, _SURELY))
    return Contradiction(max(float(usual), 0.0), max(float(most), 0.0))


def _outline_depths(hull: Mesh, silhouette: Silhouette) -> np.ndarray:
    """How deep (N,) inside the mask the hull's outline lies, world units, at the pixels along it."""
    factor, camera = silhouette.factor, silhouette.camera
    height, width = silhouette.distance.shape
    K = np.diag([1 / factor, 1 / factor, 1.0]) @ camera.K
    depth, _ = depth_and_face(hull, replace(camera, K=K, width=width, height=height))
    covered = np.isfinite(depth)
    own = factor * signed_distance(covered.astype(np.uint8) * 255)
    outline = covered & (own < factor)
    # At the picture's border the object is cut off by the picture, not by a mask.
    outline[[0, -1]] = False
    outline[:, [0, -1]] = False
    return (silhouette.distance - own)[outline] * depth[outline] / camera.K[0, 0]
