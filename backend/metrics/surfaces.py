# SPDX-License-Identifier: GPL-3.0-or-later
"""Chamfer distance and F-score of two surfaces, over what at least one camera sees.

Notation: both meshes in one frame and unit (aligned by the cameras, never by the surfaces themselves). Samples are
spread by area and seeded; distances go to the nearest point of the other mesh's triangles, not to samples of it.
"""

from __future__ import annotations

import numpy as np

from ..mesh.triangles import Mesh, edge_length, sample
from ..mesh.visibility import seen_by_any
from ..records import Camera

SAMPLES = 60_000
"""Points drawn on each surface: the mean distance is then steady to about half a per cent."""

_ANCHORS = 100_000
"""Points on the other surface that, with the triangles' centres, lead to candidate triangles."""

_CANDIDATES = 8
"""Nearest anchors whose triangles are tried."""


def closest_distance(points: np.ndarray, mesh: Mesh, random: np.random.Generator) -> np.ndarray:
    """Distance (N,) from ``points`` (N, 3) to the nearest triangle of ``mesh`` among those near them."""
    from scipy.spatial import cKDTree

    anchors, face, _ = sample(mesh.vertices, mesh.faces, _ANCHORS, random)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    anchors, face = np.concatenate([anchors, centres]), np.concatenate([face, np.arange(len(mesh.faces))])
    count = min(_CANDIDATES, len(anchors))
    _, nearest = cKDTree(anchors).query(points, k=count)
    nearest = nearest.reshape(len(points), count)
    best = np.full(len(points), np.inf)
    for k in range(count):
        corners = mesh.vertices[mesh.faces[face[nearest[:, k]]]]
        np.minimum(best, point_triangle_distance(points, corners), out=best)
    return best


def point_triangle_distance(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance (N,) of ``points`` (N, 3) from one triangle each, ``corners`` (N, 3, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    area = d00 * d11 - d01 * d01
    safe = np.where(area > 1e-30, area, 1.0)
    v, w = (d11 * d20 - d01 * d21) / safe, (d00 * d21 - d01 * d20) / safe
    inside = (area > 1e-30) & (v >= 0) & (w >= 0) & (v + w <= 1)
    on_face = np.linalg.norm(ap - v[:, None] * ab - w[:, None] * ac, axis=1)
    edges = [_segment_distance(points, p, q) for p, q in ((a, b), (b, c), (c, a))]
    return np.where(inside, on_face, np.minimum(np.minimum(edges[0], edges[1]), edges[2]))


def _segment_distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance (N,) of points from one segment each."""
    along, offset = end - start, points - start
    length = (along * along).sum(1)
    t = np.clip((offset * along).sum(1) / np.where(length > 1e-30, length, 1.0), 0.0, 1.0)
    return np.linalg.norm(offset - t[:, None] * along, axis=1)


def compare(result: Mesh, truth: Mesh, cameras: list[Camera], seed: int = 0) -> dict[str, float]:
    """``chamfer``, the mean of the two mean distances, and ``chamfer_percent``, the same in per cent of the diagonal of
    the truth's box; ``f_score_1pct`` and ``f_score_1mm``, in [0, 1], at 1 % of that and at 0.001 of the unit.

    Also ``accuracy`` (result to truth) and ``completeness`` (truth to result). Only samples that a camera of
    ``cameras`` sees count; with no camera, all count. ``ValueError`` when no camera sees either surface.
    """
    random = np.random.default_rng(seed)
    reach = 0.01 * float(np.linalg.norm(truth.vertices.max(axis=0) - truth.vertices.min(axis=0)))
    distances = []
    for one, other in ((result, truth), (truth, result)):
        points, _, _ = sample(one.vertices, one.faces, SAMPLES, random)
        if cameras:
            points = points[seen_by_any(points, one, cameras, max(edge_length(one.vertices, one.faces), reach / 4))]
        if not len(points):
            raise ValueError("expected cameras that see the surface, got none that does")
        distances.append(closest_distance(points, other, random))
    accuracy, completeness = (float(d.mean()) for d in distances)
    return {
        "chamfer": (accuracy + completeness) / 2,
        "chamfer_percent": (accuracy + completeness) / 2 / reach,
        "f_score_1pct": _f_score(distances, reach),
        "f_score_1mm": _f_score(distances, 1e-3),
        "accuracy": accuracy,
        "completeness": completeness,
    }


def _f_score(distances: list[np.ndarray], reach: float) -> float:
    """Harmonic mean of the shares of the two sets of distances below ``reach``."""
    precision, recall = (float((d < reach).mean()) for d in distances)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
