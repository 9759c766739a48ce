# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a job with the truth of a data set: cameras, masks, mesh, texture and scale.

A truth folder holds cameras (as ``camera_files`` reads them) and, where there are any, ``masks/STEM.png`` and
``gt_mesh.ply``, whose world is z up. What the truth does not hold is left out of the figures. The mesh is the one that
the user takes away, as far as the job has come: exported, else textured, else the bare surface. It is aligned by the
cameras alone, never by itself. Figures are those of ``protocol.METRICS``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..protocol import JobSpec, from_dict
from .evaluate_cameras import align_to_truth, camera_metrics, load_truth_cameras
from .folder import SPEC
from .images import read_grey
from .mesh.textured import ARRAYS, TexturedMesh
from .mesh.triangles import Mesh
from .metrics.held_out import held_out_views, scores
from .metrics.masks import boundary_f, davis_statistics, intersection_over_union
from .metrics.surfaces import compare
from .records import Camera, Cameras, Frames, Masks
from .texture.viewing import textured_view
from .undistort import undistort_image
from .workspace import Workspace

_LEAST_FOR_ALIGNMENT = 3


def evaluate(job: Path, truth: Path) -> dict[str, Any]:
    """All figures that ``job`` and ``truth`` together allow; ``ValueError`` when there is nothing to compare."""
    workspace = Workspace(job)
    if not truth.is_dir():
        raise ValueError(f"expected a folder with the truth, got {truth}")
    if not (workspace.folder("frames") / "frames.json").exists():
        raise ValueError(f"expected the folder of a job that has read its photos, got {job}")
    figures: dict[str, Any] = {}
    if (workspace.folder("cameras") / "cameras.json").exists():
        figures |= _cameras_and_mesh(workspace, truth)
    figures |= _masks(workspace, truth) | _texture(workspace, truth)
    if not figures:
        raise ValueError(f"expected true cameras or masks in {truth}, got none that fit the job's frames")
    return figures


def _cameras_and_mesh(workspace: Workspace, truth: Path) -> dict[str, Any]:
    """Figures of the cameras and of what is aligned by them."""
    estimated = Cameras.load(workspace.folder("cameras"))
    try:
        true_cameras = load_truth_cameras(truth)
    except ValueError:
        return {}  # a truth without cameras still has masks
    figures: dict[str, Any] = dict(camera_metrics(estimated, true_cameras))
    used = len(Frames.load(workspace.folder("frames")).frames)
    figures |= {"frames_used": used, "registered_share": len(estimated.cameras) / used if used else 0.0}
    if sum(c.name in true_cameras for c in estimated.cameras) < _LEAST_FOR_ALIGNMENT:
        return figures
    figures |= _scale(workspace, true_cameras)
    result = resulting_mesh(workspace, estimated) if (truth / "gt_mesh.ply").exists() else None
    if result is not None:
        mesh, cameras = result
        truth_from_world = align_to_truth(cameras, true_cameras)
        figures |= mesh_figures(mesh, read_truth_mesh(truth / "gt_mesh.ply"), cameras, truth_from_world)
    return figures


def resulting_mesh(workspace: Workspace, estimated: Cameras) -> tuple[Mesh, Cameras] | None:
    """The mesh nearest to what the user takes away, and the cameras of its world; None before there is one.

    Texturing moves the surface to where the photos agree, so that the bare one is another shape.
    """
    exported = workspace.folder("export")
    if (exported / "mesh.ply").exists() and (exported / "cameras.json").exists():
        return Mesh.load(exported / "mesh.ply"), Cameras.load(exported)
    if (workspace.folder("texture") / ARRAYS).exists():
        return TexturedMesh.load(workspace.folder("texture")).plain, estimated
    bare = workspace.folder("surface") / "mesh.ply"
    return (Mesh.load(bare), estimated) if bare.exists() else None


def mesh_figures(mesh: Mesh, truth: Mesh, cameras: Cameras, truth_from_world: np.ndarray) -> dict[str, float]:
    """Chamfer distance (units of the truth) and F-scores over what some camera of the job sees."""
    moved = [moved_camera(c, truth_from_world) for c in cameras.cameras]
    figures = compare(mesh.transformed(truth_from_world), truth, moved)
    return {name: figures[name] for name in ("chamfer", "chamfer_percent", "f_score_1pct", "f_score_1mm")}


def read_truth_mesh(path: Path) -> Mesh:
    """A mesh of any kind that trimesh reads, without its colours."""
    import trimesh

    loaded: Any = trimesh.load(path, force="mesh", process=False)
    return Mesh(np.asarray(loaded.vertices, np.float64), np.ascontiguousarray(loaded.faces, np.int32))


def moved_camera(camera: Camera, new_from_world: np.ndarray) -> Camera:
    """The same camera in a world changed by a similarity (4, 4): it sees the same picture there."""
    scale = float(np.cbrt(np.linalg.det(new_from_world[:3, :3])))
    cam_from_new = camera.cam_from_world @ np.linalg.inv(new_from_world)
    cam_from_new[:3] *= scale
    return replace(camera, cam_from_world=cam_from_new)


def _scale(workspace: Workspace, true_cameras: Mapping[str, np.ndarray]) -> dict[str, float]:
    """``scale_error_percent`` of the delivered cameras, where they are metric."""
    folder = workspace.folder("export")
    if not (folder / "cameras.json").exists():
        return {}
    delivered = Cameras.load(folder)
    if delivered.unit != "m":
        return {}
    truth_from_delivered = align_to_truth(delivered, true_cameras)
    scale = float(np.cbrt(np.linalg.det(truth_from_delivered[:3, :3])))
    return {"scale_error_percent": 100.0 * abs(1.0 / scale - 1.0)}


def _masks(workspace: Workspace, truth: Path) -> dict[str, float]:
    """Figures of the final masks, or of the first ones where there are no final ones."""
    final = (workspace.folder("masks_refined") / "masks.json").exists()
    folder = workspace.folder("masks_refined" if final else "masks")
    if not (folder / "masks.json").exists():
        return {}
    cameras = {c.name: c for c in Cameras.load(workspace.folder("cameras")).cameras} if final else {}
    sources = {f.name: Path(f.source).stem for f in Frames.load(workspace.folder("frames")).frames}
    overlaps, contours = [], []
    for mask in Masks.load(folder).masks:
        path = truth / "masks" / f"{sources.get(mask.name, mask.name)}.png"
        if not path.exists():
            continue
        found = read_grey(folder / mask.image) > 127
        true = _true_mask(path, found.shape, cameras.get(mask.name))
        overlaps.append(intersection_over_union(found, true))
        contours.append(boundary_f(found, true))
    if not overlaps:
        return {}
    figures = {
        "mask_iou_mean": float(np.mean(overlaps)),
        "mask_iou_min": float(np.min(overlaps)),
        "mask_boundary_f_mean": float(np.mean(contours)),
    }
    for letter, values in (("j", overlaps), ("f", contours)):
        figures |= {f"davis_{letter}_{name}": value for name, value in davis_statistics(values).items()}
    return figures


def _texture(workspace: Workspace, truth: Path) -> dict[str, float]:
    """The textured mesh on held-out frames, inside their true masks: where a job's own are wrong, its score is too."""
    if not (workspace.folder("texture") / ARRAYS).exists():
        return {}
    sources = {f.name: Path(f.source).stem for f in Frames.load(workspace.folder("frames")).frames}
    spec = from_dict(JobSpec, json.loads((workspace.root / SPEC).read_text(encoding="utf-8")))
    views = []
    for view in held_out_views(workspace.folder("cameras"), workspace.folder("masks_refined"), spec.hold_out):
        path = truth / "masks" / f"{sources.get(view.camera.name, view.camera.name)}.png"
        if path.exists():
            views.append(replace(view, inside=_true_mask(path, view.inside.shape, view.camera)))
    mesh = TexturedMesh.load(workspace.folder("texture"))
    return scores(views, lambda camera: textured_view(mesh, camera)[0], "texture_in_truth")


def _true_mask(path: Path, shape: tuple[int, ...], camera: Camera | None) -> np.ndarray:
    """The true mask (H, W) bool, brought to the frame's size and undistorted as the job's own was."""
    mask = read_grey(path)
    if mask.shape != shape:
        mask = cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    if camera is not None:
        mask = undistort_image(mask, camera, cv2.INTER_LINEAR)
    return mask > 127
