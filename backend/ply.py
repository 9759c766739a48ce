# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write binary PLY as numpy arrays: points, splats and triangle meshes.

A table is a structured array, one field a property, in file order. Faces are triangles, (M, 3) int32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

_PLY_FROM_NUMPY = {
    "f4": "float", "f8": "double", "u1": "uchar", "i1": "char", "u2": "ushort", "i2": "short", "u4": "uint", "i4": "int"
}  # fmt: skip
_NUMPY_FROM_PLY = {v: k for k, v in _PLY_FROM_NUMPY.items()} | {
    "float32": "f4", "float64": "f8", "uint8": "u1", "int8": "i1",
    "uint16": "u2", "int16": "i2", "uint32": "u4", "int32": "i4",
}  # fmt: skip
_FACE = np.dtype([("count", "u1"), ("indices", "<i4", (3,))])
_MAX_HEADER = 1 << 16


def table(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Join columns (N,) each, little-endian, into one structured array (N,)."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    lengths = {len(a) for a in arrays.values()}
    if len(lengths) != 1:
        raise ValueError(f"expected columns of one length, got {sorted(lengths)}")
    joined = np.zeros(lengths.pop(), dtype=[(n, a.dtype.newbyteorder("<")) for n, a in arrays.items()])
    for name, array in arrays.items():
        joined[name] = array
    return joined


def write_ply(path: Path, vertices: np.ndarray, faces: np.ndarray | None = None, comment: str = "") -> None:
    """Write ``vertices`` (structured, (N,)) and ``faces`` ((M, 3) int, optional) as binary little-endian PLY."""
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {line}" for line in comment.splitlines()]
    lines.append(f"element vertex {len(vertices)}")
    for name in vertices.dtype.names or ():
        lines.append(f"property {_PLY_FROM_NUMPY[vertices.dtype[name].str[1:]]} {name}")
    if faces is not None:
        lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    lines.append("end_header\n")
    with Path(path).open("wb") as file:
        file.write("\n".join(lines).encode("ascii"))
        file.write(np.ascontiguousarray(vertices).tobytes())
        if faces is not None:
            rows = np.zeros(len(faces), _FACE)
            rows["count"], rows["indices"] = 3, faces
            file.write(rows.tobytes())


def read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a binary little-endian PLY: vertices (structured, (N,)) and triangles (M, 3) int32, M = 0 without faces.

    Raises ``ValueError`` for a file of another kind, and for one shorter than its header claims, before any memory of
    the claimed size is taken.
    """
    with Path(path).open("rb") as file:
        elements, header_size = _read_header(file.read(_MAX_HEADER), path)
        file.seek(0, 2)
        rest = file.tell() - header_size
        file.seek(header_size)
        if elements[0][0] != "vertex":
            raise ValueError(f"expected {path} to start with its vertices, got {elements[0][0]!r}")
        vertex_type = np.dtype(elements[0][2])
        counts = [elements[0][1], elements[1][1] if len(elements) > 1 else 0]
        claimed = counts[0] * vertex_type.itemsize + counts[1] * _FACE.itemsize
        if claimed > rest:
            raise ValueError(f"expected {claimed} bytes after the header of {path}, got {rest}")
        vertices = np.frombuffer(file.read(counts[0] * vertex_type.itemsize), vertex_type)
        rows = np.frombuffer(file.read(counts[1] * _FACE.itemsize), _FACE)
    if len(rows) and not (rows["count"] == 3).all():
        raise ValueError(f"expected triangles in {path}, got faces of other sizes")
    return vertices, np.array(rows["indices"].reshape(-1, 3), np.int32)


def _read_header(head: bytes, path: Path) -> tuple[list[tuple[str, int, list[tuple[str, str]]]], int]:
    """Parse the header: elements as (name, count, [(property, numpy type)]) and the header's size in bytes."""
    end = head.find(b"end_header\n")
    if not head.startswith(b"ply") or end < 0:
        raise ValueError(f"expected a PLY file, got {path}")
    elements: list[tuple[str, int, list[tuple[str, str]]]] = []
    for line in head[:end].decode("ascii", "replace").splitlines():
        words = line.split()
        if words[:1] == ["format"] and words[1] != "binary_little_endian":
            raise ValueError(f"expected binary little-endian PLY, got {words[1]} in {path}")
        if words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"] and words[1] != "list":
            elements[-1][2].append((words[2], "<" + _NUMPY_FROM_PLY[words[1]]))
    if not elements:
        raise ValueError(f"expected elements in the header of {path}, got none")
    return elements, end + len(b"end_header\n")
