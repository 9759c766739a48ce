# SPDX-License-Identifier: GPL-3.0-or-later
"""Read binary little-endian PLY as numpy arrays, at the speed of the disk.

A table is a structured array (N,), one field a property, in file order. The size of the file is compared with what its
header claims before any memory of the claimed size is taken, so a cut or lying file costs nothing but an error.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2",
    "ushort": "<u2", "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4",
    "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8",
}  # fmt: skip
_HEADER_LIMIT = 1 << 16
_END = b"end_header\n"
_ROWS = 4096
"""Rows turned into columns at once: a megabyte of splats, which stays in a core's cache."""


@dataclass
class Element:
    """One element of the header: its rows, its scalar properties, and the types (count, item) of a list property."""

    name: str
    count: int
    scalars: list[tuple[str, str]] = field(default_factory=list)
    lists: list[tuple[str, str]] = field(default_factory=list)

    def row(self, path: Path) -> np.dtype:
        """The type of one row; a list is taken to hold triangles, which the caller checks."""
        if not self.lists:
            return np.dtype(self.scalars)
        if self.scalars or len(self.lists) > 1:
            raise ValueError(f"expected {self.name} in {path} to hold one list of indices and nothing else")
        count, item = self.lists[0]
        return np.dtype([("count", count), ("indices", item, (3,))])


@dataclass(frozen=True)
class Header:
    """The elements of a PLY in file order, its comments, and where the data begins (bytes)."""

    elements: list[Element]
    comments: list[str]
    start: int


def read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (structured, (N,)) and triangles (M, 3) int32 of a PLY; M = 0 where the file has no faces.

    Raises ``ValueError`` for a file of another kind, with other faces than triangles, or shorter than its header says.
    """
    path = Path(path)
    vertices: np.ndarray | None = None
    triangles = np.zeros((0, 3), np.int32)
    header = read_header(path)
    elements, start = header.elements, header.start
    with path.open("rb") as file:
        rows = [element.row(path) for element in elements]
        claimed = sum(e.count * row.itemsize for e, row in zip(elements, rows, strict=True))
        available = path.stat().st_size - start
        if claimed > available:
            raise ValueError(f"expected {claimed} bytes after the header of {path}, got {available}")
        file.seek(start)
        for element, row in zip(elements, rows, strict=True):
            data = np.frombuffer(file.read(element.count * row.itemsize), row)
            if element.name == "vertex":
                vertices = data
            elif element.name == "face":
                triangles = _triangles(data, path)
    if vertices is None:
        raise ValueError(f"expected vertices in {path}, got none")
    return vertices, triangles


def read_columns(path: Path, groups: list[tuple[str, ...]]) -> list[np.ndarray]:
    """Float properties of the first element, ``vertex``, side by side: (N, len(names)) float32 for each of ``groups``.

    Rows are read and turned into columns a piece at a time, which stays in a core's cache: the table itself never
    stands in memory. Raises ``ValueError`` as ``read_ply`` does, and for a property that is missing or no float.
    """
    header = read_header(path)
    vertex = header.elements[0] if header.elements else Element("", 0)
    kinds = dict(vertex.scalars)
    if vertex.name != "vertex" or vertex.lists or set(kinds.values()) != {"<f4"}:
        raise ValueError(f"expected vertices of floats alone in {path}, got {vertex.name} of {set(kinds.values())}")
    names = list(kinds)
    if missing := [name for group in groups for name in group if name not in kinds]:
        raise ValueError(f"expected the columns of splats in {path}, got none called {', '.join(missing)}")
    claimed, available = vertex.count * 4 * len(names), path.stat().st_size - header.start
    if claimed > available:
        raise ValueError(f"expected {claimed} bytes after the header of {path}, got {available}")
    found: list[np.ndarray] = [np.zeros((vertex.count, len(group)), np.float32) for group in groups]
    places = [[names.index(name) for name in group] for group in groups]
    piece: np.ndarray = np.zeros((_ROWS, len(names)), np.float32)
    with path.open("rb", buffering=0) as file:
        file.seek(header.start)
        for start in range(0, vertex.count, _ROWS):
            rows = piece[: min(_ROWS, vertex.count - start)]
            _read_into(file, rows, path)
            for target, place in zip(found, places, strict=True):
                _turn(rows, place, target[start : start + len(rows)])
    return found


def _turn(rows: np.ndarray, place: list[int], target: np.ndarray) -> None:
    """Copy columns ``place`` of ``rows``; neighbours in one go."""
    if place == list(range(place[0], place[0] + len(place))):
        target[:] = rows[:, place[0] : place[0] + len(place)]
        return
    for index, column in enumerate(place):
        target[:, index] = rows[:, column]


def _read_into(file: io.RawIOBase | io.FileIO, rows: np.ndarray, path: Path) -> None:
    """Fill ``rows``; a raw file may give less than it is asked for."""
    left = rows.data.cast("B")
    while len(left):
        got = file.readinto(left)
        if not got:
            raise ValueError(f"expected {len(left)} more bytes in {path}, which was cut while it was read")
        left = left[got:]


def columns(table: np.ndarray, names: tuple[str, ...], dtype: type = np.float32) -> np.ndarray:
    """Properties ``names`` of ``table`` side by side, (N, len(names)); ``ValueError`` for a missing one."""
    if missing := [name for name in names if name not in (table.dtype.names or ())]:
        raise ValueError(f"expected properties {', '.join(names)}, got none called {', '.join(missing)}")
    joined: np.ndarray = np.zeros((len(table), len(names)), dtype)
    for index, name in enumerate(names):
        joined[:, index] = table[name]
    return joined


def has(table: np.ndarray, *names: str) -> bool:
    """Whether ``table`` has all the properties ``names``."""
    return set(names) <= set(table.dtype.names or ())


def _triangles(data: np.ndarray, path: Path) -> np.ndarray:
    """Faces as (M, 3) int32."""
    if "indices" not in (data.dtype.names or ()):
        raise ValueError(f"expected a list of indices for each face of {path}, got {data.dtype.names}")
    if len(data) and not (data["count"] == 3).all():
        raise ValueError(f"expected triangles in {path}, got faces of other sizes")
    return np.array(data["indices"].reshape(-1, 3), np.int32)


def read_header(path: Path) -> Header:
    """The header of ``path``; ``ValueError`` where it is no binary little-endian PLY."""
    with path.open("rb") as file:
        head = file.read(_HEADER_LIMIT)
    end = head.find(_END)
    if not head.startswith(b"ply\n") or end < 0:
        raise ValueError(f"expected a PLY file, got {path}")
    elements: list[Element] = []
    comments: list[str] = []
    for line in head[:end].decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        match words:
            case ["comment" | "obj_info", *_]:
                comments.append(line)
            case ["format", kind, *_] if kind != "binary_little_endian":
                raise ValueError(f"expected binary little-endian PLY, got {kind} in {path}")
            case ["element", name, count] if count.isdigit():
                elements.append(Element(name, int(count)))
            case ["property", "list", count, item, _] if elements and {count, item} <= set(_TYPES):
                elements[-1].lists.append((_TYPES[count], _TYPES[item]))
            case ["property", kind, name] if elements and kind in _TYPES:
                elements[-1].scalars.append((name, _TYPES[kind]))
            case ["element" | "property", *_]:
                raise ValueError(f"expected an element or a property, got {line!r} in {path}")
    return Header(elements, comments, end + len(_END))
