# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture holds and what a job on it would take, found without writing to it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..protocol import PRESETS
from .errors import PipelineError
from .estimate import forecast

TRUTH_FOLDERS = ("masks", "mask", "depth", "gt", "ground_truth", "truth")
TRUTH_FILES = ("cameras_gt.json", "transforms.json", "gt_mesh.ply", "cameras.txt", "cameras.bin")

_ALONE = "One picture: what it shows is true to it, the other sides are made up."


def inspect(capture: Path) -> dict[str, Any]:
    """Describe ``capture``: photos by format and size, what cannot be read and why, videos, truth nearby, forecasts.

    Every photo is decoded at a reduced size, so that a truncated one is found now. Where a video is the capture,
    ``video`` describes it and ``names`` are pictures of it on which prompts may lie. Raises ``PipelineError``.
    """
    from . import photo, single, sources

    capture = capture.resolve()
    if not capture.exists():
        raise PipelineError("capture_missing", "", f"There is no capture at {capture}.", "Choose a folder of photos.")
    try:
        listing = sources.list_capture(capture) if capture.is_dir() else _one_file(capture)
    except OSError as error:
        message = f"The capture {capture} cannot be read ({error.strerror or error})."
        raise PipelineError("capture_missing", "", message, "Choose a folder that you may read.") from error
    formats: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    names: list[str] = []
    unreadable = [{"name": path.name, "reason": reason} for path, reason in listing.refused]
    for path in listing.photos:
        try:
            data = path.read_bytes()
            header = photo.read_header(data)
            photo.thumbnail(data, 32)
        except (photo.PhotoError, OSError) as error:
            unreadable.append({"name": path.name, "reason": str(error)})
            continue
        formats[header.format] += 1
        sizes[header.width, header.height] += 1
        names.append(path.name)
    video: dict[str, Any] | None = None
    count = len(names)
    if film := sources.film_of(listing):
        video, pictures, many = _video(film, unreadable)
        if video:
            names, count = pictures, many
            sizes = Counter({(video["width"], video["height"]): many})
    long_side = max((max(size) for size in sizes), default=0)
    return {
        "capture": str(capture),
        "photos": 0 if video else count,
        "first": names[0] if names else "",
        "names": names,
        "formats": dict(formats),
        "sizes": [{"width": w, "height": h, "count": n} for (w, h), n in sizes.most_common()],
        "unreadable": unreadable,
        "videos": [path.name for path in listing.videos],
        "video": video,
        "other_files": len(listing.others),
        "photos_in_subfolders": listing.photos_below,
        "truth": truth_near(capture),
        "presets": [asdict(forecast(preset, count, long_side)) for preset in PRESETS] if count else [],
        "advice": [_ALONE]
        if single.is_one_picture(capture)
        else _advice(count, len(unreadable), 0 if video else len(listing.videos), listing.photos_below),
    }


def truth_near(capture: Path) -> list[str]:
    """Masks, cameras, depth or meshes that lie in the capture or beside it: a data set's truth, never read by a job."""
    found = []
    for folder in (capture, capture.parent):
        found += [str(folder / name) for name in TRUTH_FOLDERS if (folder / name).is_dir()]
        found += [str(folder / name) for name in TRUTH_FILES if (folder / name).is_file()]
    return found


def _video(path: Path, unreadable: list[dict[str, str]]) -> tuple[dict[str, Any] | None, list[str], int]:
    """Facts of the video at ``path``, pictures of it to mark, how many it has; one that cannot be read is noted."""
    from .video.inspecting import describe
    from .video.reading import VideoError

    try:
        found = describe(path)
    except (VideoError, OSError) as error:
        unreadable.append({"name": path.name, "reason": str(error)})
        return None, [], 0
    return found.facts, found.names, max(found.facts["pictures"], 1)


def _one_file(path: Path) -> Any:
    """A listing of a capture that is a single file."""
    from . import sources

    listing = sources.Listing()
    sources.classify(path, listing)
    return listing


def _advice(photos: int, unreadable: int, videos: int, below: int) -> list[str]:
    """What a person should know before Run."""
    said = []
    if photos < 3:
        said.append("An object scan needs at least three photos that can be read; twenty or more make a good one.")
    if unreadable:
        said.append(f"{unreadable} files cannot be read and will be left out.")
    if videos:
        said.append("A video is read where it is the capture, or the only one in a folder without photos.")
    if photos < 3 and below:
        said.append(f"{below} photos lie in sub-folders: choose one of those folders, or set frames.subfolders=true.")
    return said


def preview(capture: Path, frame: str, max_side: int, folder: Path) -> dict[str, Any]:
    """Write an upright copy of photo ``frame`` of ``capture`` to ``folder`` as JPEG; prompts are set on it.

    Of a video, ``frame`` is ``name#seconds`` or a picture's number (``video/names.py``).

    Returns its path and size, and the size of the upright source, whose pixels prompts are in. Raises
    ``PipelineError`` where there is no such photo, it cannot be read, or ``folder`` lies in the capture.
    """
    from . import photo

    if capture.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise PipelineError("bad_request", "", f"The preview folder {folder} lies in the capture.", "Choose another.")
    film = _film_of(capture)
    if film is not None:
        return _write_preview(_video_picture(film, frame), f"{film.resolve()}#{frame}", film.stem, max_side, folder)
    source = capture if capture.is_file() and frame == capture.name else capture / frame
    if source != capture and capture.resolve() not in source.resolve().parents:
        raise PipelineError("bad_request", "", f"{frame} is no photo of {capture}.", "Choose a photo of the capture.")
    try:
        picture = photo.decode(source.read_bytes())
    except (photo.PhotoError, OSError) as error:
        message = f"{frame} cannot be shown: {error}."
        raise PipelineError("capture_unsupported", "", message, "Choose another photo.") from error
    return _write_preview(picture.rgb, str(source.resolve()), source.stem, max_side, folder)


def _film_of(capture: Path) -> Path | None:
    """The video that is the capture, if one is."""
    from . import sources

    try:
        listing = sources.list_capture(capture) if capture.is_dir() else _one_file(capture)
    except OSError:
        return None
    return sources.film_of(listing)


def _video_picture(film: Path, frame: str) -> Any:
    """One picture of a video, (H, W, 3) uint8."""
    from .video.inspecting import picture
    from .video.reading import VideoError

    try:
        return picture(film, frame)
    except ValueError as error:
        raise PipelineError("bad_request", "", f"{error}.", "Choose a picture of the video.") from error
    except (VideoError, OSError) as error:
        message = f"{frame} cannot be shown: {error}."
        raise PipelineError("capture_unsupported", "", message, "Choose another picture.") from error


def _write_preview(rgb: Any, key: str, stem: str, max_side: int, folder: Path) -> dict[str, Any]:
    """Write (H, W, 3) uint8 as JPEG, reduced to ``max_side`` where that is not 0; ``key`` tells previews apart.

    Blender reads it on its main thread, in half the time of a PNG.
    """
    from PIL import Image

    image = Image.fromarray(rgb)
    width, height = image.size
    if max_side and max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.BOX, reducing_gap=None)
    folder.mkdir(parents=True, exist_ok=True)
    # Photos of one name in two folders, or in two captures, are two previews.
    path = folder / f"{stem}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.jpg"
    image.save(path, quality=92, subsampling=0)
    shown = {"path": str(path), "width": image.width, "height": image.height}
    return {**shown, "source_width": width, "source_height": height}
