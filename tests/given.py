# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the job folders that surface, splats and export read, from cameras and masks that are known exactly."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from turnaround.backend import records
from turnaround.backend.images import write_image
from turnaround.backend.ply import table, write_ply
from turnaround.backend.workspace import Workspace, write_json
from turnaround.protocol import JobSpec

OPENCV_FROM_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def similarity(scale: float, shift: np.ndarray) -> np.ndarray:
    """x -> scale * (x + shift) as (4, 4)."""
    matrix = np.diag([scale, scale, scale, 1.0])
    matrix[:3, 3] = scale * np.asarray(shift)
    return matrix


def rigid_under(cam_from_old: np.ndarray, new_from_old: np.ndarray) -> np.ndarray:
    """cam_from_new: the same camera in a world scaled by a similarity without rotation."""
    scale = np.cbrt(np.linalg.det(new_from_old[:3, :3]))
    result = cam_from_old @ np.linalg.inv(new_from_old)
    result[:3] *= scale
    return result


def truth_cameras(folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray, tuple[int, int]]:
    """cam_from_world by stem, K and (width, height) of a ``transforms.json`` with camera-to-world OpenGL matrices."""
    data = json.loads((folder / "transforms.json").read_text(encoding="utf-8"))
    K = np.array([[data["fl_x"], 0, data["cx"]], [0, data["fl_y"], data["cy"]], [0, 0, 1.0]])
    found = {}
    for frame in data["frames"]:
        cam_from_world = OPENCV_FROM_OPENGL @ np.linalg.inv(np.array(frame["transform_matrix"]))
        found[Path(frame["file_path"]).stem] = cam_from_world
    return found, K, (int(data["w"]), int(data["h"]))


def write_job(
    job: Path,
    images: dict[str, np.ndarray],
    masks: dict[str, np.ndarray],
    cam_from_truth: dict[str, np.ndarray],
    K: np.ndarray,
    box: np.ndarray,
    confidence: dict[str, float] | None = None,
    points: np.ndarray | None = None,
) -> tuple[JobSpec, np.ndarray]:
    """Write 01_frames, 04_cameras and 04_masks of ``job``; the world is the truth's, normalised as the design says.

    ``box`` (2, 3) is the object's in the truth's world, z up. Returns the job and ``job_from_truth`` (4, 4).
    """
    scale = 1.0 / np.linalg.norm(box[1] - box[0])
    centre = box.mean(axis=0)
    world = similarity(scale, [-centre[0], -centre[1], -box[0][2]])
    workspace = Workspace(job)
    frames, cameras, rows = [], [], []
    for stage in ("frames", "cameras", "masks_refined"):
        (workspace.folder(stage) / ("" if stage == "masks_refined" else "images")).mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(sorted(images)):
        image, mask = images[name], masks[name]
        height, width = mask.shape
        file = f"images/{name}.png"
        for stage in ("frames", "cameras"):
            write_image(workspace.folder(stage) / file, image)
        write_image(workspace.folder("masks_refined") / f"{name}.png", mask)
        size = {"name": name, "image": file, "width": width, "height": height}
        frames.append(records.Frame(**size, source=f"{name}.png", source_width=width, source_height=height))
        cam_from_world = rigid_under(cam_from_truth[name], world)
        cameras.append(records.Camera(**size, K=K, cam_from_world=cam_from_world, held_out=index % 8 == 0))
        sure = (confidence or {}).get(name, 1.0)
        rows.append(records.Mask(name=name, image=f"{name}.png", confidence=sure, method="truth"))
    records.Frames(frames=frames).save(workspace.folder("frames"))
    aligned = (np.asarray(box) - [centre[0], centre[1], box[0][2]]) * scale
    records.Cameras(cameras=cameras, world_from_sfm=world, box=aligned, up_from="given", given=True).save(
        workspace.folder("cameras")
    )
    records.Masks(masks=rows, method="truth").save(workspace.folder("masks_refined"))
    write_points(workspace.folder("cameras") / "points.ply", points, world)
    for stage in ("frames", "cameras", "masks_refined"):
        write_json(workspace.folder(stage) / "stamp.json", {"stage": stage, "digest": "given"})
    return JobSpec(capture=str(job), job=str(job)), world


def write_points(path: Path, points: np.ndarray | None, world: np.ndarray) -> None:
    """Write (N, 3) points of the truth's world as grey sparse points."""
    points = np.zeros((0, 3)) if points is None else points @ world[:3, :3].T + world[:3, 3]
    grey = np.full(len(points), 128, np.uint8)
    columns = dict(zip(("x", "y", "z"), points.astype(np.float32).T, strict=True))
    write_ply(path, table(columns | {"red": grey, "green": grey, "blue": grey}))


def real_job(folder: Path, job: Path) -> tuple[JobSpec, np.ndarray]:
    """A job from a data set with true cameras, masks and mesh."""
    from turnaround.backend.mesh.triangles import Mesh

    cameras, K, _ = truth_cameras(folder)
    images, masks = {}, {}
    for name in cameras:
        images[name] = cv2.cvtColor(cv2.imread(str(folder / "images" / f"{name}.jpg")), cv2.COLOR_BGR2RGB)
        masks[name] = cv2.imread(str(folder / "masks" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
    vertices = Mesh.load(folder / "gt_mesh.ply").vertices
    vertices = np.maximum(vertices, [-np.inf, -np.inf, 0.0])
    box = np.stack([vertices.min(axis=0), vertices.max(axis=0)])
    return write_job(job, images, masks, cameras, K, box)
