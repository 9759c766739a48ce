# SPDX-License-Identifier: GPL-3.0-or-later
"""Binary PLY files with several elements of scalar properties: what splat files need of the format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_MOST_HEADER = 1 << 16
_ENDS = (b"\nend_header\n", b"\nend_header\r\n")
_TYPES = {
    "float": "f4", "double": "f8", "uchar": "u1", "char": "i1", "ushort": "u2", "short": "i2",
    "float32": "f4", "float64": "f8", "uint8": "u1", "int8": "i1", "uint16": "u2", "int16": "i2",
    "uint": "u4", "int": "i4", "uint32": "u4", "int32": "i4",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass
class Element:
    """One element of a header; ``fields`` are numpy's, ``open_ended`` that it has a list and so no fixed size."""

    name: str
    count: int
    fields: list[tuple[str, str]]
    open_ended: bool = False


def read_elements(path: Path) -> dict[str, np.ndarray]:
    """Elements of scalars as structured arrays (count,), in file order, up to the first one that holds a list.

    Raises ``ValueError`` for another kind of file, a text PLY, and a file shorter than its header claims, before memory
    of the claimed size is taken.
    """
    with Path(path).open("rb") as file:
        elements, start = _parse(file.read(_MOST_HEADER), path)
        size = file.seek(0, 2) - start
        file.seek(start)
        return _rows(file, elements, size, path)


def _rows(file: BinaryIO, elements: list[Element], size: int, path: Path) -> dict[str, np.ndarray]:
    tables: dict[str, np.ndarray] = {}
    for element in elements:
        if element.open_ended:
            break
        row = np.dtype(element.fields)
        claimed = element.count * row.itemsize
        if claimed > size:
            raise ValueError(
                f"expected {claimed} bytes for the {element.count} rows of {element.name!r} in {path}, got {size}"
            )
        size -= claimed
        if element.fields:
            tables[element.name] = np.frombuffer(file.read(claimed), row, element.count)
    return tables


def _parse(head: bytes, path: Path) -> tuple[list[Element], int]:
    """Elements of a header and the header's size in bytes."""
    ends = [head.find(end) + len(end) for end in _ENDS if end in head]
    if not head.startswith(b"ply") or not ends:
        raise ValueError(f"expected a PLY file with a header under {_MOST_HEADER} bytes, got {path}")
    start = min(ends)
    order = ""
    elements: list[Element] = []
    for line in head[:start].decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        if words[:1] == ["format"]:
            order = _ORDERS.get(words[1] if len(words) > 1 else "", "")
            if not order:
                raise ValueError(f"expected a binary PLY file, got {line!r} in {path}")
        elif words[:1] == ["element"] and len(words) == 3 and words[2].isascii() and words[2].isdigit():
            elements.append(Element(words[1], int(words[2]), []))
        elif words[:1] == ["property"] and elements and words[1:2] == ["list"]:
            elements[-1].open_ended = True
        elif words[:1] == ["property"] and elements and len(words) == 3 and words[1] in _TYPES:
            elements[-1].fields.append((words[2], (order or "<") + _TYPES[words[1]]))
        elif words and words[0] not in ("comment", "obj_info", "end_header"):
            raise ValueError(f"expected a PLY header in {path}, got the line {line!r}")
    names = [name for element in elements for name, _ in element.fields]
    if not order or not elements or not names:
        raise ValueError(f"expected a format and elements in the header of {path}")
    for element in elements:
        if len({name for name, _ in element.fields}) < len(element.fields):
            raise ValueError(f"expected properties of different names in {element.name!r} of {path}")
    return elements, start


def columns(table: np.ndarray, names: list[str]) -> np.ndarray:
    """Properties ``names`` of ``table`` (N,) side by side, (N, len(names)) float32; ``ValueError`` where one lacks."""
    missing = [name for name in names if name not in (table.dtype.names or ())]
    if missing:
        raise ValueError(f"expected the property {missing[0]!r} of a splat file, got {table.dtype.names}")
    joined = np.zeros((len(table), len(names)), np.float32)
    with np.errstate(over="ignore"):
        for i, name in enumerate(names):
            joined[:, i] = table[name]
    return joined
