# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF 2.0 as far as splats need it: the two containers, buffers, accessors and the places of nodes."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from .limits import numbers, parse_json, whole
from .sog_store import plain

MAGIC = b"glTF"
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


class Gltf:
    """One glTF file; every part is checked when it is asked for, and ``ValueError`` says what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        raw = self.path.read_bytes()
        self.binary = b""
        if raw.startswith(MAGIC):
            raw, self.binary = _chunks(raw, self.path)
        self.json = parse_json(raw, f"the description in {self.path}")
        self.buffers: dict[int, bytes] = {}

    def item(self, kind: str, index: object) -> dict[str, Any]:
        """Entry ``index`` of the top-level list ``kind``."""
        entries = self.json.get(kind, [])
        if not isinstance(entries, list):
            raise ValueError(f"expected a list of {kind} in {self.path}")
        found = entries[whole(index, f"an index into {kind}", len(entries) - 1)] if entries else None
        if not isinstance(found, dict):
            raise ValueError(f"expected entry {str(index)[:20]} of {kind} in {self.path}")
        return found

    def accessor(self, index: object, kinds: tuple[str, ...], width: int) -> np.ndarray:
        """Accessor ``index`` as (count, width) float32, normalised where it says so.

        ``kinds`` are the component types allowed, numpy's names, with a trailing ``n`` where normalised.
        """
        entry = self.item("accessors", index)
        component = _TYPES.get(whole(entry.get("componentType"), "a component type"), "")
        normalised = entry.get("normalized") is True
        name = component.lstrip("<") + "n" * normalised
        if _WIDTHS.get(str(entry.get("type"))) != width or name not in kinds:
            raise ValueError(f"expected {width} components of {' or '.join(kinds)} in accessor {index} of {self.path}")
        if "sparse" in entry or "bufferView" not in entry:
            raise ValueError(f"expected accessor {index} of {self.path} to lie in a buffer view, and not to be sparse")
        rows = self._rows(entry, component, width)
        if not normalised:
            return rows.astype(np.float32)
        return np.maximum(rows / np.float32(np.iinfo(component).max), np.float32(-1.0)).astype(np.float32)

    def _rows(self, entry: dict[str, Any], component: str, width: int) -> np.ndarray:
        view = self.item("bufferViews", entry["bufferView"])
        if "extensions" in view:
            raise ValueError(f"expected buffer views that are not compressed in {self.path}")
        buffer = self._buffer(view.get("buffer"))
        size = np.dtype(component).itemsize * width
        count = whole(entry.get("count"), "the count of an accessor")
        start = whole(view.get("byteOffset", 0), "the offset of a buffer view")
        length = whole(view.get("byteLength"), "the length of a buffer view")
        offset = whole(entry.get("byteOffset", 0), "the offset of an accessor")
        stride = whole(
            view.get("byteStride", size), "the stride of a buffer view", 252 if "byteStride" in view else size
        )
        needed = offset + (count - 1) * stride + size if count else 0
        if start + length > len(buffer) or needed > length or stride < size:
            raise ValueError(f"expected {count} rows of an accessor of {self.path} inside its buffer, got fewer bytes")
        return (
            np.ndarray((count, width), component, buffer, start + offset, (stride, size // width))
            if count
            else (np.zeros((0, width), component))
        )

    def _buffer(self, index: object) -> bytes:
        number = whole(index, "an index into buffers")
        if number not in self.buffers:
            entry = self.item("buffers", number)
            self.buffers[number] = self._load(entry) if "uri" in entry else self.binary
        return self.buffers[number]

    def _load(self, entry: dict[str, Any]) -> bytes:
        uri = str(entry["uri"])
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(";base64,")[2], validate=True)
            except binascii.Error as error:
                raise ValueError(f"expected a base64 buffer in {self.path}: {error}") from error
        beside = self.path.parent / plain(unquote(uri))
        if not beside.is_file():
            raise ValueError(f"expected the buffer {beside.name} beside {self.path}")
        return beside.read_bytes()

    def placed(self) -> Iterator[tuple[int, np.ndarray]]:
        """Every mesh's index in the scene with its ``scene_from_mesh`` (4, 4); a node may be met once only."""
        scenes = self.json.get("scenes")
        roots: list[Any]
        if scenes:
            roots = listed(self.item("scenes", self.json.get("scene", 0)), "nodes")
        else:
            nodes = listed(self.json, "nodes")
            children = {str(c) for n in nodes if isinstance(n, dict) for c in listed(n, "children")}
            roots = [i for i in range(len(nodes)) if str(i) not in children]
        open_nodes = [(index, np.eye(4)) for index in reversed(roots)]
        seen: set[int] = set()
        while open_nodes:
            index, scene_from_parent = open_nodes.pop()
            node = self.item("nodes", index)
            if index in seen:
                raise ValueError(f"expected a tree of nodes in {self.path}, got node {index} twice")
            seen.add(index)
            scene_from_node = scene_from_parent @ _parent_from_node(node)
            open_nodes += [(child, scene_from_node) for child in reversed(listed(node, "children"))]
            if "mesh" in node:
                yield whole(node["mesh"], "an index into meshes"), scene_from_node


def _chunks(raw: bytes, path: Path) -> tuple[bytes, bytes]:
    """The JSON and the binary chunk of a GLB."""
    if len(raw) < 20 or struct.unpack_from("<I", raw, 4)[0] != 2:
        raise ValueError(f"expected a GLB of version 2, got {path}")
    found: dict[int, bytes] = {}
    at = 12
    while at + 8 <= len(raw):
        size, kind = struct.unpack_from("<II", raw, at)
        if at + 8 + size > len(raw):
            raise ValueError(f"expected a chunk of {size} bytes at {at} of {path}, got {len(raw) - at - 8}")
        found.setdefault(kind, raw[at + 8 : at + 8 + size])
        at += 8 + size + (-size) % 4
    if _JSON not in found:
        raise ValueError(f"expected a JSON chunk in {path}")
    return found[_JSON], found.get(_BIN, b"")


def listed(entry: dict[str, Any], key: str) -> list[Any]:
    """The list under ``key``, empty where there is none."""
    found = entry.get(key, [])
    if not isinstance(found, list):
        raise ValueError(f"expected {key!r} of a glTF as a list")
    return found


def _parent_from_node(node: dict[str, Any]) -> np.ndarray:
    """A node's matrix (4, 4) float64, given as such (column by column) or as translation, rotation and scale."""
    from .quaternions import to_matrices

    if "matrix" in node:
        return np.array(numbers(node["matrix"], 16, "a node's matrix")).reshape(4, 4).T
    turn = numbers(node.get("rotation", [0, 0, 0, 1]), 4, "a node's rotation")
    if not any(turn):
        raise ValueError("expected a node's rotation that is not zero")
    placed = np.eye(4)
    placed[:3, :3] = to_matrices(np.roll([turn], 1, axis=1))[0] * numbers(
        node.get("scale", [1, 1, 1]), 3, "a node's scale"
    )
    placed[:3, 3] = numbers(node.get("translation", [0, 0, 0]), 3, "a node's translation")
    return placed
