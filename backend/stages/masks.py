# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pixels are the object, one mask a frame: given, prompted, from the photos' alpha, or guessed from the cameras.

The sources are tried in that order; which engine carries a prompt is chosen in ``segment/engines.py``. Masks of a
prompt are rough where views are far apart, and say so by their confidence; ``masks_refined`` makes them agree once the
cameras are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..images import read_grey, read_rgb, write_image
from ..records import Cameras, Frame, Frames, Mask, Masks
from ..segment import drawn, engines, sequence
from ..segment.boxed import SIDE
from ..segment.engines import Found, Picture, Task
from ..segment.first import certainty
from ..segment.given import find_masks, read_confidences, read_mask
from ..segment.plain import plain_mask
from ..segment.settle import enlarge
from ..segment.standing_out import standing_out_mask
from ..stage import Context
from ..streaming import ordered_map, worker_count
from ..workspace import write_json

NAME = "masks"
VERSION = 5
INPUTS = ("frames", "cameras")
OUTPUTS = ("masks.json", "prompts.json")
SPEC = ("prompts", "masks")
MODELS = ("sam2", "salient")

_RIM = 0.03
"""Share of the longer side of an unmarked picture that is taken for background all around where nothing stands out."""

_GUESSED = 0.6
"""Factor on the confidence: what stands out need not be what is meant."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Rows of ``protocol.OPTIONS``."""

    engine: str = "auto"
    """What carries a prompt to all frames: auto, sam2, tracker (frames in time), photos (in any order) or fixed
    (a still camera, before which the object turns)."""
    model: str = "auto"
    """Installed model that SAM 2 runs with, of ``turnaround models list``; auto: the largest installed."""
    side: int = 640
    """Pixels of the longer side at which masks are cut, 128 to 4096."""
    smoothness: float = 2.0
    """Price of a pixel of contour against the evidence of a pixel, 0.1 to 20."""


def run(context: Context) -> None:
    """Write a mask for every frame, ``masks.json`` and ``prompts.json``."""
    frames = Frames.load(context.folder("frames")).frames
    write_json(context.output / "prompts.json", context.spec.prompts)
    if context.spec.masks:
        result = _given(context, frames, Path(context.spec.masks))
    elif context.spec.prompts:
        result = _prompted(context, frames)
    elif all(frame.alpha for frame in frames):
        result = _alpha(context, frames)
    elif context.has("cameras"):
        result = _guessed(context, frames)
    elif context.spec.recipe == "single_picture":
        result = _standing_out(context, frames)
    else:
        raise context.error("prompt_bad", "Nothing says which object is meant.", "Click on the object in one photo.")
    if not any(mask.area > 0 for mask in result.masks):
        raise context.error(
            "mask_empty", "No frame's mask holds anything.", "Mark the object by a box or by strokes, on two frames."
        )
    result.save(context.output)
    context.facts.method = result.method
    confidences = [mask.confidence for mask in result.masks]
    context.facts.metrics["mask_confidence_mean"] = round(float(np.mean(confidences)), 4)


def _save(context: Context, frame: Frame, mask: np.ndarray, confidence: float, method: str) -> Mask:
    """Write one frame's ``mask`` (height, width) uint8 and say what it is."""
    write_image(context.output / f"{frame.name}.png", mask)
    area = float((mask > 127).mean())
    return Mask(
        name=frame.name, image=f"{frame.name}.png", confidence=round(confidence, 4), method=method, area=round(area, 6)
    )


def _given(context: Context, frames: list[Frame], folder: Path) -> Masks:
    """Masks the user has: believed as they are, or as far as the session that made them says.

    A frame without one gets an empty mask of no confidence.
    """
    hint = "Choose the folder whose masks have the photos' names (white is the object)."
    try:
        files = find_masks(folder, [(frame.name, frame.source) for frame in frames])
    except FileNotFoundError as error:
        raise context.error("masks_unreadable", str(error), hint) from error
    if not files:
        raise context.error("masks_unreadable", f"No file in {folder} has the name of a frame in use.", hint)
    masks, missing, sure = [], [], read_confidences(folder)
    for i, frame in enumerate(frames):
        context.progress(i / len(frames), f"Reading mask {i + 1} of {len(frames)}")
        mask, confidence = np.zeros((frame.height, frame.width), np.uint8), 0.0
        if frame.name in files:
            try:
                mask, confidence = read_mask(files[frame.name], mask.shape), sure.get(files[frame.name].name, 1.0)
            except ValueError as error:
                raise context.error("masks_unreadable", f"A mask cannot be read: {error}.", hint) from error
        else:
            missing.append(frame.source)
        masks.append(_save(context, frame, mask, confidence, "given"))
    if missing:
        context.warn(
            "masks_missing",
            f"{len(missing)} of {len(frames)} frames have no mask: {', '.join(missing[:5])}.",
            "They take part in finding the cameras only.",
        )
    return Masks(masks=masks, method="given")


def _alpha(context: Context, frames: list[Frame]) -> Masks:
    """The photos' own alpha channels."""
    masks = []
    for i, frame in enumerate(frames):
        context.progress(i / len(frames), f"Reading alpha {i + 1} of {len(frames)}")
        masks.append(_save(context, frame, read_grey(context.folder("frames") / frame.alpha), 1.0, "alpha"))
    return Masks(masks=masks, method="alpha")


def _prompted(context: Context, frames: list[Frame]) -> Masks:
    """Cut the prompted frames and carry their masks to all others."""
    prompts = _prompts_by_frame(context, frames)
    task = _task(context, frames)
    task.prompts = prompts
    _take_drawn(context, task)
    context.progress(0.0, "Reading frames")
    task.ordered = _ordered(context, task)
    choice = engines.choose_for(task, context.options.engine)
    if choice.instead_of:
        context.warn("model_missing", f"Masks were made without {choice.instead_of}: {choice.reason}.", choice.hint)
    context.facts.details["engine"] = choice.name
    engine = engines.load(choice.name)
    return _write_found(context, frames, engine.segment(task), engine.METHOD, guessed=False)


def _take_drawn(context: Context, task: Task) -> None:
    """Prompts that are masks, with the marks that correct them, become drawn masks of ``task``."""
    for i, prompts in list(task.prompts.items()):
        if any(drawn.is_mask(prompt) for prompt in prompts):
            name = engines.choose(context.options.engine, False).name
            clicks = engines.clicker(name, task.device, task.model)
            task.drawn[i] = drawn.corrected(clicks, task.pictures[i], prompts).mask
            del task.prompts[i]


def _prompts_by_frame(context: Context, frames: list[Frame]) -> dict[int, list[dict[str, Any]]]:
    """The job's prompts by frame index; a photo may be named with and without its suffix or folder."""
    by_source = {frame.source: i for i, frame in enumerate(frames)}
    by_source |= {Path(frame.source).name: i for i, frame in enumerate(frames)}
    by_source |= {frame.name: i for i, frame in enumerate(frames)}
    by_source |= {key: i for i, frame in enumerate(frames) for key in frame.prompts}
    if unknown := [name for name in context.spec.prompts if name not in by_source]:
        some = ", ".join(frame.source for frame in frames[:5])
        raise context.error(
            "prompt_frame_missing",
            f"No frame in use is called {unknown[0]}; there are {some}{', ...' if len(frames) > 5 else ''}.",
            "Mark the object on one of these frames.",
        )
    names = [Path(frame.source).name for frame in frames]
    if doubtful := [n for n in context.spec.prompts if names.count(n) > 1 and n not in {f.source for f in frames}]:
        several = ", ".join(frame.source for frame in frames if Path(frame.source).name == doubtful[0])
        raise context.error(
            "prompt_bad", f"{doubtful[0]} may be any of {several}.", "Name the photo with its folder, as shown here."
        )
    prompts: dict[int, list[dict[str, Any]]] = {}
    for name, listed in context.spec.prompts.items():
        prompts[by_source[name]] = [*prompts.get(by_source[name], []), *listed]
    return prompts


def _task(context: Context, frames: list[Frame]) -> Task:
    """The frames as engines see them."""
    pictures = [
        Picture(
            name=frame.name,
            source=frame.source,
            path=context.folder("frames") / frame.image,
            width=frame.width,
            height=frame.height,
            source_width=frame.source_width,
            source_height=frame.source_height,
        )
        for frame in frames
    ]
    options = context.options
    return Task(
        pictures=pictures,
        side=options.side,
        smoothness=options.smoothness,
        model=options.model,
        device=context.device,
        progress=lambda share, message: context.progress(0.9 * share, message),
        warn=context.warn,
    )


def _ordered(context: Context, task: Task) -> bool:
    """Whether the frames follow each other in time."""

    def grey(picture: Picture) -> np.ndarray:
        return cv2.cvtColor(picture.read(sequence.SIDE), cv2.COLOR_RGB2GRAY)

    greys = []
    with closing(ordered_map(grey, task.pictures, worker_count())) as pictures:
        for picture in pictures:
            context.progress(0.0, "Looking at the frames' order")
            greys.append(picture)
    return sequence.is_sequence(greys)


def _guessed(context: Context, frames: list[Frame]) -> Masks:
    """What stands out, or what the cameras look at in common."""
    if some := sum(bool(frame.alpha) for frame in frames):
        context.warn(
            "alpha_incomplete",
            f"Only {some} of {len(frames)} frames have an alpha channel; it was not taken as their mask.",
            "Leave out the opaque photos, or click on the object in one photo.",
        )
    context.warn(
        "object_guessed",
        "Nobody said which object is meant; it was taken to be what the cameras look at in common.",
        "Click on the object in one photo to be sure.",
    )
    cameras = Cameras.load(context.folder("cameras"))
    registered = {camera.name: camera for camera in cameras.cameras}
    task = _task(context, frames)
    task.cameras, task.box = [registered.get(frame.name) for frame in frames], cameras.box
    choice = engines.choose_unmarked()
    if choice.instead_of:
        context.warn(
            "model_missing", f"The object was sought without {choice.instead_of}: {choice.reason}.", choice.hint
        )
    context.facts.details["engine"] = choice.name
    engine = engines.load(choice.name)
    return _write_found(context, frames, engine.segment(task), engine.METHOD, guessed=True)


def _standing_out(context: Context, frames: list[Frame]) -> Masks:
    """The object of pictures that have neither marks nor cameras: what stands out, or differs from the border."""
    task = _task(context, frames)
    cut = [plain_mask(picture.read()) for picture in task.pictures]
    known = [(i, mask) for i, mask in enumerate(cut) if mask is not None]
    if len(known) == len(frames):
        found = (Found(index=i, mask=m, confidence=0.9, method="plain", settled=True) for i, m in known)
        return _write_found(context, frames, found, "plain background", guessed=True)
    choice = engines.choose_unmarked()
    name, hint = choice.name, "Click on the object in the picture to be sure."
    if choice.instead_of:
        name, hint = engines.choose(context.options.engine, False).name, choice.hint
    context.warn("object_guessed", "Nobody said which object is meant; it was taken to be what stands out.", hint)
    context.facts.details["engine"] = name
    if choice.instead_of:
        guesses = [_stands_out(context, i, picture) for i, picture in enumerate(task.pictures)]
        if name != "sam2":
            return _write_found(context, frames, iter(guesses), "standing out", guessed=True)
        task.prompts = {
            i: [_box_around(guess.mask, frame)] for i, (guess, frame) in enumerate(zip(guesses, frames, strict=True))
        }
    engine = engines.load(name)
    return _write_found(context, frames, engine.segment(task), f"{engine.METHOD}, unmarked", guessed=True)


def _stands_out(context: Context, index: int, picture: Picture) -> Found:
    """What stands out on a picture by itself; all but its rim where nothing does."""
    context.progress(0.0, "Looking for what stands out")
    image = picture.read(SIDE)
    found = standing_out_mask(image, context.options.smoothness)
    if found is not None:
        sure = certainty(found.mask, found.ratios, np.ones(found.mask.shape, bool))
        return Found(index=index, mask=found.mask, confidence=_GUESSED * sure, method="standing out")
    mask = np.zeros(image.shape[:2], np.float32)
    rim = round(_RIM * max(image.shape))
    mask[rim:-rim, rim:-rim] = 1
    return Found(index=index, mask=mask, confidence=0.05, method="all but the rim", settled=True)


def _box_around(mask: np.ndarray, frame: Frame) -> dict[str, Any]:
    """A box prompt, source pixels, around ``mask`` (h, w)."""
    rows, columns = np.nonzero(mask > 0.5)
    scale = np.array([frame.source_width, frame.source_height]) / mask.shape[::-1]
    low, high = np.array([columns.min(), rows.min()]) * scale, np.array([columns.max() + 1, rows.max() + 1]) * scale
    return {"type": "box", "xyxy": [*low.tolist(), *high.tolist()]}


def _write_found(context: Context, frames: list[Frame], found: Iterator[Found], method: str, guessed: bool) -> Masks:
    """Bring masks from an engine's size to the frames', as they come, and write them; few are held at a time."""
    masks: dict[int, Mask] = {}

    def write(result: Found) -> tuple[int, Mask]:
        frame = frames[result.index]
        if result.settled:
            size = (frame.width, frame.height)
            mask = np.round(np.clip(cv2.resize(result.mask, size), 0, 1) * 255).astype(np.uint8)
        else:
            picture = read_rgb(context.folder("frames") / frame.image)
            mask = enlarge(result.mask, picture, context.options.smoothness)
        return result.index, _save(context, frame, mask, result.confidence, result.method)

    with closing(ordered_map(write, found, worker_count())) as written:
        for index, mask in written:
            masks[index] = mask
            context.progress(0.9 + 0.1 * len(masks) / len(frames), "Writing masks")
    return Masks(masks=[masks[i] for i in range(len(frames))], method=method, guessed=guessed)
