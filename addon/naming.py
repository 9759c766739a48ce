# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture is called, and what is in it; for the panel, the batch and the importer. No Blender here."""

from __future__ import annotations

import functools
from pathlib import Path

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp"})
"""What lists of photos offer; the backend itself looks into the files."""
PICTURE_SUFFIXES = PHOTO_SUFFIXES | {".gif"}
"""What one picture alone may be."""
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp"})
"""What counts as a video by its name."""
_GENERIC = frozenset({"images", "image", "photos", "pictures", "frames", "input", "rgb", "train", "dcim"})


def capture_name(capture: Path) -> str:
    """The folder's name, or its parent's where the folder's says nothing: ``duck/images`` is the duck."""
    name = capture.stem if capture.is_file() else capture.name
    said = capture.parent.name if name.casefold() in _GENERIC else ""
    return said or name or "capture"


def photos_in(capture: str) -> list[str]:
    """Names of the photos in a folder, sorted, or of the picture that ``capture`` is; none where it cannot be read."""
    picture = picture_of(capture)
    return [picture.name] if picture else list(_inside(capture)[0])


def picture_of(capture: str) -> Path | None:
    """The picture that the capture is; None where it is a folder, a video or nothing."""
    path = Path(capture)
    return path if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file() else None


def film_of(capture: str) -> Path | None:
    """The video that the capture is, or the only one in a folder without photos; None where photos are the capture."""
    path = Path(capture)
    if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
        return path
    photos, films = _inside(capture)
    return path / films[0] if len(films) == 1 and not photos else None


def _inside(folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Photos and videos of a folder. Panels ask many times while they draw, so it is read anew only once it changed."""
    try:
        return _read(folder, Path(folder).stat().st_mtime_ns) if folder else ((), ())
    except OSError:
        return (), ()


@functools.lru_cache(maxsize=4)
def _read(folder: str, _changed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of photos and videos, each sorted; ``_changed`` is the folder's own time. Raises ``OSError``."""
    names = sorted(p.name for p in Path(folder).iterdir())
    photos = tuple(name for name in names if Path(name).suffix.lower() in PHOTO_SUFFIXES)
    return photos, tuple(name for name in names if Path(name).suffix.lower() in VIDEO_SUFFIXES)


def capture_from(paths: list[Path]) -> Path:
    """The capture that someone means who hands over ``paths``: a folder, one video, or photos of one folder.

    Raises ``ValueError`` with the way out for anything else.
    """
    videos = [p for p in paths if p.suffix.lower() in VIDEO_SUFFIXES and not p.is_dir()]
    if len(paths) == 1 and (paths[0].is_dir() or videos):
        return paths[0]
    if videos:
        raise ValueError("A capture is one video, or photos: choose one of the videos.")
    folders = {p.parent for p in paths}
    if len(folders) != 1 or any(p.suffix.lower() not in PHOTO_SUFFIXES for p in paths):
        raise ValueError("A capture is a folder of photos or a video: choose photos of one folder.")
    return folders.pop()
