# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files hold splats, and which of them Blender's side reads without the backend. No Blender here."""

from __future__ import annotations

import itertools
from pathlib import Path

from . import ply

SUFFIXES = (".ply", ".spz", ".splat", ".sog", ".glb", ".gltf")
"""What the file browser offers, besides ``meta.json``, the description of an unpacked SOG."""
SOG_META = "meta.json"
REQUIRED = (
    "x", "y", "z", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
    "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
)  # fmt: skip
_USUAL_UP = "-y"


def is_standard(path: Path) -> bool:
    """Whether ``path`` is a binary little-endian PLY with the columns of 3D Gaussian splatting.

    Everything else that is a splat file is for the backend to turn into one; so is a file that cannot be read, because
    the backend can say why.
    """
    try:
        header = ply.read_header(path)
    except (OSError, ValueError):
        return False
    vertex = next((e for e in header.elements if e.name == "vertex"), None)
    if vertex is None or vertex is not header.elements[0] or vertex.lists:
        return False
    kinds = dict(vertex.scalars)
    return set(kinds) >= set(REQUIRED) and set(kinds.values()) == {"<f4"}


def stated_up(comments: list[str]) -> str:
    """What the comments of a PLY say is up ("z up"), else what is up in most 3DGS files: -y, COLMAP's y being down."""
    words = " ".join(comments).replace(",", " ").replace(";", " ").split()
    for direction, word in itertools.pairwise(words):
        if word == "up" and direction in {"z", "y", "-y"}:
            return direction
    return _USUAL_UP


def source_of(path: Path) -> Path:
    """What the backend is to read: the folder of an unpacked SOG for its ``meta.json``, else the file itself."""
    return path.parent if path.name.lower() == SOG_META else path


def title_of(path: Path) -> str:
    """What the splats are called: the file's name without its suffixes, the folder's for an unpacked SOG."""
    source = source_of(path)
    return source.name.removesuffix(source.suffix).removesuffix(".compressed") or source.name
