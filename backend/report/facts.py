# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a capture report, gathered from the frames, the cameras and the sparse model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..camera_files import read_cameras
from ..lens import Scene
from ..records import Cameras, Frames
from .advice import advise
from .coverage import around, directions, gaps

PARTNERS = 6
"""Links kept of each frame: those with the most points in common."""
EDGES = tuple(0.25 * i for i in range(17))
"""Edges of the histogram of reprojection errors, pixels; the last bin holds everything above."""


def gather(frames_folder: Path, cameras_folder: Path) -> dict[str, Any]:
    """All facts; lists are in the frames' order. Plain JSON values."""
    frames = Frames.load(frames_folder)
    cameras = Cameras.load(cameras_folder)
    scene = _model(cameras_folder / "sparse")
    by_name = {c.name: i for i, c in enumerate(cameras.cameras)}
    middle = cameras.box.mean(axis=0)
    centres = np.array([c.centre for c in cameras.cameras]).reshape(-1, 3)
    azimuth, elevation = directions(centres, middle)
    points, errors = _per_camera(scene, [c.name for c in cameras.cameras])
    why = {u["name"]: u["reason"] for u in cameras.unregistered}
    rows = []
    for frame in frames.frames:
        i = by_name.get(frame.name)
        row: dict[str, Any] = {
            "name": frame.name, "source": frame.source, "sharpness": frame.sharpness, "mean_luma": frame.mean_luma,
            "clipped_dark": frame.clipped_dark, "clipped_bright": frame.clipped_bright, "registered": i is not None,
            "reason": why.get(frame.name, "") if i is None else frame.reason,
        }  # fmt: skip
        if i is not None:
            row |= {
                "azimuth": round(float(azimuth[i]), 1),
                "elevation": round(float(elevation[i]), 1),
                "points": int(points[i]),
                "reprojection_px": None if np.isnan(errors[i]) else round(float(errors[i]), 3),
                "position": [round(float(v), 4) for v in centres[i] - middle],
            }
        rows.append(row)
    heights = [round(float(f(elevation)), 1) for f in (np.min, np.median, np.max)] if len(centres) else []
    missing = [asdict(gap) for gap in gaps(azimuth, elevation)]
    facts = {
        "frames": rows,
        "left_out": frames.dropped,
        "registered": len(cameras.cameras),
        "used": len(frames.frames),
        "around_degrees": round(around(azimuth, elevation)),
        "elevation_degrees": heights,
        "gaps": missing,
        "links": _links(scene, [c.name for c in cameras.cameras]),
        "reprojection": _histogram(scene),
        "up_from": cameras.up_from,
        "given": cameras.given,
    }
    return {**facts, "advice": advise(facts)}


def _model(folder: Path) -> Scene:
    """The sparse model; one without cameras where there is none (given cameras may have no points)."""
    try:
        return read_cameras(folder)
    except ValueError:
        return Scene(cameras=[])


def _order(scene: Scene, names: list[str]) -> np.ndarray:
    """Index into ``names`` of each of the scene's cameras; -1 for one that is not among them."""
    place = {name: i for i, name in enumerate(names)}
    return np.array([place.get(c.name, -1) for c in scene.cameras], np.int64)


def _residuals(scene: Scene) -> np.ndarray:
    """Reprojection error of each observation (M,), pixels."""
    errors = np.zeros(len(scene.observed_point))
    for i, lens in enumerate(scene.cameras):
        seen = scene.observed_camera == i
        pixels, _ = lens.project(scene.points[scene.observed_point[seen]])
        errors[seen] = np.linalg.norm(pixels - scene.observed_xy[seen], axis=1)
    return errors


def _per_camera(scene: Scene, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Points seen (C,), and mean reprojection error (C,) in pixels, NaN where there are none."""
    points, errors = np.zeros(len(names), np.int64), np.full(len(names), np.nan)
    residuals = _residuals(scene)
    for i, place in enumerate(_order(scene, names)):
        seen = residuals[scene.observed_camera == i]
        seen = seen[np.isfinite(seen)]
        if place >= 0 and len(seen):
            points[place], errors[place] = len(seen), seen.mean()
    return points, errors


def _links(scene: Scene, names: list[str]) -> list[list[Any]]:
    """[name, name, points in common] of each frame with its ``PARTNERS`` best partners, each pair once."""
    order = _order(scene, names)
    if not len(scene.observed_point):
        return []
    from scipy.sparse import csr_matrix

    where = order[scene.observed_camera]
    kept = where >= 0
    shape = (len(names), len(scene.points))
    sees = csr_matrix((np.ones(kept.sum(), np.int32), (where[kept], scene.observed_point[kept])), shape=shape)
    sees.data[:] = 1
    common = (sees @ sees.T).toarray()
    np.fill_diagonal(common, 0)
    pairs = set()
    for i, row in enumerate(common):
        best = np.argsort(-row, kind="stable")[:PARTNERS]
        pairs |= {(min(i, int(j)), max(i, int(j))) for j in best if row[j] > 0}
    return [[names[i], names[j], int(common[i, j])] for i, j in sorted(pairs)]


def _histogram(scene: Scene) -> dict[str, Any]:
    """Reprojection errors of all observations."""
    residuals = _residuals(scene)
    residuals = residuals[np.isfinite(residuals)]
    if not len(residuals):
        return {"edges": list(EDGES), "counts": [0] * (len(EDGES) - 1), "mean": None, "p95": None, "observations": 0}
    counts, _ = np.histogram(np.minimum(residuals, EDGES[-1] - 1e-9), EDGES)
    return {
        "edges": list(EDGES),
        "counts": [int(c) for c in counts],
        "mean": round(float(residuals.mean()), 3),
        "p95": round(float(np.percentile(residuals, 95)), 3),
        "observations": len(residuals),
    }
