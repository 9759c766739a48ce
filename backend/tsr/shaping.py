# SPDX-License-Identifier: GPL-3.0-or-later
"""From cutouts to one field, its mesh and its views: the order in which the parts of this package are used.

Owns: what is done with several pictures, and where views stand. Does not: files, choosing a checkpoint (the stage).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..geometry import camera_in_new_world
from ..mesh.rendering import looking_at
from ..mesh.triangles import Mesh
from ..records import Camera
from . import checkpoint, mesher, renderer
from .field import Field, chunk_for
from .framing import Square, framed
from .joining import averaged, join
from .occupancy import Occupied
from .turning import DISTANCE, FIELD_OF_VIEW, azimuth_of

_ELEVATIONS = (0.0, 25.0, -10.0)
"""Of the views in turn, degrees: top and underside are seen as well."""

_SAMPLES = 128

Tell = Callable[[float, str], None]
"""Called with the share done and what is being done; may raise to stop."""


@dataclass(frozen=True)
class Guess:
    """The ``field``, the ``square`` of the first picture, and the ``azimuths`` at which pictures were taken to be."""

    field: Field
    square: Square
    azimuths: list[float] = dataclasses.field(default_factory=list)
    doubts: list[float] = dataclasses.field(default_factory=list)


def guess(path: Path, cutouts: list[np.ndarray], azimuths: list[float], combine: str, device: str, tell: Tell) -> Guess:
    """The field of the object on ``cutouts``, (H, W, 4) uint8 each, by the checkpoint at ``path``.

    ``azimuths``: of all cutouts, or of the first ones alone; the others' are estimated. ``combine``: "visible",
    "average" (of the codes) or "first". Raises ``ValueError`` for a file that is no checkpoint.
    """
    tell(0.0, "Loading the network")
    model = checkpoint.load(path, device)
    pairs = [framed(cutout) for cutout in (cutouts[:1] if combine == "first" else cutouts)]
    pictures = [torch.from_numpy(picture) for picture, _ in pairs]
    codes = []
    for index, picture in enumerate(pictures):
        tell(0.1 + 0.7 * index / len(pictures), "Looking at the picture")
        codes.append(model.scene_codes(picture[None])[0])

    def field_of(planes: torch.Tensor) -> Field:
        chunk = chunk_for(planes.device, model.config.plane_channels, model.config.decoder_width)
        return Field(planes, model.decoder, model.config.radius, model.config.density_bias, chunk)

    square = pairs[0][1]
    if len(codes) == 1:
        return Guess(field_of(codes[0]), square, [0.0])
    if combine == "average":
        return Guess(field_of(averaged(torch.stack(codes))), square)
    fields = [field_of(planes) for planes in codes]
    known, doubts = [0.0, *azimuths[1 : len(fields)]], []
    for index in range(len(known), len(fields)):
        tell(0.8 + 0.2 * index / len(fields), "Finding the other pictures' sides")
        azimuth, left = azimuth_of(fields[0], pictures[0], fields[index], pictures[index])
        known.append(azimuth)
        doubts.append(left)
    return Guess(join(fields, known), square, known, doubts)


def surface(
    of: Field, resolution: int, world_from_model: Callable[[np.ndarray], np.ndarray]
) -> tuple[Mesh, np.ndarray]:
    """The mesh in the world and the similarity (4, 4) that ``world_from_model`` found for its vertices (V, 3).

    Raises ``ValueError`` where the field has no surface.
    """
    made = mesher.mesh(of, resolution)
    vertices, faces, colours = _without_islands(made.vertices, made.faces, made.colours)
    similarity = world_from_model(vertices.astype(np.float64))
    mesh = Mesh(vertices.astype(np.float64), faces, np.round(255 * colours).astype(np.uint8))
    return mesh.transformed(similarity), similarity


def _without_islands(
    vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray, share: float = 0.01
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts with at least ``share`` of the triangles of the largest: crumbs around it are the network's doubts."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_matrix((np.ones(len(links)), (links[:, 0], links[:, 1])), (len(vertices),) * 2)
    _, part = connected_components(graph, directed=False)
    count = np.bincount(part[faces[:, 0]], minlength=part.max() + 1)
    kept = faces[(count >= share * count.max())[part[faces[:, 0]]]]
    used = np.unique(kept)
    index = np.zeros(len(vertices), np.int32)
    index[used] = np.arange(len(used))
    return vertices[used], index[kept], colours[used]


def view_cameras(count: int, side: int) -> list[Camera]:
    """``count`` cameras around the model's box, as far away as the network's own, in the model's frame."""
    return [
        looking_at(np.zeros(3), 360.0 * k / count, _ELEVATIONS[k % len(_ELEVATIONS)], DISTANCE, side, FIELD_OF_VIEW)
        for k in range(count)
    ]


def drawn(of: Field, camera: Camera, where: Occupied) -> np.ndarray:
    """What ``camera`` (model's frame) sees, (H, W, 4) uint8 straight."""
    rows, columns = np.indices((camera.height, camera.width)) + 0.5
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3) @ np.linalg.inv(camera.K).T
    rays = rays @ camera.cam_from_world[:3, :3]
    rays = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)
    device = of.planes.device
    origins = torch.from_numpy(np.broadcast_to(camera.centre.astype(np.float32), rays.shape).copy()).to(device)
    seen = renderer.render(of, origins, torch.from_numpy(rays).to(device), _SAMPLES, where).cpu().numpy()
    alpha = seen[:, 3:]
    straight = np.clip((seen[:, :3] - (1 - alpha)) / np.maximum(alpha, 1e-3), 0, 1)
    rgba = np.round(255 * np.concatenate([straight, alpha], axis=1))
    return np.clip(rgba, 0, 255).astype(np.uint8).reshape(camera.height, camera.width, 4)


def in_world(camera: Camera, name: str, world_from_model: np.ndarray) -> Camera:
    """``camera`` of the model's frame as one of the world's, called ``name``."""
    return Camera(
        name=name,
        image=f"images/{name}.png",
        width=camera.width,
        height=camera.height,
        K=camera.K,
        cam_from_world=camera_in_new_world(camera.cam_from_world, world_from_model),
    )
