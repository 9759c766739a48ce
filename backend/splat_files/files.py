# SPDX-License-Identifier: GPL-3.0-or-later
"""Load and save splats in any of the files people keep them in, told apart by their content, then by their name.

Axes: SPZ and glTF fix theirs (y up) and are turned so that ``up`` of the splats in memory is up; PLY, ``.splat`` and
SOG fix none and are taken as they are. With the same ``up`` the same splats agree, whatever file they come from.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import antimatter, compressed_ply, gltf, moving, sog, spz, spz_container, standard_ply
from .limits import MOST_META
from .ply_elements import read_elements
from .sog_store import META
from .splats import Columns, Splats, from_columns

_COMMENTS = 1 << 16

USUAL_UP = "-y"
"""What is up in most 3DGS files: COLMAP's y points down. Turnaround's own jobs have ``z`` up."""

WRITTEN = (".ply", ".compressed.ply", ".spz", ".glb")
READ = (*WRITTEN, ".gltf", ".splat", ".sog", f"folder with {META}")


def load(path: Path, up: str = USUAL_UP, on_broken: Callable[[int], None] | None = None) -> Splats:
    """The splats in the file or folder ``path``.

    ``up`` is one of ``moving.UP``. Splats that are not finite, or have no rotation, are left out where ``on_broken`` is
    given, which is told their number; without it they are an error. Raises ``ValueError`` for a file that is none of
    ``READ``, is truncated or claims what it cannot hold.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"expected a splat file, got none at {path}")
    if up not in moving.UP:
        raise ValueError(f"expected one of {', '.join(moving.UP)} for the direction that is up, got {up!r}")
    kind = detect(path)
    if kind == "gltf":
        return moving.up_from_rub(gltf.read_gltf(path, lambda columns: _checked(columns, path, on_broken)), up)
    if kind == "spz":
        columns, signs = spz_container.read_spz(path)
        return moving.up_from_rub(moving.mirror(_checked(columns, path, on_broken), signs), up)
    return _checked(_PLAIN[kind](path), path, on_broken)


def save(path: Path, splats: Splats, up: str = USUAL_UP) -> None:
    """Write ``splats`` in the format of the suffix, one of ``WRITTEN``; ``up`` says which of their directions is up.

    The file appears whole or not at all.
    """
    path = Path(path)
    if up not in moving.UP:
        raise ValueError(f"expected one of {', '.join(moving.UP)} for the direction that is up, got {up!r}")
    name = path.name.lower()
    write = next((w for suffix, w in _WRITERS.items() if name.endswith(suffix)), None)
    if write is None:
        raise ValueError(f"expected a name ending in {', '.join(WRITTEN)}, got {path.name!r}")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(unfinished, splats, up)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def stated_up(path: Path) -> str:
    """What the file's comments say is up (Turnaround's own PLY files: ``z``), else ``USUAL_UP``.

    It is for ``up`` of ``load`` and ``save`` when a file is converted or imported.
    """
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(_COMMENTS)
        if head.startswith(_STARTS["ply"]):
            comments = [line for line in head.partition(b"end_header")[0].splitlines() if line.startswith(b"comment")]
            words = b" ".join(comments).decode("ascii", "replace").replace(",", " ").replace(";", " ").split()
            for direction, word in itertools.pairwise(words):
                if word == "up" and direction in moving.UP:
                    return direction
    return USUAL_UP


def detect(path: Path) -> str:
    """``ply``, ``spz``, ``gltf``, ``sog`` or ``splat``; ``ValueError`` for anything else."""
    if path.is_dir():
        if (path / META).is_file():
            return "sog"
        raise ValueError(f"expected {META} in the folder {path}: a folder of splats is a SOG")
    with path.open("rb") as file:
        head = file.read(64)
    for kind, starts in _STARTS.items():
        if head.startswith(starts):
            return kind
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and path.stat().st_size <= MOST_META:
        return "sog" if path.name.lower() == META else "gltf"
    if path.suffix.lower() == ".splat":
        return "splat"
    raise ValueError(f"expected splats ({', '.join(READ)}), got another kind of file in {path}")


def _ply(path: Path) -> Columns:
    tables = read_elements(path)
    if compressed_ply.is_compressed(tables):
        return compressed_ply.from_tables(tables)
    if "vertex" not in tables:
        raise ValueError(f"expected the element 'vertex' in {path}, got {list(tables)}")
    return standard_ply.from_table(tables["vertex"])


def _checked(columns: Columns, path: Path, on_broken: Callable[[int], None] | None) -> Splats:
    """Columns as ``Splats``, without those that are not finite where ``on_broken`` is given."""
    good: np.ndarray = np.any(columns[1] != 0, axis=1)
    for values in columns:
        with np.errstate(over="ignore"):
            good &= np.isfinite(values.astype(np.float32)).all(axis=tuple(range(1, values.ndim)))
    if good.all():
        return from_columns(*columns)
    broken = int(np.count_nonzero(~good))
    if on_broken is None:
        raise ValueError(f"expected finite splats in {path}, got {broken} broken ones of {len(good)}")
    on_broken(broken)
    return from_columns(*(values[good] for values in columns))


_STARTS = {"ply": (b"ply\n", b"ply\r"), "spz": (spz.MAGIC, b"\x1f\x8b"), "gltf": (b"glTF",), "sog": (b"PK\x03\x04",)}
_PLAIN: dict[str, Callable[[Path], Columns]] = {
    "ply": _ply,
    "sog": sog.read_sog,
    "splat": antimatter.read_antimatter,
}
_WRITERS: dict[str, Callable[[Path, Splats, str], None]] = {
    ".compressed.ply": lambda path, splats, up: compressed_ply.write_compressed(path, splats, f"{up} up"),
    ".ply": lambda path, splats, up: standard_ply.write_standard(path, splats, f"{up} up"),
    ".spz": lambda path, splats, up: spz_container.write_spz(path, moving.rub_from_up(splats, up)),
    ".glb": lambda path, splats, up: gltf.write_glb(path, moving.rub_from_up(splats, up)),
}
