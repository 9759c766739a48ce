# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture is called, and which photos are in it; for the panel, the batch and the importer. No Blender here."""

from __future__ import annotations

from pathlib import Path

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp"})
"""What lists of photos offer; the backend itself looks into the files."""
_GENERIC = frozenset({"images", "image", "photos", "pictures", "frames", "input", "rgb", "train", "dcim"})


def capture_name(capture: Path) -> str:
    """The folder's name, or its parent's where the folder's says nothing: ``duck/images`` is the duck."""
    name = capture.stem if capture.is_file() else capture.name
    said = capture.parent.name if name.casefold() in _GENERIC else ""
    return said or name or "capture"


def photos_in(folder: str) -> list[str]:
    """Names of the photos in ``folder``, sorted; none where the folder cannot be read."""
    try:
        return sorted(p.name for p in Path(folder).iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
    except OSError:
        return []
