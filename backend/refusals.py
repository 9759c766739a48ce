# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures that cannot work: what is wrong with them and what to do about it, in words for whoever took them."""

from __future__ import annotations

from pathlib import Path

from . import single, sources
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
    alone = context.spec.recipe == "single_picture"
    if capture.is_file() and not (alone and single.is_one_picture(capture)):
        raise _not_a_folder(context, capture, choose)
    try:
        listing = single.list_pictures(capture, subfolders) if alone else sources.list_capture(capture, subfolders)
    except OSError as error:
        raise context.error(
            "capture_missing", f"The folder {capture} cannot be read ({error.strerror}).", choose
        ) from error
    if alone and len(listing.photos) > single.MOST:
        raise context.error(
            "capture_too_many",
            f"{capture} holds {len(listing.photos)} photos; pictures without overlap may be at most {single.MOST}.",
            "Choose --recipe object_scan for photos all around an object, or put the best few into a folder.",
        )
    if listing.photos:
        return listing
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


def find_video(context: Context, capture: Path) -> Path | None:
    """The video that ``capture`` is, or the one that it holds instead of photos; None where photos are to be read.

    Raises the error for a folder of several videos and no photos.
    """
    try:
        if capture.is_file():
            kind = sources.sniff(capture)
            is_film = kind == "video" or (not kind and capture.suffix.lower() in sources.VIDEO_SUFFIXES)
            return capture if is_film else None
        listing = sources.list_capture(capture) if capture.is_dir() else sources.Listing()
    except OSError:
        return None  # list_photos says what is wrong
    if film := sources.film_of(listing):
        for path in listing.photos:
            context.warn("photo_skipped", f"{path.name} was left out: the video {film.name} is the capture.")
        return film
    if listing.photos or not listing.videos:
        return None
    names = some_of([path.name for path in listing.videos])
    raise context.error(
        "capture_unsupported", f"{capture} holds several videos: {names}.", "Choose one of them as the capture."
    )


def _not_a_folder(context: Context, path: Path, choose: str) -> Exception:
    """The error for a capture that is a single file."""
    try:
        kind = sources.sniff(path)
    except OSError as error:
        return context.error("capture_missing", f"{path} cannot be read ({error.strerror}).", choose)
    if kind:
        return context.error("capture_too_few", f"{path.name} is one photo; a scan needs at least {LEAST}.", choose)
    return context.error("capture_unsupported", f"{path.name} is a file, and no picture.", choose)


def check_enough(context: Context, frames: Frames, listing: sources.Listing, count: int) -> None:
    """Raise the error of a capture with too few views, and say where the photos went."""
    if count >= (1 if context.spec.recipe == "single_picture" else LEAST):
        return
    dropped = {code: [d for d in frames.dropped if d["code"] == code] for code in {d["code"] for d in frames.dropped}}
    same = dropped.pop("copy", []) + dropped.pop("near_copy", [])
    dropped.pop("over_limit", None)
    broken = [d for group in dropped.values() for d in group]
    total = len(listing.photos) + len(listing.refused)
    if context.spec.recipe == "single_picture":
        raise context.error(
            "capture_unsupported",
            f"{broken[0]['source']} cannot be used: {broken[0]['reason']}.",
            "Choose another picture, or save it again as JPEG or PNG.",
        )
    message = f"{count} of {total} photos can be used; at least {LEAST} different views are needed."
    hint = "Take 20 to 60 photos, moving around the object between them."
    if same:
        message += f" {len(same)} {'repeats' if len(same) == 1 else 'repeat'} an earlier view ({same[0]['reason']})."
    if broken:
        message += f" {len(broken)} cannot be read ({broken[0]['source']}: {broken[0]['reason']})."
        hint = hint if same else "Copy the photos from the camera again, or choose another folder."
    if listing.videos:
        hint = f"Choose the video {listing.videos[0].name} itself as the capture, or take more photos."
    raise context.error("capture_too_few", message, hint)


def some_of(names: list[str]) -> str:
    """A few of ``names``, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
