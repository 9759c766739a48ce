# SPDX-License-Identifier: GPL-3.0-or-later
"""From a video to frames: two passes of decoding, then a quick camera pass that asks for frames where they are missing.

Owns: the order of the steps, what is said to the user, ``frames.json`` of a video. Does not: how a step is done.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from .. import images
from ..figures import figures
from ..records import Frame, Frames
from ..stage import Context
from . import pixels, regions
from .choosing import Choice, choose
from .contact_sheet import write_contact_sheet
from .motion import Motion, carry_weights, measure
from .names import frame_name, parse, source_of
from .reading import Film, VideoError, open_film
from .survey import Look, clipped, sharpness, survey

LEAST = 3
SHEET = "contact_sheet.jpg"
_ANOTHER = "Choose another video, or a folder of photos."
_MOVE = (
    "Walk around the object while filming, or turn the object slowly on a turntable before the camera; if one of the "
    "two is what this video shows, run again with --set frames.check_motion=false."
)
_LIES = 0.1
"""Share by which a claimed length may be wrong before it is worth a word."""


def frames_of_video(context: Context, path: Path) -> Frames:
    """Write ``images/`` and the contact sheet of the video at ``path``; the records are returned, not yet saved."""
    try:
        looks, film = _look(context, path)
        motion = measure(looks, lambda done: context.progress(0.45 + 0.05 * done, "Measuring motion"))
        _check(context, path, looks, motion)
        masks = Path(context.spec.masks) if context.spec.masks else None
        weights = carry_weights(looks, regions.known_regions(looks, film.header, context.spec.prompts, masks))
        choice = choose(looks, motion.steps, context.options.max_frames, weights, context.options.drop_duplicates)
        if len(choice.chosen) < LEAST:
            raise context.error(
                "capture_too_few",
                f"{path.name} shows {len(choice.chosen)} views that differ; a scan needs at least {LEAST}.",
                "Film for longer, moving around the object.",
            )
        with tempfile.TemporaryDirectory(dir=context.output, prefix=".spare") as spare:
            (context.output / "images").mkdir()
            stored = _store(context, path, looks, choice, Path(spare))
            _add_missing(context, choice, stored, Path(spare), motion)
    except VideoError as error:
        raise context.error("capture_unsupported", f"{path.name} cannot be used: {error}.", _ANOTHER) from error
    frames = _records(path, looks, motion, choice, stored, weights, film)
    _sheet(context, looks, choice, frames, weights)
    return frames


def _look(context: Context, path: Path) -> tuple[list[Look], Film]:
    """The first pass, and what there is to say about the file."""
    wanted = [w for key in context.spec.prompts if (w := parse(key, path.name))]
    with open_film(path) as film:
        claimed = film.header.seconds

        def progress(picture: object) -> None:
            count = getattr(picture, "index", 0)
            share = getattr(picture, "seconds", 0.0) / claimed if claimed else 1 - 1 / (1 + count / 500)
            context.progress(0.45 * min(share, 1.0), f"looking through the video (picture {count + 1})")

        looks = survey(film.pictures, film.header, wanted, progress)
    _tell(context, path, film)
    return looks, film


def _tell(context: Context, path: Path, film: Film) -> None:
    """Warn of what had to be assumed, skipped or converted."""
    header, tally = film.header, film.tally
    if header.hdr:
        context.warn(
            "video_hdr",
            f"{path.name} has high dynamic range ({header.hdr}); it was brought down to standard range.",
            "Colours may differ a little from those a player shows; film in SDR to have them exact.",
        )
    if header.interlaced:
        context.warn("video_interlaced", f"{path.name} is interlaced: one field of each picture is used.")
    if tally.damaged or tally.broke_off:
        what = f"{tally.damaged} damaged pieces were skipped" if tally.damaged else "its end is missing"
        context.warn(
            "video_damaged",
            f"{path.name} is damaged: {what}; {tally.count} pictures ({tally.seconds:.1f} s) could be read.",
            "Copy the video from the camera again if that is less than you filmed.",
        )
    elif header.seconds and abs(tally.seconds - header.seconds) > max(_LIES * header.seconds, 1.0):
        context.warn(
            "video_length",
            f"{path.name} says it lasts {header.seconds:.1f} s, but its pictures end after {tally.seconds:.1f} s.",
            "Copy the video again if that is less than you filmed.",
        )


def _check(context: Context, path: Path, looks: list[Look], motion: Motion) -> None:
    """Refuse a video in which neither the camera nor a turning object moves."""
    if len(looks) < LEAST:
        raise context.error(
            "capture_too_few", f"{path.name} holds {len(looks)} pictures; a scan needs at least {LEAST}.", _ANOTHER
        )
    if motion.camera or motion.turning or not context.options.check_motion:
        return
    seen = "nothing in it moves" if not motion.steps.any() else "what moves in it is not an object that turns"
    raise context.error(
        "no_motion",
        f"{path.name} shows no camera motion: the camera stands still, and {seen}. Without different views of the "
        "object there is no depth to be found.",
        _MOVE,
    )


def _store(context: Context, path: Path, looks: list[Look], choice: Choice, spare: Path) -> dict[int, Frame]:
    """The second pass: write chosen and spare pictures; frames by place in ``looks``."""
    places = {looks[i].index: i for i in [*choice.chosen, *choice.spare]}
    chosen = set(choice.chosen)
    stored: dict[int, Frame] = {}
    with open_film(path) as film:
        for picture in film.pictures:
            context.progress(
                0.5 + 0.3 * len(stored) / len(places), f"reading key frames ({len(stored)} of {len(places)})"
            )
            if picture.index not in places:
                continue
            i = places[picture.index]
            target = context.output / "images" if i in chosen else spare
            stored[i] = _write(picture.frame, film, path.name, looks[i], target, context.options.long_side)
            if len(stored) == len(places):
                break
    return stored


def _write(frame: object, film: Film, video: str, look: Look, folder: Path, side: int) -> Frame:
    """Write one picture as JPEG and describe it."""
    full = pixels.rgb(frame, film.header)
    rgb, _ = images.shrink(full, None, side)
    name = frame_name(video, look.index)
    images.write_image(folder / f"{name}.jpg", rgb)
    return Frame(
        name=name,
        source=source_of(video, look.seconds),
        image=f"images/{name}.jpg",
        width=rgb.shape[1],
        height=rgb.shape[0],
        source_width=full.shape[1],
        source_height=full.shape[0],
        seconds=round(look.seconds, 6),
        prompts=list(look.wanted),
        **figures(rgb, None),
    )


def _add_missing(context: Context, choice: Choice, stored: dict[int, Frame], spare: Path, motion: Motion) -> None:
    """Estimate cameras quickly, and move spare frames to where they are missing."""
    if not (context.options.camera_pass and choice.spare and motion.camera):
        return
    from .first_cameras import first_pass

    names = [Path(stored[i].image).name for i in choice.chosen]
    with tempfile.TemporaryDirectory(dir=context.output, prefix=".first") as work:

        def progress(done: float) -> None:
            context.progress(0.8 + 0.17 * done, "Looking for missing frames")

        found = first_pass(context.output / "images", names, Path(work), progress)
    added = _fill(choice, found.gaps())
    for i, why in added:
        shutil.move(spare / Path(stored[i].image).name, context.output / stored[i].image)
        choice.reasons[i] = "added", why
    choice.chosen = sorted([*choice.chosen, *(i for i, _ in added)])
    choice.spare = [i for i in choice.spare if i not in choice.chosen]
    context.facts.details["first_cameras"] = {
        "registered": int(found.registered.sum()),
        "of": len(names),
        "added": [stored[i].source for i, _ in added],
    }


def _fill(choice: Choice, gaps: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Spare places to add, with the reason: all that lie between the frames on the two sides of a gap."""
    added: dict[int, str] = {}
    for gap, why in gaps:
        low, high = choice.chosen[gap], choice.chosen[gap + 1]
        for i in choice.spare:
            if low < i < high:
                added.setdefault(i, why)
    return sorted(added.items())


def _records(
    path: Path,
    looks: list[Look],
    motion: Motion,
    choice: Choice,
    stored: dict[int, Frame],
    weights: list[np.ndarray | None],
    film: Film,
) -> Frames:
    """``frames.json``: the frames in time, what was left out in sum, and every look with what became of it."""
    frames = Frames(ordered=True)
    for i in choice.chosen:
        stored[i].reason = choice.reasons[i][1]
        frames.frames.append(stored[i])
    table = []
    for i, (look, weight) in enumerate(zip(looks, weights, strict=True)):
        dark, bright = clipped(look, weight)
        table.append([
            look.index, round(look.seconds, 4), round(sharpness(look, weight), 2), round(dark, 4), round(bright, 4),
            round(100 * float(motion.steps[i]), 3), choice.reasons[i][0],
        ])  # fmt: skip
    frames.dropped = _dropped(path, looks, choice)
    header = film.header
    frames.video = {
        "source": path.name,
        "container": header.container,
        "codec": header.codec,
        "rate": round(header.rate, 4),
        "seconds": round(film.tally.seconds, 4),
        "pictures": film.tally.count,
        "turned_degrees": 90 * header.turn,
        "hdr": header.hdr,
        "camera_moves": motion.camera,
        "object_turns": motion.turning,
        "sharpness_over": "mask" if any(w is not None for w in weights) else "picture",
        "columns": ["index", "seconds", "sharpness", "dark", "bright", "step_percent", "decision"],
        "looks": table,
    }
    return frames


def _dropped(path: Path, looks: list[Look], choice: Choice) -> list[dict[str, str]]:
    """Looks left out for a fault of their own one by one, the others in one entry."""
    faults = {"blurred", "near_copy"}
    dropped = [
        {"source": source_of(path.name, looks[i].seconds), "code": code, "reason": reason}
        for i, (code, reason) in sorted(choice.reasons.items())
        if code in faults
    ]
    rest = sum(code in {"between", "spare"} for code, _ in choice.reasons.values())
    if rest:
        reason = f"{rest} pictures lie between the key frames (frames.json lists them)"
        dropped.append({"source": path.name, "code": "between", "reason": reason})
    return dropped


def _sheet(
    context: Context, looks: list[Look], choice: Choice, frames: Frames, weights: list[np.ndarray | None]
) -> None:
    """Write the contact sheet."""
    context.progress(0.98, "Contact sheet")
    shown = [
        (context.output / f.image, _caption(f, choice.reasons[i][0]))
        for f, i in zip(frames.frames, choice.chosen, strict=True)
    ]
    curve = np.array([sharpness(look, w) for look, w in zip(looks, weights, strict=True)])
    write_contact_sheet(context.output / SHEET, shown, curve, choice.chosen, choice.spare)


def _caption(frame: Frame, code: str) -> str:
    """Time and sharpness of a frame, and a word where it is there for another reason."""
    extra = {"added": " added"}.get(code, " prompt" if frame.prompts else "")
    return f"{frame.seconds:.2f} s  {frame.sharpness:.0f}{extra}"
