# SPDX-License-Identifier: GPL-3.0-or-later
"""A small textured object, made without a job."""

from __future__ import annotations

import numpy as np
import pytest
from turnaround.backend.mesh.textured import TexturedMesh
from turnaround.backend.mesh.triangles import vertex_normals


@pytest.fixture
def textured(synthetic):
    """A box with round edges, standing on the ground, unwrapped, its texture telling places apart."""
    from turnaround.backend.texture.texels import texels_of
    from turnaround.backend.texture.unwrap import unwrap

    body = synthetic.superquadric((0.10, 0.05, 0.08), steps=24)
    parts = unwrap(body, 128)
    vertices = body.vertices[parts.source]
    normals = vertex_normals(body.vertices, body.faces)[parts.source].astype(np.float32)
    texels = texels_of(vertices, normals, parts.faces, parts.uvs, 128)
    colour = texels.picture(np.round(60 + 120 * np.abs(texels.normals)).astype(np.uint8))
    colour[~texels.covered()] = 128
    normal = np.full((32, 32, 3), (128, 128, 255), np.uint8)
    surface = np.full((32, 32, 3), (255, 204, 0), np.uint8)
    seen = np.full((128, 128), 255, np.uint8)
    return TexturedMesh(vertices, parts.faces, normals, parts.uvs, colour, normal, surface, seen)
