# SPDX-License-Identifier: GPL-3.0-or-later
"""Coloured objects with known shape, photographed from a ring of known cameras; seeded, no files needed.

The truth's world is z up with the ground at z = 0; units are arbitrary. Masks hold coverage from four by four samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from given import write_job
from turnaround.backend.mesh.rendering import attributes_seen, looking_at
from turnaround.backend.mesh.triangles import Mesh
from turnaround.backend.records import Camera
from turnaround.protocol import JobSpec

OVERSAMPLE = 4


def torus(radius: float = 1.0, tube: float = 0.4, steps: int = 96) -> Mesh:
    """A torus that stands upright on the ground, its axis along y."""
    u, v = np.meshgrid(np.arange(steps), np.arange(steps // 2), indexing="ij")
    a, b = 2 * np.pi * u / steps, 4 * np.pi * v / steps
    ring = radius + tube * np.cos(b)
    points = np.stack([ring * np.cos(a), tube * np.sin(b), ring * np.sin(a) + radius + tube], axis=2)
    return coloured(points.reshape(-1, 3), wrapped(steps, steps // 2)[:, ::-1])


def sphere(radius: float = 1.0, centre: tuple[float, float, float] = (0.0, 0.0, 1.0), steps: int = 96) -> Mesh:
    """A sphere of latitudes and longitudes."""
    return superquadric((radius, radius, radius), 1.0, centre, steps)


def superquadric(
    size: tuple[float, float, float],
    power: float = 0.5,
    centre: tuple[float, float, float] | None = None,
    steps: int = 96,
) -> Mesh:
    """A superquadric with half axes ``size`` (Barr 1981): ``power`` 1 is an ellipsoid, less is more of a box."""

    def bent(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** power

    longitude = 2 * np.pi * np.arange(steps) / steps
    latitude = np.pi * (np.arange(1, steps // 2) / (steps // 2) - 0.5)
    a, b = np.meshgrid(longitude, latitude, indexing="ij")
    points = np.stack([bent(np.cos(b)) * bent(np.cos(a)), bent(np.cos(b)) * bent(np.sin(a)), bent(np.sin(b))], axis=2)
    rows = points.shape[1]
    poles = np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]])
    vertices = np.concatenate([points.reshape(-1, 3), poles]) * size
    south, north = len(vertices) - 2, len(vertices) - 1
    faces = [wrapped(steps, rows, closed=False)]
    here = np.arange(steps) * rows
    following = np.roll(here, -1)
    faces.append(np.stack([np.full(steps, south), following, here], axis=1))
    faces.append(np.stack([np.full(steps, north), here + rows - 1, following + rows - 1], axis=1))
    return coloured(vertices + ((0.0, 0.0, size[2]) if centre is None else centre), np.concatenate(faces))


def wrapped(columns: int, rows: int, closed: bool = True) -> np.ndarray:
    """Faces (M, 3) of a grid of vertices whose columns, and where ``closed`` its rows, meet themselves."""
    u, v = np.meshgrid(np.arange(columns), np.arange(rows if closed else rows - 1), indexing="ij")
    a, b = u * rows + v, (u + 1) % columns * rows + v
    c, d = (u + 1) % columns * rows + (v + 1) % rows, u * rows + (v + 1) % rows
    return np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3), np.stack([a, c, d], 2).reshape(-1, 3)])


def coloured(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """Give a shape smooth colours that tell its places apart."""
    waves = np.sin(vertices * (2.1, 2.7, 3.3) + (0.3, 1.1, 2.3))
    return Mesh(vertices, faces.astype(np.int32), np.round(130 + 100 * waves).astype(np.uint8))


def ring_of_cameras(mesh: Mesh, count: int, elevations: tuple[float, ...], size: int) -> list[Camera]:
    """Cameras around ``mesh``, their elevations taken in turn."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    distance = 2.1 * float(np.linalg.norm(high - low))
    return [
        looking_at((low + high) / 2, 360 * i / count, elevations[i % len(elevations)], distance, size)
        for i in range(count)
    ]


def photograph(mesh: Mesh, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Photo (H, W, 3) uint8 over a grey ground and soft mask (H, W) uint8, area-averaged."""
    n = OVERSAMPLE
    large = Camera(
        name="", image="", width=camera.width * n, height=camera.height * n,
        K=np.diag([n, n, 1.0]) @ camera.K, cam_from_world=camera.cam_from_world,
    )  # fmt: skip
    colours, covered = attributes_seen(mesh, large, mesh.colours.astype(np.float32))
    colours[~covered] = 90.0
    size = (camera.width, camera.height)
    photo = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_AREA) * 255.0
    return np.round(photo).astype(np.uint8), np.round(mask).astype(np.uint8)


@dataclass
class Scene:
    """A job folder made from a synthetic object, and its truth."""

    spec: JobSpec
    mesh: Mesh
    job_from_truth: np.ndarray
    cameras: list[Camera]

    @property
    def truth(self) -> Mesh:
        """The true mesh in the job's world."""
        return self.mesh.transformed(self.job_from_truth)


def scene(
    job: Path,
    mesh: Mesh,
    count: int = 16,
    elevations: tuple[float, ...] = (15.0, 50.0),
    size: int = 200,
    spoil: dict[str, np.ndarray] | None = None,
    confidence: dict[str, float] | None = None,
) -> Scene:
    """Photograph ``mesh`` and write the job; ``spoil`` replaces masks by name ("000", "001", ...)."""
    cameras = ring_of_cameras(mesh, count, elevations, size)
    names = [f"{i:03d}" for i in range(count)]
    images, masks = {}, {}
    for name, camera in zip(names, cameras, strict=True):
        images[name], masks[name] = photograph(mesh, camera)
    masks |= spoil or {}
    poses = {name: camera.cam_from_world for name, camera in zip(names, cameras, strict=True)}
    box = np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)])
    spec, world = write_job(job, images, masks, poses, cameras[0].K, box, confidence, mesh.vertices[::37])
    return Scene(spec, mesh, world, cameras)


def run_stages(
    spec: JobSpec, names: tuple[str, ...], is_cancelled: object = lambda: False, **overrides: object
) -> dict[str, object]:
    """Run stages on a written job in this process; returns their contexts by name."""
    from turnaround.backend.pipeline import load_stage
    from turnaround.backend.stage import Context
    from turnaround.backend.workspace import Workspace
    from turnaround.protocol import stage_options

    workspace, contexts = Workspace(Path(spec.job)), {}
    for name in names:
        stage = load_stage(name)
        context = Context(
            stage=name, spec=spec, options=stage.Options(**stage_options(name, spec.preset, overrides)),
            workspace=workspace, output=workspace.begin(name),
            inputs=tuple(i for i in stage.INPUTS if workspace.folder(i).exists()), is_cancelled=is_cancelled,
        )  # fmt: skip
        stage.run(context)
        workspace.commit(name, {"stage": name, "metrics": context.facts.metrics, "details": context.facts.details})
        contexts[name] = context
    return contexts
