# SPDX-License-Identifier: GPL-3.0-or-later
"""One splat file into another: what ``turnaround convert`` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import moving
from .files import load, save, stated_up


def convert(
    source: Path,
    target: Path,
    up: str | None = None,
    turn: str | None = None,
    transform: np.ndarray | None = None,
) -> dict[str, Any]:
    """Read ``source``, write ``target`` (by its suffix), and say what was done.

    ``up`` says what is up in files that fix no axes; without it, what the source says (``stated_up``). With ``turn``,
    the splats are turned until that is up: they then stand in another program's world. ``transform`` is a similarity
    (4, 4) that is applied first, harmonics included. Splats that are not finite are left out and counted. Raises
    ``ValueError`` for files that are none of the formats, for another kind of matrix, and where both are one file.
    """
    source, target = Path(source), Path(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ValueError(f"expected another file to write than {source}")
    if not target.parent.is_dir():
        raise ValueError(f"expected an existing folder to write to, got {target.parent}")
    up = up or stated_up(source)
    left_out: list[int] = []
    splats = load(source, up, left_out.append)
    if transform is not None:
        splats = moving.transform(splats, transform)
    if turn is not None and turn != up:
        splats = moving.up_from_rub(moving.rub_from_up(splats, up), turn)
        up = turn
    save(target, splats, up)
    return {
        "source": str(source),
        "target": str(target),
        "splats": len(splats),
        "degree": splats.degree,
        "left_out": sum(left_out),
        "up": up,
    }
