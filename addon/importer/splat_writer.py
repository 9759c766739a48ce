# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats of a Blender object as a standard PLY, to the bit what was imported, less what was deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .spherical import HARMONICS
from .splat_nodes import LOG_SCALE, LOGIT, ROTATION

_FIELDS = {"FLOAT": ("value", 1), "FLOAT_VECTOR": ("vector", 3), "QUATERNION": ("value", 4)}


def write_standard(path: Path, mesh: Any, up: str) -> int:
    """Write the splats of ``mesh`` in its own frame, whose ``up`` (z, y or -y) goes into a comment; their number.

    The columns and their order are those of the 3DGS trainer, normals (zero) included. The file appears whole or not
    at all. Raises ``ValueError`` where an attribute of splats is missing.
    """
    table = table_of(mesh)
    lines = ["ply", "format binary_little_endian 1.0", f"comment {up} up", f"element vertex {len(table)}"]
    lines += [f"property float {name}" for name in table.dtype.names or ()]
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            file.write(("\n".join([*lines, "end_header"]) + "\n").encode("ascii"))
            file.write(table.tobytes())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return len(table)


def table_of(mesh: Any) -> np.ndarray:
    """The splats of ``mesh`` as a structured array (N,) of floats, in the columns of 3DGS."""
    positions: np.ndarray = np.zeros(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", positions)
    harmonics = [values(mesh, name) for name in HARMONICS if name in mesh.attributes]
    columns: dict[str, np.ndarray] = _named("xyz", positions.reshape(-1, 3))
    columns |= dict.fromkeys(("nx", "ny", "nz"), np.zeros(len(mesh.vertices), np.float32))
    columns |= _named([f"f_dc_{c}" for c in range(3)], harmonics[0] if harmonics else values(mesh, HARMONICS[0]))
    higher = harmonics[1:]
    for channel in range(3):
        first = channel * len(higher)
        columns |= {f"f_rest_{first + k}": part[:, channel] for k, part in enumerate(higher)}
    columns |= {"opacity": values(mesh, LOGIT)[:, 0]}
    columns |= _named([f"scale_{c}" for c in range(3)], values(mesh, LOG_SCALE))
    columns |= _named([f"rot_{c}" for c in range(4)], values(mesh, ROTATION))
    table: np.ndarray = np.zeros(len(mesh.vertices), [(name, "<f4") for name in columns])
    for name, column in columns.items():
        table[name] = column
    return table


def values(mesh: Any, name: str) -> np.ndarray:
    """An attribute of the vertices, (N, width) float32."""
    attribute = mesh.attributes.get(name)
    if attribute is None or attribute.data_type not in _FIELDS or attribute.domain != "POINT":
        raise ValueError(f"expected splats with the attribute {name!r}, got none: it was removed or changed.")
    field, width = _FIELDS[attribute.data_type]
    flat: np.ndarray = np.zeros(len(mesh.vertices) * width, np.float32)
    attribute.data.foreach_get(field, flat)
    return flat.reshape(-1, width)


def _named(names: Any, block: np.ndarray) -> dict[str, np.ndarray]:
    return {name: block[:, index] for index, name in enumerate(names)}
