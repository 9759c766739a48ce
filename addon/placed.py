# SPDX-License-Identifier: GPL-3.0-or-later
"""Which photos of a capture its last job knows the cameras of: only on those can something be measured.

No Blender here; panels ask many times a second, so files are read again only when they have changed.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

_FRAMES, _CAMERAS = "01_frames/frames.json", "04_cameras/cameras.json"


def placed_photos(job: str) -> frozenset[str] | None:
    """Names of the photos that have a camera in the job folder ``job``, as the panel calls them; None while unknown.

    A picture of a video goes by its own name and by those under which it was marked.
    """
    cameras, frames = _read(Path(job) / _CAMERAS), _read(Path(job) / _FRAMES)
    if cameras is None or frames is None:
        return None
    known = {camera["name"] for camera in cameras["cameras"]}
    names: set[str] = set()
    for frame in frames["frames"]:
        if frame["name"] in known:
            names |= {frame["source"], frame["source"].rsplit("/", 1)[-1], *frame.get("prompts", [])}
    return frozenset(names)


def nearest(frame: str, photos: list[str], placed: frozenset[str]) -> str:
    """The photo in ``placed`` that is nearest to ``frame``: in a video by time, else by its number among ``photos``.

    ``frame`` itself where it is one of them, or where there is none.
    """
    if frame in placed:
        return frame
    timed = [(abs(_seconds(name) - _seconds(frame)), name) for name in placed if _film(name) == _film(frame) != ""]
    at = photos.index(frame) if frame in photos else 0
    counted = [(abs(index - at), name) for index, name in enumerate(photos) if name in placed]
    return min(timed or counted or [(0, frame)])[1]


def _film(name: str) -> str:
    """The video whose picture ``name`` is, ``video#seconds``; an empty string for a photo."""
    film, _, seconds = name.rpartition("#")
    return film if seconds.replace(".", "", 1).isdecimal() else ""


def _seconds(name: str) -> float:
    """The time of a video's picture; 0 for a photo."""
    return float(name.rpartition("#")[2]) if _film(name) else 0.0


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON file of a job, None where there is none that can be read."""
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None


@functools.lru_cache(maxsize=6)
def _parsed(path: Path, _changed: int) -> dict[str, Any]:
    """The content of ``path`` as it was at the time ``_changed``."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
