# SPDX-License-Identifier: GPL-3.0-or-later
"""A painted ball on a tiled table, photographed from a ring of cameras: pictures, true masks and cameras, no files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from turnaround.backend import records
from turnaround.backend.images import write_image
from turnaround.backend.stage import Context
from turnaround.backend.workspace import Workspace
from turnaround.protocol import JobSpec, stage_options

RADIUS = 1 / (2 * np.sqrt(3))  # the ball's box has diagonal 1
SIZE = (200, 160)


@dataclass
class Scene:
    """``images`` (h, w, 3) uint8, ``masks`` (h, w) bool and ``cameras`` by name; prompts mean the ball's centre."""

    images: dict[str, np.ndarray] = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    cameras: list[records.Camera] = field(default_factory=list)
    box: np.ndarray = field(default_factory=lambda: np.array([[-RADIUS, -RADIUS, 0.0], [RADIUS, RADIUS, 2 * RADIUS]]))


def ball_on_table(count: int = 12, seed: int = 0, table_patch: bool = False, camouflage: bool = False) -> Scene:
    """Photograph the ball ``count`` times; with ``table_patch`` a cap of the ball has the colours of the table.

    With ``camouflage`` all of the ball is painted with the table's tiles, not shaded.
    """
    random = np.random.default_rng(seed)
    tiles = random.integers(70, 150, (40, 40, 3)).astype(np.float64)
    scene = Scene()
    for i in range(count):
        azimuth, elevation = 2 * np.pi * i / count, np.radians(25 if i % 2 else 45)
        camera = _camera(f"{i:03d}", azimuth, elevation)
        image, mask = _render(camera, tiles, table_patch, camouflage)
        noise = random.normal(0, 2, image.shape)
        scene.images[camera.name] = np.clip(image + noise, 0, 255).astype(np.uint8)
        scene.masks[camera.name] = mask
        scene.cameras.append(camera)
    return scene


def _camera(name: str, azimuth: float, elevation: float) -> records.Camera:
    target = np.array([0.0, 0.0, RADIUS])
    back = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    down = np.cross(-back, right)
    rotation = np.stack([right, down, -back])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ (target + 1.8 * back)
    width, height = SIZE
    K = np.array([[1.2 * width, 0, width / 2], [0, 1.2 * width, height / 2], [0, 0, 1.0]])
    return records.Camera(name=name, image=f"images/{name}.png", width=width, height=height, K=K, cam_from_world=matrix)


def _render(
    camera: records.Camera, tiles: np.ndarray, table_patch: bool, camouflage: bool
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(camera.K).T @ camera.cam_from_world[:3, :3]
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    eye, middle = camera.centre, np.array([0.0, 0.0, RADIUS])
    along = rays @ (middle - eye)
    beside = ((middle - eye) ** 2).sum() - along**2
    mask = beside < RADIUS**2
    hit = eye + rays * (along - np.sqrt(np.maximum(RADIUS**2 - beside, 0)))[..., None]
    ground = eye + rays * (-eye[2] / np.minimum(rays[..., 2], -1e-6))[..., None]
    cells = np.floor(ground[..., :2] / (0.06 if camouflage else 0.12)).astype(int) % 40
    image = tiles[cells[..., 0], cells[..., 1]]
    image[rays[..., 2] >= 0] = (150, 170, 200)
    normal = (hit - middle) / RADIUS
    # Stripes of two warm colours, which the table does not have.
    stripe = (np.floor(6 * normal[..., 2]) + np.floor(np.arctan2(normal[..., 1], normal[..., 0]) * 2)) % 2
    paint = np.where(stripe[..., None] > 0, (220.0, 60, 40), (240.0, 190, 30))
    if table_patch:
        cap = normal @ np.array([0.8, 0.36, 0.48]) > 0.9
        paint[cap] = (110.0, 110, 110)
    if camouflage:
        turned = np.arctan2(normal[..., 1], normal[..., 0]) * RADIUS, np.arcsin(np.clip(normal[..., 2], -1, 1)) * RADIUS
        pieces = np.floor(np.stack(turned, -1) / 0.06).astype(int) % 40
        image[mask] = tiles[pieces[..., 0], pieces[..., 1]][mask]
        return image, mask
    image[mask] = (paint * (0.75 + 0.25 * normal[..., 2:3]))[mask]
    return image, mask


def write_frames(scene: Scene, job: Path, cameras: bool = False, alpha: bool = False) -> Workspace:
    """Write 01_frames (and 04_cameras) of a job as the stages before ``masks`` would."""
    workspace = Workspace(job)
    frames = []
    for stage in ("frames", "cameras") if cameras else ("frames",):
        (workspace.folder(stage) / "images").mkdir(parents=True)
    for name, image in scene.images.items():
        height, width = image.shape[:2]
        for stage in ("frames", "cameras") if cameras else ("frames",):
            write_image(workspace.folder(stage) / f"images/{name}.png", image)
        if alpha:
            (workspace.folder("frames") / "alpha").mkdir(exist_ok=True)
            write_image(workspace.folder("frames") / f"alpha/{name}.png", scene.masks[name].astype(np.uint8) * 255)
        frames.append(
            records.Frame(
                name=name,
                source=f"{name}.jpg",
                image=f"images/{name}.png",
                width=width,
                height=height,
                source_width=2 * width,
                source_height=2 * height,
                alpha=f"alpha/{name}.png" if alpha else "",
            )
        )
    records.Frames(frames=frames).save(workspace.folder("frames"))
    if cameras:
        records.Cameras(cameras=scene.cameras, box=scene.box).save(workspace.folder("cameras"))
    return workspace


def run_stage(module: Any, workspace: Workspace, inputs: tuple[str, ...], overrides: dict | None = None, **spec: Any):
    """Run one stage on a job and commit its folder; its context."""
    job = JobSpec(capture=str(workspace.root), job=str(workspace.root), overrides=overrides or {}, **spec)
    options = module.Options(**stage_options(module.NAME, job.preset, job.overrides))
    context = Context(
        stage=module.NAME,
        spec=job,
        options=options,
        workspace=workspace,
        output=workspace.begin(module.NAME),
        inputs=inputs,
    )
    module.run(context)
    workspace.commit(module.NAME, {})
    return context


def overlaps(workspace: Workspace, stage: str, scene: Scene) -> dict[str, float]:
    """Intersection over union of every written mask with the truth."""
    from turnaround.backend.images import read_grey

    result = {}
    for name, truth in scene.masks.items():
        mask = read_grey(workspace.folder(stage) / f"{name}.png") > 127
        result[name] = float((mask & truth).sum() / (mask | truth).sum())
    return result
