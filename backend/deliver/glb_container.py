# SPDX-License-Identifier: GPL-3.0-or-later
"""The container of a GLB: buffer views, accessors and the two chunks (glTF 2.0, sections 3.6 and 4)."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
_VERTICES, _INDICES = 34962, 34963
_COMPONENTS = {"<f4": 5126, "<u4": 5125, "<u2": 5123}
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_MOST_BYTES = 1 << 32


@dataclass
class Binary:
    """The binary chunk as it grows, with the views and accessors that describe it."""

    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    size: int = 0

    def bytes_of(self, data: bytes, **more: int) -> int:
        """Append ``data``; returns the index of its buffer view."""
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": len(data), **more})
        self.blocks.append(data + b"\0" * (-len(data) % 4))
        self.size += len(self.blocks[-1])
        return len(self.views) - 1

    def vertices(self, values: np.ndarray, bounds: bool = False) -> int:
        """Append a vertex attribute (N, C) as float32; returns its accessor. ``bounds``: with least and greatest."""
        stored = np.ascontiguousarray(values, "<f4")
        accessor = self._accessor(stored, _VERTICES)
        if bounds:
            accessor |= {"min": stored.min(axis=0).tolist(), "max": stored.max(axis=0).tolist()}
        return len(self.accessors) - 1

    def indices(self, faces: np.ndarray, vertices: int) -> int:
        """Append ``faces`` (M, 3) of ``vertices`` vertices in the smallest type; returns the accessor."""
        kind = "<u2" if vertices < (1 << 16) - 1 else "<u4"
        self._accessor(np.ascontiguousarray(faces.reshape(-1, 1), kind), _INDICES)
        return len(self.accessors) - 1

    def _accessor(self, stored: np.ndarray, target: int) -> dict[str, Any]:
        component = _COMPONENTS["<" + stored.dtype.str[1:]]
        kind = _KINDS[stored.shape[1]]
        view = self.bytes_of(stored.tobytes(), target=target)
        self.accessors.append({"bufferView": view, "componentType": component, "count": len(stored), "type": kind})
        return self.accessors[-1]


def write_chunks(path: Path, description: dict[str, Any], binary: Binary) -> None:
    """Write header, JSON padded with spaces, and binary. Raises ``ValueError`` for more than a GLB can hold."""
    text = json.dumps(description, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + binary.size
    if total >= _MOST_BYTES:
        raise ValueError(f"expected a mesh that fits a GLB's 4 GiB, got {total} bytes")
    with Path(path).open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<II", len(text), _JSON_CHUNK) + text)
        file.write(struct.pack("<II", binary.size, _BINARY_CHUNK))
        for block in binary.blocks:
            file.write(block)
