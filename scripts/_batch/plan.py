# SPDX-License-Identifier: GPL-3.0-or-later
"""Which captures a batch takes, what each is called, and which flags hold for it alone."""

from __future__ import annotations

import csv
import glob
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Item:
    """One capture: its path, its name in the batch, and flags of its own, as a command line has them."""

    capture: Path
    name: str
    flags: list[str] = field(default_factory=list)


def plan(captures: list[Path], patterns: list[str], lists: list[Path]) -> list[Item]:
    """All captures in the order given, each once, with unique names. Raises ``ValueError`` for a list or a pattern."""
    from turnaround.addon.naming import capture_name

    wanted = [(path.resolve(), "", list[str]()) for path in captures]
    for pattern in patterns:
        # pathlib's patterns begin at a folder; a shell's may begin anywhere.
        found = sorted(Path(p).resolve() for p in glob.glob(pattern, recursive=True))  # noqa: PTH207
        if not found:
            raise ValueError(f"expected the pattern {pattern} to match something, it matches nothing")
        wanted += [(path, "", []) for path in found]
    for file in lists:
        wanted += _listed(file)
    items: list[Item] = []
    for path, name, flags in wanted:
        if any(item.capture == path for item in items):
            continue
        items.append(Item(path, _unique(name or capture_name(path), [item.name for item in items]), flags))
    return items


def _unique(base: str, taken: list[str]) -> str:
    """``base``, or with a number where another capture is called so."""
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _listed(file: Path) -> list[tuple[Path, str, list[str]]]:
    """The captures of a list: one path a line, or CSV with a column ``capture``, perhaps ``name``, and flags.

    Paths are relative to the list's folder; empty lines and lines that begin with # are passed over.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a readable list at {file}, got {error}") from error
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise ValueError(f"expected captures in {file}, got an empty list")
    if "capture" not in [cell.strip() for cell in next(csv.reader(lines[:1]))]:
        return [((file.parent / line.strip()).resolve(), "", []) for line in lines]
    found = []
    for number, row in enumerate(csv.DictReader(lines), 2):
        cells = {(key or "").strip(): (value or "").strip() for key, value in row.items() if isinstance(value, str)}
        if not cells.get("capture"):
            raise ValueError(f"expected a capture in row {number} of {file}, got none")
        flags = [part for k, v in cells.items() if v and k not in {"capture", "name"} for part in (f"--{k}", v)]
        found.append(((file.parent / cells["capture"]).resolve(), cells.get("name", ""), flags))
    return found
