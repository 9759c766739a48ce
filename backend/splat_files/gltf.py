# SPDX-License-Identifier: GPL-3.0-or-later
"""Splats in glTF: points with the attributes of KHR_gaussian_splatting (ratified by Khronos in 2026).

Axes: RUB (y up), fixed by glTF. Quaternions are x y z w, sizes linear, opacities 0 to 1; the harmonics are 3DGS's
own. Drafts of the extension stored sizes as logarithms: a file with a negative size is read as one of those. The
colour space ``lin_rec709_display`` becomes the sRGB of our splats: the constant harmonic exactly, the others to first
order. Nodes' transforms are applied. Writing and reading again keeps means, quaternions and harmonics bit for bit.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import activations, moving
from .gltf_file import _BIN, _JSON, MAGIC, Gltf, listed
from .limits import check_expansion
from .splats import HARMONICS, Columns, Splats, join

NAME = "KHR_gaussian_splatting"
_PREFIX = f"{NAME}:"
_LINEAR = "lin_rec709_display"
_SRGB = "srgb_rec709_display"
_POINTS = 0
_FLOAT, _BYTE = 5126, 5121
_SPLAT_BYTES = 56
_MOST_COPIES = 16
"""How often a file's bytes may be placed in its scene as splats; quantised ones grow fourfold without."""

_ASSET = {"version": "2.0", "generator": "Turnaround"}
_EMPTY = {"asset": _ASSET, "extensionsUsed": [NAME], "scene": 0, "scenes": [{"name": "no splats"}]}
"""No splats: glTF allows neither empty accessors nor empty lists."""
_ROTATIONS = ("f4", "i1n", "i2n")
_SIZES = ("f4", "u1", "u1n", "u2", "u2n", "i1", "i1n", "i2", "i2n")
_OPACITIES = ("f4", "u1n", "u2n")


def read_gltf(path: Path, checked: Callable[[Columns], Splats]) -> Splats:
    """All splats of the scene in ``path`` (.glb, or .gltf with its buffers inside or beside it), in RUB axes.

    ``checked`` makes ``Splats`` of columns (see ``from_columns``).
    """
    file = Gltf(path)
    found = []
    total = 0
    for mesh, scene_from_mesh in file.placed():
        for primitive in listed(file.item("meshes", mesh), "primitives"):
            if not _has_splats(primitive):
                continue
            splats = checked(_columns(file, primitive))
            total += len(splats)
            check_expansion(_SPLAT_BYTES * total, path.stat().st_size, "a glTF", _MOST_COPIES)
            found.append(splats if (scene_from_mesh == np.eye(4)).all() else moving.transform(splats, scene_from_mesh))
    if not found and NAME not in listed(file.json, "extensionsUsed"):
        raise ValueError(f"expected points with the extension {NAME} in {path}, got none")
    return join(found)


def _has_splats(primitive: object) -> bool:
    extensions = primitive.get("extensions") if isinstance(primitive, dict) else None
    return isinstance(extensions, dict) and NAME in extensions


def _columns(file: Gltf, primitive: dict[str, Any]) -> Columns:
    """The attributes of one primitive, checked against the extension's tables."""
    extension = primitive["extensions"][NAME]
    attributes = primitive.get("attributes")
    if not isinstance(extension, dict) or not isinstance(attributes, dict) or primitive.get("mode", 4) != _POINTS:
        raise ValueError(f"expected splats as points with attributes in {file.path}")
    if extension.get("kernel") != "ellipse":
        raise ValueError(
            f"expected splats of the kernel 'ellipse' in {file.path}, got {str(extension.get('kernel'))[:40]}"
        )
    if extension.get("extensions"):
        raise ValueError(
            f"expected splats that are not compressed in {file.path}, got {list(extension['extensions'])[:3]}"
        )

    def read(name: str, kinds: tuple[str, ...], width: int) -> np.ndarray:
        if name not in attributes:
            raise ValueError(f"expected the attribute {name} of splats in {file.path}")
        return file.accessor(attributes[name], kinds, width)

    means = read("POSITION", ("f4",), 3)
    sizes = read(f"{_PREFIX}SCALE", _SIZES, 3)
    names = [n for n in semantics(_degree(attributes, file.path)) if "SH_DEGREE" in n]
    parts = [read(name, ("f4",), 3) for name in names]
    rotations, opacities = read(f"{_PREFIX}ROTATION", _ROTATIONS, 4), read(f"{_PREFIX}OPACITY", _OPACITIES, 1)
    if {len(part) for part in (*parts, sizes, rotations, opacities)} != {len(means)}:
        raise ValueError(f"expected attributes of one length in {file.path}")
    sh = np.stack(parts, axis=1)
    if extension.get("colorSpace", _SRGB) == _LINEAR:
        sh = _srgb_from_linear(sh)
    logs = sizes if (sizes < 0).any() else activations.log_from_size(sizes)
    quats = np.roll(rotations, 1, axis=1)
    return means, quats, logs, activations.logit_from_opacity(opacities[:, 0]), sh


def semantics(degree: int) -> list[str]:
    """Names of the extension's attributes for harmonics up to ``degree``, in the order they are written."""
    harmonics = [f"{_PREFIX}SH_DEGREE_{band}_COEF_{i}" for band in range(degree + 1) for i in range(2 * band + 1)]
    return [f"{_PREFIX}ROTATION", f"{_PREFIX}SCALE", f"{_PREFIX}OPACITY", *harmonics]


def _degree(attributes: dict[str, Any], path: Path) -> int:
    """Degree of the harmonics; ``ValueError`` where a band is there in part or stands over a missing one."""
    present = {name for name in attributes if name.startswith(f"{_PREFIX}SH_DEGREE_")}
    for degree in range(4):
        if present == {name for name in semantics(degree) if "SH_DEGREE" in name}:
            return degree
    raise ValueError(f"expected whole bands of harmonics of degree 0 to 3 in {path}, got {len(present)} coefficients")


def _srgb_from_linear(sh: np.ndarray) -> np.ndarray:
    """Harmonics (N, K, 3) of a linear colour as those under sRGB's curve (IEC 61966-2-1), taken to first order."""
    colour = activations.colour_from_dc(sh[:, 0].astype(np.float64))
    dark = colour <= 0.0031308
    safe = np.maximum(colour, 0.0031308)
    curved = np.where(dark, 12.92 * colour, 1.055 * safe ** (1 / 2.4) - 0.055)
    slope = np.where(dark, 12.92, 1.055 / 2.4 * safe ** (1 / 2.4 - 1))
    return np.concatenate([activations.dc_from_colour(curved)[:, None], sh[:, 1:] * slope[:, None]], axis=1)


def write_glb(path: Path, splats: Splats) -> None:
    """Write ``splats``, given in RUB axes, as one GLB, with a ``COLOR_0`` for viewers that know points only.

    Its value is the constant harmonic's colour as the extension has it, not made linear as glTF's materials would.
    """
    columns: dict[str, np.ndarray] = {"POSITION": splats.means}
    colour = activations.colour_from_dc(splats.sh[:, 0])
    opacity = activations.opacity_from_logit(splats.opacities.astype(np.float64))[:, None]
    shown = np.concatenate([colour, opacity], axis=1)
    columns["COLOR_0"] = activations.to_levels(shown, 8).astype(np.uint8)
    from .quaternions import unit

    values = [np.roll(unit(splats.quats), -1, axis=1), np.exp(splats.scales.astype(np.float64)), opacity]
    values += [splats.sh[:, k] for k in range(HARMONICS[splats.degree])]
    columns |= {name: v.astype("<f4") for name, v in zip(semantics(splats.degree), values, strict=True)}
    binary, description = _described(columns, len(splats)) if len(splats) else (b"", _EMPTY)
    text = json.dumps(description, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    if total >= 1 << 32:
        raise ValueError(f"expected splats that fit a GLB's 4 GiB, got {total} bytes")
    with Path(path).open("wb") as out:
        out.write(struct.pack("<4sII", MAGIC, 2, total))
        for kind, chunk in ((_JSON, text), (_BIN, binary)):
            out.write(struct.pack("<II", len(chunk), kind))
            out.write(chunk)


def _described(columns: dict[str, np.ndarray], count: int) -> tuple[bytes, dict[str, Any]]:
    """The binary chunk, and the JSON that describes it."""
    blocks, views, accessors, at = [], [], [], 0
    for name, values in columns.items():
        block = np.ascontiguousarray(values).tobytes()
        views.append({"buffer": 0, "byteOffset": at, "byteLength": len(block), "target": 34962})
        kind = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}[values.shape[1]]
        accessor: dict[str, Any] = {"bufferView": len(views) - 1, "count": count, "type": kind}
        accessor["componentType"] = _BYTE if values.dtype == np.uint8 else _FLOAT
        if name == "COLOR_0":
            accessor["normalized"] = True
        if name == "POSITION":
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        accessors.append(accessor)
        blocks.append(block + b"\0" * (-len(block) % 4))
        at += len(blocks[-1])
    extension = {
        "kernel": "ellipse",
        "colorSpace": _SRGB,
        "projection": "perspective",
        "sortingMethod": "cameraDistance",
    }
    primitive = {
        "mode": _POINTS,
        "attributes": {name: i for i, name in enumerate(columns)},
        "extensions": {NAME: extension},
    }
    return b"".join(blocks), {
        "asset": _ASSET,
        "extensionsUsed": [NAME],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "splats"}],
        "meshes": [{"primitives": [primitive]}],
        "buffers": [{"byteLength": at}],
        "bufferViews": views,
        "accessors": accessors,
    }
