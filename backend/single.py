# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a job is one of a single picture: asked for, or because the capture is one picture and nothing else."""

from __future__ import annotations

from pathlib import Path

from ..protocol import JobSpec
from . import sources

MOST = 5
"""More pictures than this are a scan."""


def is_single(spec: JobSpec) -> bool:
    """Whether ``spec`` runs the recipe ``single_picture``."""
    if spec.recipe != "auto" or spec.cameras:
        return spec.recipe == "single_picture"
    return is_one_picture(Path(spec.capture))


def is_one_picture(capture: Path) -> bool:
    """Whether ``capture`` is a file with a picture in it, or a folder that holds one and no video."""
    try:
        if capture.is_file():
            return sources.sniff(capture) not in {"", "video"}
        names = [p for p in capture.iterdir() if p.suffix.lower() in _SUFFIXES] if capture.is_dir() else []
        if len(names) > MOST:
            return False  # without a look at each of thousands of files
        listing = sources.list_capture(capture) if capture.is_dir() else sources.Listing()
    except OSError:
        return False  # the first stage says what is wrong
    return len(listing.photos) == 1 and not listing.videos and not listing.refused and not listing.photos_below


def list_pictures(capture: Path, subfolders: bool = False) -> sources.Listing:
    """The pictures of ``capture``, a file or a folder; of a GIF the first picture will do. Raises ``OSError``."""
    listing = sources.Listing()
    if capture.is_file():
        sources.classify(capture, listing)
    else:
        listing = sources.list_capture(capture, subfolders)
    drawn = [path for path, _ in listing.refused if path.suffix.lower() not in sources.RAW_SUFFIXES]
    drawn = [path for path in drawn if sources.sniff(path) == "GIF"]
    listing.photos += drawn
    listing.refused = [(path, why) for path, why in listing.refused if path not in drawn]
    return listing


_SUFFIXES = sources.PHOTO_SUFFIXES | sources.VIDEO_SUFFIXES
