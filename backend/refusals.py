# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures that cannot work: what is wrong with them and what to do about it, in words for whoever took them."""

from __future__ import annotations

from pathlib import Path

from . import sources
from .records import Frames
from .stage import Context

LEAST = 3
"""Fewer views than this fix neither cameras nor a shape."""

_SHOWN = 5


def list_photos(context: Context, capture: Path, subfolders: bool) -> sources.Listing:
    """List the capture; raise the error that tells what is wrong with one that holds no photos."""
    choose = "Choose the folder that holds the photos."
    if not capture.exists():
        raise context.error("capture_missing", f"There is no folder {capture}.", choose)
    if capture.is_file():
        raise _not_a_folder(context, capture, choose)
    try:
        listing = sources.list_capture(capture, subfolders)
    except OSError as error:
        raise context.error(
            "capture_missing", f"The folder {capture} cannot be read ({error.strerror}).", choose
        ) from error
    if listing.photos:
        return listing
    if listing.videos:
        raise _video(context, listing.videos[0])
    message = f"There are no photos in {capture}."
    if listing.refused:
        path, reason = listing.refused[0]
        message += f" {path.name} was left out: {reason}."
    elif listing.others:
        message += f" It holds {some_of([p.name for p in listing.others])}."
    hint = f"{choose} JPEG, PNG, WebP, TIFF and HEIC are read."
    if listing.photos_below:
        hint = (
            f"{listing.photos_below} photos lie in folders below it: choose one of those, or read them all with "
            "--set frames.subfolders=true."
        )
    raise context.error("capture_empty", message, hint)


def _not_a_folder(context: Context, path: Path, choose: str) -> Exception:
    """The error for a capture that is a single file."""
    try:
        kind = sources.sniff(path)
    except OSError as error:
        return context.error("capture_missing", f"{path} cannot be read ({error.strerror}).", choose)
    if kind == "video" or (not kind and path.suffix.lower() in sources.VIDEO_SUFFIXES):
        return _video(context, path)
    if kind:
        return context.error("capture_too_few", f"{path.name} is one photo; a scan needs at least {LEAST}.", choose)
    return context.error("capture_unsupported", f"{path.name} is a file, and no picture.", choose)


def _video(context: Context, path: Path, message: str = "") -> Exception:
    """The error for a video, with the way round it; ``message`` is what else there is to say."""
    return context.error(
        "capture_unsupported",
        f"{path.name} is a video, and videos are not read yet. {message}".rstrip(),
        f'Take photos out of it first, for example: ffmpeg -i "{path.name}" -vf fps=2 -q:v 2 photos/%04d.jpg',
    )


def check_enough(context: Context, frames: Frames, listing: sources.Listing, count: int) -> None:
    """Raise the error of a capture with too few views, and say where the photos went."""
    if count >= LEAST:
        return
    dropped = {code: [d for d in frames.dropped if d["code"] == code] for code in {d["code"] for d in frames.dropped}}
    same = dropped.pop("copy", []) + dropped.pop("near_copy", [])
    dropped.pop("over_limit", None)
    broken = [d for group in dropped.values() for d in group]
    total = len(listing.photos) + len(listing.refused)
    message = f"{count} of {total} photos can be used; at least {LEAST} different views are needed."
    hint = "Take 20 to 60 photos, moving around the object between them."
    if same:
        message += f" {len(same)} {'repeats' if len(same) == 1 else 'repeat'} an earlier view ({same[0]['reason']})."
    if broken:
        message += f" {len(broken)} cannot be read ({broken[0]['source']}: {broken[0]['reason']})."
        hint = hint if same else "Copy the photos from the camera again, or choose another folder."
    if listing.videos:
        raise _video(context, listing.videos[0], message)
    raise context.error("capture_too_few", message, hint)


def some_of(names: list[str]) -> str:
    """A few of ``names``, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
