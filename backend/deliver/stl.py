# SPDX-License-Identifier: GPL-3.0-or-later
"""STL for printers: millimetres, z up, closed, with a base that lies flat on the plate."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ..mesh.triangles import Mesh, face_vectors

BASE = 0.005
"""Share of the height that is pressed flat: a ball then stands on a disc of a seventh of its width."""

_ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER = b"Turnaround, z up, millimetres"


def on_flat_base(mesh: Mesh, share: float = BASE) -> Mesh:
    """``mesh`` with all that lies in the lowest ``share`` of its height pressed onto its lowest plane.

    Pressed and not cut, so that neither its height nor its being closed changes.
    """
    if not len(mesh.vertices):
        return mesh
    vertices = mesh.vertices.copy()
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    vertices[vertices[:, 2] < low + share * (high - low), 2] = low
    return Mesh(vertices, mesh.faces)


def write_stl(path: Path, mesh: Mesh) -> None:
    """Write a binary STL, z up, in the mesh's unit."""
    rows = np.zeros(len(mesh.faces), _ROW)
    vectors = face_vectors(mesh.vertices, mesh.faces)
    rows["normal"] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    rows["corners"] = mesh.vertices[mesh.faces]
    with Path(path).open("wb") as file:
        file.write(_HEADER.ljust(80, b" ") + struct.pack("<I", len(rows)))
        file.write(rows.tobytes())
