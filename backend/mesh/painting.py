# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh's vertices coloured from the photos of a job that are not held out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..records import Camera, Cameras, Masks
from .colours import as_bytes, colours_from_photos, fill_unseen
from .triangles import Mesh, edge_length, vertex_normals


def colour_vertices(
    mesh: Mesh, cameras: Cameras, photos: Path, masks: Path, tell: Callable[[float], None]
) -> np.ndarray:
    """Colour the vertices in place; returns which of them (N,) bool a photo saw. ``tell`` is told the share done."""
    named = Masks.load(masks).named()
    usable = [c for c in cameras.cameras if c.name in named]
    kept = [c for c in usable if not c.held_out] or usable
    done = iter(range(len(kept)))

    def photo_of(camera: Camera) -> Path:
        return photos / camera.image

    def mask_of(camera: Camera) -> Path:
        return masks / named[camera.name].image

    colours, seen = colours_from_photos(
        mesh.vertices,
        vertex_normals(mesh.vertices, mesh.faces),
        mesh,
        kept,
        photo_of,
        mask_of,
        2.0 * edge_length(mesh.vertices, mesh.faces),
        lambda name: tell(next(done) / len(kept)),
    )
    mesh.colours = as_bytes(fill_unseen(mesh.vertices, colours, seen))
    return seen
