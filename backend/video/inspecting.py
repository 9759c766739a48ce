# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel and the command line ask of a video before a job: what it is, and one of its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import pixels
from .names import Wanted, parse, source_of
from .reading import Film, Picture, VideoError, open_film

_OFFERED = 12
"""Pictures offered for a prompt, evenly over the video."""


@dataclass(frozen=True)
class Description:
    """Facts of a video for ``inspect``, and the ``names`` of pictures a prompt may lie on."""

    facts: dict[str, Any]
    names: list[str]


def describe(path: Path) -> Description:
    """Open the video at ``path`` and decode its first picture. Raises ``VideoError`` or ``OSError``."""
    with open_film(path) as film:
        header = film.header
    count = header.count or round(header.seconds * header.rate)
    facts = {
        "name": path.name,
        "container": header.container,
        "codec": header.codec,
        "width": header.width,
        "height": header.height,
        "rate": round(header.rate, 3),
        "seconds": round(header.seconds, 3),
        "pictures": count,
        "turned_degrees": 90 * header.turn,
        "hdr": header.hdr,
        "interlaced": header.interlaced,
    }
    times = np.arange(_OFFERED) * header.seconds / _OFFERED if header.seconds else [0.0]
    return Description(facts, [source_of(path.name, float(t)) for t in times])


def picture(path: Path, frame: str) -> np.ndarray:
    """The picture that ``frame`` names (see ``names.py``), (H, W, 3) uint8 sRGB, upright.

    Raises ``ValueError`` where ``frame`` names no picture of this video, ``VideoError`` or ``OSError`` for the file.
    """
    want = parse(frame, path.name)
    if want is None:
        raise ValueError(f"expected a picture such as {source_of(path.name, 0.0)}, got {frame}")
    with open_film(path) as film:
        found = _find(film, want)
        if found is None:
            raise VideoError("no_picture", f"it ends after {film.tally.count} pictures, {film.tally.seconds:.2f} s")
        return pixels.rgb(found.frame, film.header)


def _find(film: Film, want: Wanted) -> Picture | None:
    """The picture with the wanted number, or the one nearest in time."""
    nearest: Picture | None = None
    for seen in film.pictures:
        if want.index is not None:
            if seen.index == want.index:
                return seen
            continue
        wanted = want.seconds or 0.0
        if nearest is None or abs(seen.seconds - wanted) < abs(nearest.seconds - wanted):
            nearest = seen
        if seen.seconds > wanted:
            break
    return nearest
