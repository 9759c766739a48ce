# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos or a video in, frames out: oriented, 8-bit sRGB, of a bounded size, without copies, each with its figures.

Two passes over the files, so that a folder of any size streams through little memory. The survey reads every photo
once, small: what is damaged or shows an earlier view again is left out. Then as many as the preset allows, spread
evenly over the names, are decoded in full and stored. A photo on which the user put a prompt is never left out for
being a copy or one too many. What is done with a video is in ``backend/video/keyframes.py``.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ...protocol import Artefact, JobSpec
from .. import copies, images, photo, refusals, sources
from ..figures import figures
from ..held import read_held
from ..records import Frame, Frames
from ..stage import Context
from ..streaming import Budget, ordered_map, worker_count

NAME = "frames"
VERSION = 2
INPUTS: tuple[str, ...] = ()
OUTPUTS = ("frames.json", "images")
SPEC = ("capture", "prompts", "masks")

_SURVEY_FACTOR = 3
_BYTES_PER_PIXEL = 12


@dataclass(frozen=True, kw_only=True)
class Options:
    """Rows of ``protocol.OPTIONS``."""

    max_frames: int = 120
    long_side: int = 1600
    drop_duplicates: bool = True
    subfolders: bool = False
    check_motion: bool = True  # videos
    camera_pass: bool = True  # videos


@dataclass(frozen=True, kw_only=True)
class Surveyed:
    """One source after the survey: ``problem`` and ``code`` say why it cannot be used, or ``thumbnail`` is there."""

    path: Path
    digest: str = ""
    thumbnail: np.ndarray | None = None
    code: str = ""
    problem: str = ""


def narrowed(spec: JobSpec) -> JobSpec:
    """``spec`` with what matters of its prompts: on photos only which have one, so that a click decodes none again.

    In a video the key frames are chosen by what is marked.
    """
    capture = Path(spec.capture)
    try:
        folder = capture.is_dir() and sources.film_of(sources.list_capture(capture)) is None
    except OSError:
        folder = False
    return replace(spec, prompts={name: [] for name in sorted(spec.prompts)}) if folder else spec


def run(context: Context) -> None:
    """Write ``frames.json``, ``images/`` and, where photos have transparency, ``alpha/``."""
    capture = Path(context.spec.capture)
    if film := refusals.find_video(context, capture):
        _from_video(context, film)
        return
    listing = refusals.list_photos(context, capture, context.options.subfolders)
    capture = capture.parent if capture.is_file() else capture
    frames = Frames()
    for path, reason in listing.refused:
        _leave_out(context, frames, _source(capture, path), "unreadable", reason)
    wanted = _prompted(capture, listing.photos, context.spec)
    candidates = _thin(context, frames, capture, listing.photos, wanted, _SURVEY_FACTOR * context.options.max_frames)
    views = _survey(context, frames, capture, candidates, wanted)
    refusals.check_enough(context, frames, listing, len(views))
    views = _thin(context, frames, capture, views, wanted, context.options.max_frames)
    frames.frames = _store(context, frames, capture, views)
    refusals.check_enough(context, frames, listing, len(frames.frames))
    frames.dropped.sort(key=lambda entry: sources.natural_key(entry["source"]))
    frames.save(context.output)
    _report(context, frames)


def _from_video(context: Context, film: Path) -> None:
    """Frames of a video."""
    from ..video.keyframes import SHEET, frames_of_video

    frames = frames_of_video(context, film)
    frames.save(context.output)
    context.facts.method = "video"
    context.facts.metrics["frames_used"] = len(frames.frames)
    context.facts.details["dropped"] = len(frames.video["looks"]) - len(frames.frames)
    sheet = f"{context.workspace.folder(NAME).name}/{SHEET}"
    context.facts.details["artefacts"] = [
        asdict(Artefact(kind="report", path=sheet, axes="image", unit="pixels", count=1))
    ]
    context.progress(1.0, f"{len(frames.frames)} frames")


def _source(capture: Path, path: Path) -> str:
    """Name by which a source file is known: its path below the capture, in text that JSON can hold."""
    return path.relative_to(capture).as_posix().encode("utf-8", "replace").decode("utf-8")


def _prompted(capture: Path, paths: list[Path], spec: JobSpec) -> frozenset[Path]:
    """Photos on which the user put a prompt, named with or without folder or suffix."""
    return frozenset(p for p in paths if {_source(capture, p), p.name, p.stem} & spec.prompts.keys())


def _thin(
    context: Context, frames: Frames, capture: Path, paths: list[Path], wanted: frozenset[Path], limit: int
) -> list[Path]:
    """At most ``limit`` of ``paths``, spread evenly; ``wanted`` ones stay."""
    if len(paths) <= limit:
        return paths
    others = [p for p in paths if p not in wanted]
    room = max(limit - (len(paths) - len(others)), 0)
    # The middle of each of ``room`` equal parts, so that neither end of the sequence is favoured.
    picked = {others[(2 * i + 1) * len(others) // (2 * room)] for i in range(room)} | wanted
    for path in paths:
        if path not in picked:
            reason = f"more than {context.options.max_frames} frames"
            frames.dropped.append({"source": _source(capture, path), "code": "over_limit", "reason": reason})
    return [p for p in paths if p in picked]


def _leave_out(context: Context, frames: Frames, source: str, code: str, reason: str) -> None:
    """Drop a photo that cannot be used, and say so."""
    frames.dropped.append({"source": source, "code": code, "reason": reason})
    context.warn("photo_skipped", f"{source} was left out: {reason}.", "The other photos are used.")


def _survey(context: Context, frames: Frames, capture: Path, paths: list[Path], wanted: frozenset[Path]) -> list[Path]:
    """Paths of usable photos that show a view of their own."""
    budget = Budget()
    digests: dict[str, str] = {}
    seen = copies.Seen()
    views = []
    with closing(ordered_map(lambda path: _look(path, budget), paths, worker_count())) as results:
        for index, found in enumerate(results):
            source = _source(capture, found.path)
            context.progress(0.4 * index / len(paths), f"looking through photos ({index + 1} of {len(paths)})")
            if found.thumbnail is None:
                _leave_out(context, frames, source, found.code, found.problem)
                continue
            if context.options.drop_duplicates:
                exact = digests.setdefault(found.digest, source)
                near = None if exact != source else seen.find(found.thumbnail)
                if (exact != source or near) and found.path not in wanted:
                    code = "near_copy" if near else "copy"
                    reason = f"shows the same view as {near}" if near else f"a copy of {exact}"
                    frames.dropped.append({"source": source, "code": code, "reason": reason})
                    continue
                seen.add(source, found.thumbnail)
            views.append(found.path)
    return views


def _look(path: Path, budget: Budget) -> Surveyed:
    """Read one photo small. Runs in a worker."""
    try:
        data = path.read_bytes()
        header = photo.read_header(data)
        with budget.hold(header.width * header.height * _BYTES_PER_PIXEL):
            thumbnail = photo.thumbnail(data, copies.SIDE)
    except OSError as error:
        return Surveyed(path=path, code="unreadable", problem=f"it cannot be read ({error.strerror or error})")
    except photo.PhotoError as error:
        return Surveyed(path=path, code=error.code, problem=str(error))
    return Surveyed(path=path, digest=hashlib.sha256(data).hexdigest(), thumbnail=thumbnail)


def _store(context: Context, frames: Frames, capture: Path, paths: list[Path]) -> list[Frame]:
    """Decode, resize and write the chosen photos."""
    (context.output / "images").mkdir()
    budget = Budget()
    names = _unique_names(paths)
    stored = []

    def work(path: Path) -> tuple[Frame | None, photo.PhotoError | None, str]:
        try:
            frame, note = _store_one(context, path, names[path], _source(capture, path), budget)
        except photo.PhotoError as error:
            return None, error, ""
        except FileNotFoundError as error:
            return None, photo.PhotoError("unreadable", f"it is gone ({error.strerror})"), ""
        return frame, None, note

    with closing(ordered_map(work, paths, worker_count())) as results:
        for index, (path, (frame, error, note)) in enumerate(zip(paths, results, strict=True)):
            context.progress(0.4 + 0.6 * index / len(paths), f"reading photos ({index + 1} of {len(paths)})")
            if error:
                _leave_out(context, frames, _source(capture, path), error.code, str(error))
            if frame:
                stored.append(frame)
            if note:
                context.warn("photo_colours", f"{_source(capture, path)}: {note}.")
    return stored


def _unique_names(paths: list[Path]) -> dict[Path, str]:
    """A name a frame: the stem, with a number where two would differ in nothing or in case alone."""
    taken: set[str] = set()
    names = {}
    for path in paths:
        stem = path.stem.encode("utf-8", "replace").decode("utf-8").replace("?", "_")
        name, number = stem, 2
        while name.casefold() in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name.casefold())
        names[path] = name
    return names


def _store_one(context: Context, path: Path, name: str, source: str, budget: Budget) -> tuple[Frame, str]:
    """Write one frame; also a note on its colours. Runs in a worker."""
    data = path.read_bytes()
    header = photo.read_header(data)
    with budget.hold(header.width * header.height * _BYTES_PER_PIXEL):
        shot = photo.decode(data)
        height, width = shot.rgb.shape[:2]
        rgb, alpha = images.shrink(shot.rgb, shot.alpha, context.options.long_side)
    verbatim = shot.verbatim and rgb is shot.rgb
    lossless = header.format in {"PNG", "TIFF", "BMP"}
    image = f"images/{name}{'.png' if lossless else '.jpg'}"
    if verbatim:
        (context.output / image).write_bytes(data)
    else:
        images.write_image(context.output / image, rgb)
    if alpha is not None:
        (context.output / "alpha").mkdir(exist_ok=True)
        images.write_image(context.output / "alpha" / f"{name}.png", alpha)
    held = read_held(data)
    frame = Frame(
        name=name,
        source=source,
        image=image,
        width=rgb.shape[1],
        height=rgb.shape[0],
        source_width=width,
        source_height=height,
        alpha="" if alpha is None else f"alpha/{name}.png",
        focal_px=None if header.focal_px is None else header.focal_px * rgb.shape[1] / width,
        camera_model=header.camera_model,
        gps=None if held.gps is None else list(held.gps),
        gravity=None if held.gravity is None else list(held.gravity),
        **figures(rgb, alpha),
    )
    return frame, shot.note


def _report(context: Context, frames: Frames) -> None:
    """Put the figures of the stage together, and tell what was left out without being broken."""
    same = [d for d in frames.dropped if d["code"] in {"copy", "near_copy"}]
    if same:
        which = refusals.some_of([d["source"] for d in same])
        context.warn("copies_left_out", f"Left out because they repeat an earlier view: {which}.")
    context.facts.method = "photos"
    context.facts.metrics["frames_used"] = len(frames.frames)
    context.facts.details["dropped"] = len(frames.dropped)
    context.progress(1.0, f"{len(frames.frames)} frames")
