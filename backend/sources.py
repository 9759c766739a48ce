# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a capture folder are photos. Decided by content: suffixes lie (a PNG called .jpg is common).

The folder is only ever read. Hidden files, ``__MACOSX`` and files that neither are nor claim to be pictures (sidecars,
notes) are passed over in silence; a file that claims to be a picture and is none is reported.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp"})
RAW_SUFFIXES = frozenset({".cr2", ".cr3", ".nef", ".nrw", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp"})

FEWEST = 3
"""Fewer photos than this make no scan."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"GIF8", "GIF"),
    (b"\x1aE\xdf\xa3", "video"),
    (b"\0\0\1\xba", "video"),
    (b"\0\0\1\xb3", "video"),
)


@dataclass(kw_only=True)
class Listing:
    """What a capture holds. ``photos`` are in natural order; ``refused`` are (path, reason).

    ``photos_below`` counts files with a photo's suffix in sub-folders that were not asked for.
    """

    photos: list[Path] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    photos_below: int = 0


def film_of(listing: Listing) -> Path | None:
    """The video that a folder is there for: its only one, beside fewer photos than a scan needs (a mask, a cover)."""
    return listing.videos[0] if len(listing.videos) == 1 and len(listing.photos) < FEWEST else None


def natural_key(text: str) -> tuple[list[tuple[int, int | str]], str]:
    """Sort key under which ``img2`` comes before ``img10``, whatever the case; the text itself breaks ties."""
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(p)) if i % 2 else (1, p) for i, p in enumerate(parts)], text


def sniff(path: Path) -> str:
    """Format by the file's first bytes: a Pillow format name, ``"video"`` or ``""``. Raises ``OSError``."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if head[:4] == b"RIFF":
        return {b"WEBP": "WEBP", b"AVI ": "video"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _SOUND_BRANDS:
            return ""
        return "HEIF" if brand in _HEIF_BRANDS else "AVIF" if brand in {b"avif", b"avis"} else "video"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def list_capture(folder: Path, subfolders: bool = False) -> Listing:
    """Sort the files of ``folder`` (and, if asked, of all folders below) into a ``Listing``. Raises ``OSError``."""
    listing = Listing()
    for path in _files(folder, subfolders):
        classify(path, listing)
    if not subfolders:
        below = (p for p in _files(folder, True) if p.parent != folder)
        listing.photos_below = sum(p.suffix.lower() in PHOTO_SUFFIXES for p in below)
    return listing


def _files(folder: Path, subfolders: bool) -> list[Path]:
    """Regular, visible files in natural order of their path relative to ``folder``."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [f for f in folders if not f.startswith(".") and f != "__MACOSX"] if subfolders else []
        found += [Path(parent) / n for n in names if not n.startswith(".")]

    def order(path: Path) -> tuple[object, str]:
        # Without the suffix, so that "a.jpg" comes before "a copy.jpg", which is then known as the copy.
        return natural_key(path.relative_to(folder).with_suffix("").as_posix()), path.suffix

    return sorted((p for p in found if p.is_file()), key=order)


def _raise(error: OSError) -> None:
    """Let ``os.walk`` report a folder that cannot be listed: passing over it would lose photos silently."""
    raise error


def classify(path: Path, listing: Listing) -> None:
    """Put one file into the list it belongs to."""
    suffix = path.suffix.lower()
    try:
        kind = sniff(path)
    except OSError as error:
        listing.refused.append((path, f"it cannot be read ({error.strerror or error})"))
        return
    if suffix in RAW_SUFFIXES:
        # Most raw files are TIFF containers whose first picture is a thumbnail: decoding them would look like success.
        listing.refused.append((path, "it is a camera's raw file; export it as JPEG, TIFF or PNG"))
    elif kind == "video" or (not kind and suffix in VIDEO_SUFFIXES):
        listing.videos.append(path)
    elif kind == "GIF":
        listing.refused.append((path, "GIF pictures have too few colours to be of use"))
    elif kind == "BMP" and suffix not in PHOTO_SUFFIXES:
        listing.others.append(path)  # two letters are a weak sign
    elif kind:
        listing.photos.append(path)
    elif suffix in PHOTO_SUFFIXES:
        listing.refused.append((path, "it is empty" if path.stat().st_size == 0 else "its content is no picture"))
    else:
        listing.others.append(path)
